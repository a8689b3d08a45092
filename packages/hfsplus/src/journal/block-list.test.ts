import { AssertionFailure, MemoryDevice } from '@tintype/core';
import { Random } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { BlockInfo, BlockListHeader } from '../structs/journal.js';
import { blockListBytes, type JournalBlock, listCapacity, piecesOf, readBlockList } from './block-list.js';
import { journalChecksum } from './checksum.js';
import { unusedJournal } from './header.js';
import { Ring } from './ring.js';

const SIZE = 512 << 10;
const OFFSET = 4096;
const state = unusedJournal(SIZE, 7);
const limits = { length: SIZE - 512, volumeSize: 2 ** 43, journal: { offset: OFFSET, size: SIZE } };

/** The list in a ring of its own, changed before it is read back. */
function readBack(list: Uint8Array, change: (view: DataView) => void = () => {}, place = 512) {
  const bytes = list.slice();
  const view = new DataView(bytes.buffer);
  change(view);
  const ring = new Ring(new MemoryDevice(new Uint8Array(OFFSET + SIZE)), { offset: OFFSET, first: 512, size: SIZE });
  ring.write(place, bytes);
  return { ring, list: readBlockList(ring, place, state, limits) };
}

/** As `readBack`, with the list's own checksum put right after the change. */
function readResealed(list: Uint8Array, change: (view: DataView) => void) {
  return readBack(list, (view) => {
    change(view);
    view.setUint32(BlockListHeader.at.checksum, 0);
    const sum = journalChecksum(new Uint8Array(view.buffer, 0, 32));
    view.setUint32(BlockListHeader.at.checksum, sum, true);
  }).list;
}

function blocks(count: number, seed = 1): JournalBlock[] {
  const random = new Random(seed);
  // Beyond 2 TiB, so that sector numbers need more than 32 bits.
  return Array.from({ length: count }, (_, i) => ({
    position: 2 ** 42 + i * 65_536,
    bytes: random.bytes(512 * random.between(1, 16)),
  }));
}

test('a list of blocks is read as it was written, also round the end of the ring', () => {
  const written = blocks(40);
  const length = 8192 + written.reduce((sum, { bytes }) => sum + bytes.length, 0);
  for (const place of [512, SIZE - 512, SIZE - 8192, SIZE - 100_352]) {
    const { ring, list } = readBack(blockListBytes(written, state, { isFirst: true }), undefined, place);
    expect(list).toMatchObject({ length, sequence: 7, isFirst: true });
    for (const [i, block] of (list?.blocks ?? []).entries()) {
      expect(block.position).toBe(written[i]?.position);
      const bytes = [...piecesOf(ring, block)].map((piece) => piece.bytes.slice());
      expect(Buffer.concat(bytes).equals((written[i] as JournalBlock).bytes)).toBe(true);
    }
    expect(list?.blocks).toHaveLength(40);
  }
});

test('long blocks come in pieces that lie one behind the other', () => {
  const bytes = new Random(2).bytes(200_704);
  const { ring, list } = readBack(blockListBytes([{ position: 1 << 30, bytes }], state, { isFirst: false }));
  expect(list?.isFirst).toBe(false);
  const pieces = [...piecesOf(ring, list?.blocks[0] ?? { position: 0, place: 0, length: 0 })];
  expect(pieces.map(({ position }) => position)).toEqual([0, 65_536, 131_072, 196_608].map((at) => (1 << 30) + at));
});

test('as many blocks as its header can count, and no more', () => {
  expect(listCapacity(state)).toBe(510);
  const full = Array.from({ length: 510 }, (_, i) => ({ position: i * 512, bytes: new Uint8Array(512).fill(i) }));
  const journal = { offset: 1 << 30, size: SIZE };
  const { ring } = readBack(blockListBytes(full, state, { isFirst: true }));
  expect(readBlockList(ring, 512, state, { ...limits, journal })?.blocks).toHaveLength(510);
  const tooMany = [...full, { position: 0, bytes: new Uint8Array(512) }];
  expect(() => blockListBytes(tooMany, state, { isFirst: true })).toThrow(AssertionFailure);
});

test('a block that was killed is skipped, whatever its checksum', () => {
  const list = blockListBytes(blocks(3), state, { isFirst: true });
  const killed = readBack(list, (view) => {
    view.setUint32(48, 0xffff_ffff);
    view.setUint32(52, 0xffff_ffff);
    view.setUint32(48 + BlockInfo.at.next, 1);
  }).list;
  expect(killed?.blocks.map(({ position }) => position)).toEqual([2 ** 42, 2 ** 42 + 2 * 65_536]);
});

test('checksums of blocks count only where the list says so, and where there is one', () => {
  const list = blockListBytes(blocks(3), state, { isFirst: true });
  const damage = (view: DataView) => view.setUint8(8192, view.getUint8(8192) ^ 1);
  expect(readBack(list, damage).list).toBe(null);
  const withoutSums = readResealed(list, (view) => {
    damage(view);
    view.setUint32(BlockListHeader.at.flags, 2, true);
  });
  expect(withoutSums?.blocks).toHaveLength(3);
  const withoutOne = readBack(list, (view) => {
    damage(view);
    view.setUint32(32 + BlockInfo.at.next, 0);
  });
  expect(withoutOne.list?.blocks).toHaveLength(3);
});

describe('refused', () => {
  const list = blockListBytes(blocks(3), state, { isFirst: true });
  test('another checksum', () => {
    expect(readBack(list, (view) => view.setUint8(12, 9)).list).toBe(null);
    expect(readResealed(list, () => {})?.blocks).toHaveLength(3);
  });
  test.each([
    ['no blocks', (view: DataView) => view.setUint16(2, 0, true)],
    ['more blocks than it may have', (view: DataView) => view.setUint16(0, 3, true)],
    ['more blocks than the journal has sectors', (view: DataView) => view.setUint16(0, 65_535, true)],
    ['more entries than its header', (view: DataView) => view.setUint16(2, 512, true)],
    ['fewer bytes than its header', (view: DataView) => view.setUint32(4, 8191, true)],
    ['more bytes than the ring', (view: DataView) => view.setUint32(4, SIZE, true)],
    ['bytes behind its blocks', (view: DataView) => view.setUint32(4, view.getUint32(4, true) + 512, true)],
    ['a block of no bytes', (view: DataView) => view.setUint32(32 + 8, 0, true)],
    ['a block of half a sector', (view: DataView) => view.setUint32(32 + 8, 256, true)],
    ['a block of 4 GiB', (view: DataView) => view.setUint32(32 + 8, 0xffff_fe00, true)],
    ['a block behind the volume', (view: DataView) => view.setUint32(32 + 4, 0x10, true)],
    ['a block at 2^63', (view: DataView) => view.setUint32(32 + 4, 0x4000_0000, true)],
    ['a block over the journal', (view: DataView) => view.setBigUint64(32, 9n, true)],
  ])('a list with %s', (_what, change) => {
    expect(readResealed(list, change)).toBe(null);
  });
  test('a list that is longer than what is left', () => {
    const { ring } = readBack(list);
    expect(readBlockList(ring, 512, state, { ...limits, length: 8191 })).toBe(null);
    expect(readBlockList(ring, 512, state, { ...limits, length: 8192 })).toBe(null);
  });
});
