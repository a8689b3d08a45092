// The journal: how a commit becomes durable as one, and how what a cut left behind is finished.
// Source: Apple's public vfs_journal.h and kernel; docs/formats/hfsplus.md, "Commit".
//
// Invariants: the header's `end` moves only after the lists before it are durable; nothing is written to the ring before
// `start` has moved there durably, so that whatever a cut leaves of a new transaction lies where nobody looks. Replay
// trusts nothing: bounds and checksums first, whole transactions only.

import { assert, type BlockDevice, CorruptError } from '@tintype/core';
import {
  blockListBytes,
  type JournalBlock,
  listCapacity,
  piecesOf,
  readBlockList,
  type WaitingBlock,
} from './journal/block-list.js';
import { type JournalState, journalHeaderBytes, readJournalHeader, SECTOR, unusedJournal } from './journal/header.js';
import { Ring } from './journal/ring.js';
import type { HeaderFields } from './mounted.js';
import { JOURNAL_INFO_FLAGS, JournalInfoBlock } from './structs/journal.js';
import { VOLUME_ATTRIBUTES } from './structs/volume-header.js';

export type { JournalBlock } from './journal/block-list.js';

const SMALLEST = 256 << 10;
export const LARGEST_JOURNAL = 1 << 30;
/** Boot blocks and volume header. */
const FIRST_BYTES = 1536;

/** Bytes of the volume. */
export interface JournalPlace {
  readonly offset: number;
  readonly size: number;
}

/** What a replay will write, and where the ring stands after it. */
interface Waiting {
  readonly blocks: readonly WaitingBlock[];
  readonly end: number;
  readonly sequence: number;
}

export class Journal {
  readonly #device: BlockDevice;
  /** Byte of the info block. */
  readonly #info: number;
  #place: JournalPlace;
  #state: JournalState;
  #ring: Ring;
  /** The info block still says that the journal was never used. */
  #isUnused: boolean;

  private constructor(device: BlockDevice, { info, place, isUnused }: JournalInfo, state: JournalState) {
    this.#device = device;
    this.#info = info;
    this.#place = place;
    this.#state = state;
    this.#ring = ringOf(device, place, state);
    this.#isUnused = isUnused;
  }

  /** Null if the volume is not journaled. @throws CorruptError if the journal cannot be where the volume says */
  static open(
    device: BlockDevice,
    volume: Pick<HeaderFields, 'attributes' | 'blockSize' | 'journalInfoBlock'>,
  ): Journal | null {
    if ((volume.attributes & VOLUME_ATTRIBUTES.journaled) === 0) return null;
    const info = readInfoBlock(device, volume.journalInfoBlock * volume.blockSize);
    const { place, isUnused } = info;
    const state = isUnused ? newJournal(device, place) : readJournalHeader(device, place.offset, place.size);
    return new Journal(device, info, state);
  }

  /** No transaction waits. */
  get isEmpty(): boolean {
    return this.#state.start === this.#state.end;
  }

  /** Where it lies. */
  get place(): JournalPlace {
    return this.#place;
  }

  /** Bytes of blocks that one transaction can hold for certain, however small they are. */
  get capacity(): number {
    return capacityOf(this.#state);
  }

  /**
   * Writes the blocks of waiting transactions to `target`: this device, or one over it. True if there were any. The
   * journal itself is not changed; `retire` empties it once the blocks are durable.
   *
   * @throws CorruptError if the first transaction is damaged; of several, those before the damaged one are replayed
   */
  replay(target: BlockDevice): boolean {
    if (this.isEmpty) return false;
    const { blocks, end, sequence } = this.#waiting();
    for (const block of blocks)
      for (const { position, bytes } of piecesOf(this.#ring, block)) target.write(position, bytes);
    // Lists behind the header's end may have been replayed: a new one must not take their number, or those that
    // follow it would look like its successors.
    this.#state.end = end;
    this.#state.sequence = sequence;
    return true;
  }

  /** Does one transaction hold these blocks? */
  fits(blocks: readonly JournalBlock[]): boolean {
    return lengthOf(blocks, this.#state) < roomOf(this.#state);
  }

  /**
   * Makes the blocks durable as one transaction: lists, barrier, header, barrier. The caller has flushed since the last
   * `retire`; it then writes the blocks home, flushes, and calls `retire`.
   *
   * With `place` the journal moves there in the same moment: the blocks must tell so in catalog and bitmap, and nothing
   * else may need what lies there. The info block is written last, and with it the transaction counts.
   */
  commit(blocks: readonly JournalBlock[], place: JournalPlace | null = null): void {
    assert(this.isEmpty, 'the transaction before is home');
    assert(blocks.length > 0, 'a transaction holds blocks');
    if (place) {
      this.#place = place;
      this.#state = unusedJournal(place.size, this.#state.sequence);
      this.#ring = ringOf(this.#device, place, this.#state);
    } else this.#takeOver();
    assert(this.fits(blocks), 'the transaction fits into the journal');
    this.#write(blocks);
    if (place) this.#putInfo();
  }

  /** All blocks are home, durably: the transaction is not needed any more. The caller flushes before the next commit. */
  retire(): void {
    this.#state.start = this.#state.end;
    this.#toOurForm();
    this.#putHeader();
  }

  #write(blocks: readonly JournalBlock[]): void {
    const state = this.#state;
    const perList = listCapacity(state);
    state.sequence = (state.sequence + 1) >>> 0 || 1;
    let at = state.end;
    for (let i = 0; i < blocks.length; i += perList)
      at = this.#ring.write(at, blockListBytes(blocks.slice(i, i + perList), state, { isFirst: i === 0 }));
    this.#device.flush();
    state.end = at;
    this.#putHeader();
    this.#device.flush();
  }

  /** An empty journal of another machine, or one never used, becomes one that we write. */
  #takeOver(): void {
    this.#toOurForm();
    if (!this.#isUnused) return;
    this.#putHeader();
    this.#device.flush();
    this.#putInfo();
  }

  /** The info block says where the journal lies, and that it is in use: one sector, so it does so in one moment. */
  #putInfo(): void {
    const bytes = new Uint8Array(SECTOR);
    const view = new DataView(bytes.buffer);
    this.#device.read(this.#info, bytes);
    const { offset, size } = this.#place;
    JournalInfoBlock.write(view, 0, {
      ...JournalInfoBlock.read(view, 0),
      flags: JOURNAL_INFO_FLAGS.inVolume,
      offset,
      size,
    });
    this.#device.write(this.#info, bytes);
    this.#device.flush();
    this.#isUnused = false;
  }

  /** Our lists count sectors of 512 bytes, little endian: both are free while the journal is empty. */
  #toOurForm(): void {
    assert(this.isEmpty, 'lists in the ring keep their form');
    this.#state.little = true;
    if (this.#state.sector === SECTOR) return;
    this.#state.sector = SECTOR;
    this.#ring = ringOf(this.#device, this.#place, this.#state);
  }

  #putHeader(): void {
    this.#device.write(this.#place.offset, journalHeaderBytes(this.#state));
  }

  /** All whole transactions from `start` on, in the order in which they are to be written. */
  #waiting(): Waiting {
    const state = this.#state;
    const ring = this.#ring;
    const used = ring.distance(state.start, state.end);
    const blocks: WaitingBlock[] = [];
    let whole = { count: 0, done: 0, sequence: 0 };
    let sequence = 0;
    for (let done = 0; done < ring.room; ) {
      const length = done < used ? used - done : ring.room - done;
      const limits = { length, volumeSize: this.#device.size, journal: this.#place };
      const list = readBlockList(ring, ring.after(state.start, done), state, limits);
      if (!list || !(done < used ? follows(list.sequence, sequence) : continues(list, sequence))) break;
      if (list.isFirst && done < used) whole = { count: blocks.length, done, sequence };
      for (const block of list.blocks) blocks.push(block);
      done += list.length;
      sequence = list.sequence || sequence;
      if (done >= used) whole = { count: blocks.length, done, sequence };
    }
    if (whole.done === 0)
      throw new CorruptError('journal', 'block list', this.#place.offset + state.start, 'no whole transaction waits');
    const isCut = whole.done < used;
    return {
      blocks: blocks.slice(0, whole.count),
      end: isCut ? state.end : ring.after(state.start, whole.done),
      sequence: isCut ? state.sequence : whole.sequence || state.sequence,
    };
  }
}

/** May a list with this number follow one with that number, before the end? 0 = not given. */
function follows(sequence: number, last: number): boolean {
  return sequence === 0 || last === 0 || sequence === last || sequence === (last + 1) >>> 0;
}

/** Behind the end, which the header may tell late, only what certainly comes next is a list. */
function continues({ sequence, isFirst }: { sequence: number; isFirst: boolean }, last: number): boolean {
  return last !== 0 && sequence === (isFirst ? (last + 1) >>> 0 : last);
}

/** Bytes of blocks that a new journal of this size can hold in one transaction. */
export function journalCapacity(size: number): number {
  return capacityOf(unusedJournal(size, 0));
}

function roomOf({ size, sector }: JournalState): number {
  return size - sector;
}

function capacityOf(state: JournalState): number {
  const lists = Math.ceil(roomOf(state) / (listCapacity(state) * SECTOR)) + 1;
  return Math.floor((roomOf(state) - lists * state.listHeaderSize) / 2);
}

function lengthOf(blocks: readonly JournalBlock[], state: JournalState): number {
  let length = Math.ceil(blocks.length / listCapacity(state)) * state.listHeaderSize;
  for (const { bytes } of blocks) length += bytes.length;
  return length;
}

/** For a journal that was never used. Lists of an older one at the same place must not look like successors of ours. */
function newJournal(device: BlockDevice, { offset, size }: JournalPlace): JournalState {
  try {
    const old = readJournalHeader(device, offset, size);
    return unusedJournal(size, old.sequence + Math.ceil(size / SECTOR));
  } catch (error) {
    if (error instanceof CorruptError) return unusedJournal(size, 1);
    throw error;
  }
}

function ringOf(device: BlockDevice, { offset, size }: JournalPlace, { sector }: JournalState): Ring {
  return new Ring(device, { offset, first: sector, size });
}

interface JournalInfo {
  /** Byte of the info block. */
  readonly info: number;
  readonly place: JournalPlace;
  readonly isUnused: boolean;
}

function readInfoBlock(device: BlockDevice, info: number): JournalInfo {
  if (info === 0 || info + SECTOR > device.size)
    throw new CorruptError('HFSPlusVolumeHeader', 'journalInfoBlock', info, 'lies outside the volume');
  const bytes = new Uint8Array(SECTOR);
  device.read(info, bytes);
  const view = new DataView(bytes.buffer);
  const { flags, offset, size } = JournalInfoBlock.read(view, 0);
  if ((flags & JOURNAL_INFO_FLAGS.inVolume) === 0)
    throw JournalInfoBlock.corrupt(view, 0, 'flags', 'the journal is not on this volume');
  if (size < SMALLEST || size > LARGEST_JOURNAL || size % SECTOR !== 0)
    throw JournalInfoBlock.corrupt(view, 0, 'size', `no journal has ${size} bytes`);
  const end = offset + size;
  const isFree = offset >= FIRST_BYTES && end <= device.size - 1024 && (end <= info || offset >= info + SECTOR);
  if (!isFree || offset % SECTOR !== 0)
    throw JournalInfoBlock.corrupt(view, 0, 'offset', `a journal of ${size} bytes cannot lie at ${offset}`);
  return { info, place: { offset, size }, isUnused: (flags & JOURNAL_INFO_FLAGS.needsInit) !== 0 };
}
