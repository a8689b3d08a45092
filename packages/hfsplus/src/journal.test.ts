import { AssertionFailure, CorruptError, OverlayDevice } from '@tintype/core';
import { CrashDevice, count, Random, RecordingDevice, replayJournal, type SparseDevice } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { blockListBytes } from './journal/block-list.js';
import { journalChecksum } from './journal/checksum.js';
import { journalHeaderBytes, readJournalHeader } from './journal/header.js';
import {
  DISK_SIZE,
  HOME_AT,
  HOME_SIZE,
  headerOf,
  homeOf,
  INFO_AT,
  JOURNAL_AT,
  JOURNAL_SIZE,
  journaledDisk,
  openJournal,
  randomBlocks,
  readBytes,
  volume,
  writeHome,
} from './journal/journaled.testing.js';
import { Journal, type JournalBlock } from './journal.js';
import { BlockListHeader, JournalHeader, JournalHeaderBig } from './structs/journal.js';

/** One whole commit as the file system makes it. */
function commitHome(
  disk: { write(position: number, bytes: Uint8Array): void; flush(): void },
  journal: Journal,
  blocks: readonly JournalBlock[],
) {
  disk.flush();
  journal.commit(blocks);
  writeHome(disk, blocks);
  disk.flush();
  journal.retire();
}

function contentOf(disk: SparseDevice): Buffer {
  return Buffer.from(readBytes(disk, 0, DISK_SIZE));
}

function finish(disk: SparseDevice): boolean {
  const journal = openJournal(disk);
  if (!journal.replay(disk)) return false;
  journal.retire();
  return true;
}

/** Transactions that all wait: their lists as written one after the other, and a header that still begins at the first. */
function waitingDisk(transactions: readonly (readonly JournalBlock[])[]): SparseDevice {
  const disk = journaledDisk();
  const journal = openJournal(disk);
  commitHome(disk, journal, randomBlocks(new Random(99), 3));
  const { start } = headerOf(disk);
  const home = homeOf(disk);
  for (const blocks of transactions) commitHome(disk, journal, blocks);
  const state = readJournalHeader(disk, JOURNAL_AT, JOURNAL_SIZE);
  disk.write(JOURNAL_AT, journalHeaderBytes({ ...state, start }));
  disk.write(HOME_AT, home);
  return disk;
}

function expectedHome(transactions: readonly (readonly JournalBlock[])[]): Buffer {
  const disk = journaledDisk();
  writeHome(disk, randomBlocks(new Random(99), 3));
  for (const blocks of transactions) writeHome(disk, blocks);
  return homeOf(disk);
}

test('a volume without a journal has none', () => {
  expect(Journal.open(journaledDisk(), { ...volume, attributes: 0x100 })).toBe(null);
});

test('the first commit makes the header; the info block then says that there is one', () => {
  const disk = journaledDisk();
  const journal = openJournal(disk);
  expect(journal.isEmpty).toBe(true);
  const blocks = randomBlocks(new Random(1), 5);
  journal.commit(blocks);
  expect(readBytes(disk, INFO_AT, 4)).toEqual(Uint8Array.of(0, 0, 0, 1));
  expect(headerOf(disk)).toMatchObject({
    start: 512,
    size: JOURNAL_SIZE,
    blhdrSize: 8192,
    jhdrSize: 512,
    sequenceNum: 2,
  });
  expect(headerOf(disk).end).toBeGreaterThan(512 + 8192);
  expect(finish(disk)).toBe(true);
  const direct = journaledDisk();
  writeHome(direct, blocks);
  expect(homeOf(disk).equals(homeOf(direct))).toBe(true);
  expect(openJournal(disk).isEmpty).toBe(true);
  expect(finish(disk)).toBe(false);
});

test('a commit: lists, barrier, header, barrier', () => {
  const disk = journaledDisk();
  openJournal(disk).commit(randomBlocks(new Random(1), 1));
  openJournal(disk).replay(disk);
  const retired = openJournal(disk);
  retired.replay(disk);
  retired.retire();
  const recorded = new RecordingDevice(disk);
  openJournal(recorded).commit([{ position: HOME_AT + 1024, bytes: new Uint8Array(1024) }]);
  const calls = recorded.calls.filter(({ kind }) => kind !== 'read').map(({ kind, length }) => `${kind} ${length}`);
  expect(calls).toEqual([`write ${8192 + 1024}`, 'flush 0', 'write 512', 'flush 0']);
});

test('a volume mounted read-only sees what waits, and keeps it', () => {
  const disk = waitingDisk([randomBlocks(new Random(5), 20)]);
  const before = contentOf(disk);
  const overlay = new OverlayDevice(disk);
  expect(openJournal(disk).replay(overlay)).toBe(true);
  expect(contentOf(disk).equals(before)).toBe(true);
  const seen = Buffer.alloc(HOME_SIZE);
  overlay.read(HOME_AT, seen);
  expect(seen.equals(expectedHome([randomBlocks(new Random(5), 20)]))).toBe(true);
});

describe('several transactions that wait', () => {
  const transactions = [1, 2, 3].map((seed) => randomBlocks(new Random(seed), 10));
  test('are replayed in order', () => {
    const disk = waitingDisk(transactions);
    const twin = disk.clone();
    expect(finish(disk)).toBe(true);
    expect(homeOf(disk).equals(expectedHome(transactions))).toBe(true);
    replayJournal(twin);
    expect(homeOf(twin).equals(homeOf(disk))).toBe(true);
  });

  test('behind a header that tells their end too early', () => {
    const disk = waitingDisk(transactions);
    const state = readJournalHeader(disk, JOURNAL_AT, JOURNAL_SIZE);
    const first = new DataView(readBytes(disk, JOURNAL_AT + state.start, 512).buffer).getUint32(4, true);
    const early = { ...state, end: state.start + first, sequence: state.sequence - 2 };
    disk.write(JOURNAL_AT, journalHeaderBytes(early));
    finish(disk);
    expect(homeOf(disk).equals(expectedHome(transactions))).toBe(true);
    // The next transaction follows the last that was found, in place and number.
    expect(headerOf(disk)).toMatchObject({ start: state.end, end: state.end, sequenceNum: state.sequence });
  });

  test('of which one is damaged: those before it count, but for the last', () => {
    // Nobody can tell whether a damaged list belonged to the transaction before it.
    const damaged = (index: number): SparseDevice => {
      const disk = waitingDisk(transactions);
      let at = JOURNAL_AT + readJournalHeader(disk, JOURNAL_AT, JOURNAL_SIZE).start;
      for (let i = 0; i < index; i += 1) at += new DataView(readBytes(disk, at, 512).buffer).getUint32(4, true);
      disk.write(at + 8192, new Uint8Array(512));
      return disk;
    };
    const disk = damaged(2);
    const twin = disk.clone();
    finish(disk);
    expect(homeOf(disk).equals(expectedHome(transactions.slice(0, 1)))).toBe(true);
    replayJournal(twin);
    expect(homeOf(twin).equals(homeOf(disk))).toBe(true);
    expect(() => finish(damaged(1))).toThrow(CorruptError);
  });

  test('of which the first is damaged: the journal is', () => {
    const disk = waitingDisk(transactions);
    disk.write(JOURNAL_AT + readJournalHeader(disk, JOURNAL_AT, JOURNAL_SIZE).start, new Uint8Array(16));
    expect(() => openJournal(disk).replay(disk)).toThrow(CorruptError);
  });
});

test('a list left over from long ago is never taken for the next one', () => {
  const disk = journaledDisk();
  const journal = openJournal(disk);
  const random = new Random(8);
  // Each transaction as long as the others, so that lists of the last round lie exactly behind the newest.
  const transaction = () =>
    Array.from({ length: 4 }, () => ({ position: HOME_AT + 512 * random.below(100), bytes: random.bytes(8192) }));
  for (let i = 0; i < 40; i += 1) {
    const blocks = transaction();
    disk.flush();
    journal.commit(blocks);
    const cut = disk.clone();
    finish(cut);
    writeHome(disk, blocks);
    expect(homeOf(cut).equals(homeOf(disk))).toBe(true);
    journal.retire();
  }
});

test('a journal over an older one counts on far behind it', () => {
  const disk = waitingDisk([randomBlocks(new Random(1), 4)]);
  const old = headerOf(disk).sequenceNum;
  disk.write(INFO_AT, Uint8Array.of(0, 0, 0, 5));
  openJournal(disk).commit(randomBlocks(new Random(2), 4));
  expect(headerOf(disk).sequenceNum).toBe(old + JOURNAL_SIZE / 512 + 1);
});

test('sequence numbers go round without being 0, which means none', () => {
  const disk = journaledDisk();
  const journal = openJournal(disk);
  commitHome(disk, journal, randomBlocks(new Random(1), 1));
  const state = readJournalHeader(disk, JOURNAL_AT, JOURNAL_SIZE);
  disk.write(JOURNAL_AT, journalHeaderBytes({ ...state, sequence: 0xffff_ffff }));
  openJournal(disk).commit(randomBlocks(new Random(2), 1));
  expect(headerOf(disk).sequenceNum).toBe(1);
});

test('a transaction of as many bytes as `capacity` says fits, however small its blocks', () => {
  const disk = journaledDisk();
  const journal = openJournal(disk);
  const blocks = Array.from({ length: Math.floor(journal.capacity / 512) }, (_, i) => ({
    position: HOME_AT + (i % 500) * 512,
    bytes: new Uint8Array(512).fill(i),
  }));
  commitHome(disk, journal, blocks);
  journal.commit(blocks);
  expect(finish(disk)).toBe(true);
});

test('a transaction that does not fit is our own mistake, and is not begun', () => {
  const disk = journaledDisk();
  const blocks = [{ position: HOME_AT, bytes: new Uint8Array(JOURNAL_SIZE - 512 - 8192) }];
  const journal = openJournal(disk);
  commitHome(disk, journal, randomBlocks(new Random(1), 1));
  const before = contentOf(disk);
  expect(() => journal.commit(blocks)).toThrow(AssertionFailure);
  expect(contentOf(disk).equals(before)).toBe(true);
});

describe('journals of other machines', () => {
  /** Header and lists in the other byte order; block checksums are those of bytes and stay. */
  function bigEndianDisk(transactions: readonly (readonly JournalBlock[])[]): SparseDevice {
    const disk = waitingDisk(transactions);
    const state = readJournalHeader(disk, JOURNAL_AT, JOURNAL_SIZE);
    for (let at = state.start; at < state.end; ) {
      const list = readBytes(disk, JOURNAL_AT + at, state.listHeaderSize);
      at += new DataView(list.buffer).getUint32(4, true);
      swapList(list);
      disk.write(JOURNAL_AT + at - new DataView(list.buffer).getUint32(4), list);
    }
    const header = new Uint8Array(512);
    const view = new DataView(header.buffer);
    JournalHeaderBig.write(view, 0, { ...headerOf(disk), checksum: 0 });
    view.setUint32(JournalHeader.at.checksum, journalChecksum(header.subarray(0, 44)));
    disk.write(JOURNAL_AT, header);
    return disk;
  }
  function swapList(list: Uint8Array): void {
    const entries = Buffer.from(list.buffer);
    for (const at of [0, 2]) entries.subarray(at, at + 2).swap16();
    entries.subarray(4, 16).swap32();
    for (let at = 16; at < list.length; at += 16) {
      entries.subarray(at, at + 8).swap64();
      entries.subarray(at + 8, at + 16).swap32();
    }
    const view = new DataView(list.buffer);
    view.setUint32(BlockListHeader.at.checksum, 0);
    view.setUint32(BlockListHeader.at.checksum, journalChecksum(list.subarray(0, 32)));
  }

  test('of the other byte order are replayed, and go on in ours', () => {
    const transactions = [1, 2].map((seed) => randomBlocks(new Random(seed), 30));
    const disk = bigEndianDisk(transactions);
    expect(readJournalHeader(disk, JOURNAL_AT, JOURNAL_SIZE).little).toBe(false);
    finish(disk);
    expect(homeOf(disk).equals(expectedHome(transactions))).toBe(true);
    expect(readJournalHeader(disk, JOURNAL_AT, JOURNAL_SIZE).little).toBe(true);
  });

  test('of the other byte order that are empty are written', () => {
    const disk = bigEndianDisk([]);
    const journal = openJournal(disk);
    expect(journal.isEmpty).toBe(true);
    const blocks = randomBlocks(new Random(3), 5);
    journal.commit(blocks);
    finish(disk);
    expect(homeOf(disk).equals(expectedHome([blocks]))).toBe(true);
  });

  test('of disks with sectors of 4096 bytes are replayed, and go on with 512', () => {
    const disk = journaledDisk();
    const journal = openJournal(disk);
    commitHome(disk, journal, randomBlocks(new Random(1), 1));
    const random = new Random(6);
    const block = { position: HOME_AT, bytes: random.bytes(4096) };
    const state = { ...readJournalHeader(disk, JOURNAL_AT, JOURNAL_SIZE), sector: 4096, listHeaderSize: 512 };
    const list = blockListBytes([block], state, { isFirst: true });
    disk.write(JOURNAL_AT + 8192, list);
    disk.write(JOURNAL_AT, journalHeaderBytes({ ...state, start: 8192, end: 8192 + list.length }));
    const waiting = openJournal(disk);
    waiting.replay(disk);
    expect(readBytes(disk, block.position, 4096)).toEqual(block.bytes);
    waiting.retire();
    const next = { position: HOME_AT + 512, bytes: random.bytes(512) };
    waiting.commit([next]);
    finish(disk);
    expect(readBytes(disk, next.position, 512)).toEqual(next.bytes);
    expect(headerOf(disk).jhdrSize).toBe(512);
  });
});

interface Step {
  readonly blocks: readonly JournalBlock[];
  /** Calls of the disk when the commit was done. */
  readonly calls: number;
}

/** Transactions of all sizes, some of two lists, often round the end of the ring. */
function crashedRun(seed: number): { crash: CrashDevice; steps: Step[] } {
  const random = new Random(seed);
  const crash = new CrashDevice(journaledDisk());
  const journal = openJournal(crash);
  const steps: Step[] = [];
  for (let i = 0; i < 12; i += 1) {
    // Every fifth has more blocks than one list can count.
    const blocks = i % 5 === 4 ? randomBlocks(random, 700, 1) : randomBlocks(random, random.between(1, 25));
    crash.flush();
    journal.commit(blocks);
    steps.push({ blocks, calls: crash.calls });
    writeHome(crash, blocks);
    crash.flush();
    journal.retire();
  }
  crash.flush();
  return { crash, steps };
}

test.each([1, 2, 3])('after any cut there are whole transactions only, seed %i', (seed) => {
  const { crash, steps } = crashedRun(seed);
  const homes = [homeOf(journaledDisk())];
  const home = journaledDisk();
  for (const { blocks } of steps) {
    writeHome(home, blocks);
    homes.push(homeOf(home));
  }
  for (const { device, calls, description } of crash.randomStates({ seed, count: count(100, 2000) })) {
    const twin = device.clone();
    finish(device);
    const done = steps.filter((step) => step.calls <= calls).length;
    const found = homes.slice(done, done + 2).findIndex((each) => each.equals(homeOf(device)));
    expect(found, description).toBeGreaterThanOrEqual(0);
    replayJournal(twin);
    expect(homeOf(twin).equals(homeOf(device)), `${description}: replays differ`).toBe(true);
  }
});
