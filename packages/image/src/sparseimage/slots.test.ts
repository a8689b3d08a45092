import { CorruptError } from '@tintype/core';
import { MemoryStore } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { BytesFile } from '../bytes-file.testing.js';
import { SparseImageDevice } from './device.js';
import { Slots } from './slots.js';
import { HEADER_SLOTS, NODE_SIZE, NODE_SLOTS, SparseHeader, SparseNode, sparseHeader } from './structs.js';

const BAND = 512;
const BANDS = 2500;

/** An image whose bands are all written, from the last to the first: a header and two index nodes. */
function filled(): Uint8Array {
  const store = new MemoryStore();
  const file = store.open('a', 'create');
  file.write(0, sparseHeader(BANDS * BAND, BAND));
  const device = new SparseImageDevice(file, true);
  for (let band = BANDS - 1; band >= 0; band -= 1)
    device.write(band * BAND, new Uint8Array(BAND).fill(1 + (band % 250)));
  device.flush();
  const bytes = new Uint8Array(file.size());
  file.read(0, bytes);
  return bytes;
}

const FIRST_NODE = NODE_SIZE + HEADER_SLOTS * BAND;
const SECOND_NODE = FIRST_NODE + NODE_SIZE + NODE_SLOTS * BAND;
const bytes = filled();

const slotsOf = (changed: Uint8Array): Slots => new Slots(new BytesFile(changed));

function changed(...changes: [at: number, value: number][]): Uint8Array {
  const copy = bytes.slice();
  for (const [at, value] of changes) new DataView(copy.buffer).setUint32(at, value);
  return copy;
}

describe('the tables of a sparse image', () => {
  test('header and index nodes lie where the format says', () => {
    const view = new DataView(bytes.buffer);
    expect(bytes.length).toBe(SECOND_NODE + NODE_SIZE + (BANDS - HEADER_SLOTS - NODE_SLOTS) * BAND);
    expect(SparseHeader.read(view, 0)).toMatchObject({
      version: 3,
      sectorsPerBand: 1,
      flags: 1,
      totalSectorsLow: BANDS,
      totalSectors: BANDS,
      nextNode: FIRST_NODE,
    });
    expect(SparseNode.read(view, FIRST_NODE)).toMatchObject({ number: 1, nextNode: SECOND_NODE });
    expect(SparseNode.read(view, SECOND_NODE)).toMatchObject({ number: 2, nextNode: 0 });
    expect([view.getUint32(64), view.getUint32(FIRST_NODE + 56)]).toEqual([BANDS, BANDS - HEADER_SLOTS]);
  });
  test('every band is found by way of them', () => {
    const slots = slotsOf(bytes);
    expect([slots.present, slots.bands, slots.end]).toEqual([BANDS, BANDS, bytes.length]);
    for (let band = 0; band < BANDS; band += 1) expect(bytes[slots.place(band) ?? 0]).toBe(1 + (band % 250));
  });
  test('a band named twice is that of the lower slot', () => {
    const twice = changed([64 + 4, BANDS]);
    const slots = slotsOf(twice);
    expect(slots.place(BANDS - 1)).toBe(NODE_SIZE);
    expect([...new SparseImageDevice(new BytesFile(twice), false).verify()]).toMatchObject([
      { kind: 'sparse-image-double', place: 'slot 1', severity: 'warning' },
    ]);
    const file = new MemoryStore().open('a', 'create');
    file.write(0, twice);
    new SparseImageDevice(file, true);
    const entry = new Uint8Array(4);
    file.read(64 + 4, entry);
    expect([...entry]).toEqual([0, 0, 0, 0]);
  });
});

describe('absurd numbers are refused with their place', () => {
  test.each([
    ['no signature', [[0, 0]], 'signature', 0],
    ['no sectors in a band', [[8, 0]], 'sectorsPerBand', 8],
    ['bands of 2 TiB', [[8, 0xffff_ffff]], 'sectorsPerBand', 8],
    [
      'no sectors',
      [
        [28, 0],
        [32, 0],
      ],
      'totalSectors',
      28,
    ],
    ['2^45 sectors', [[28, 0x2000]], 'totalSectors', 28],
    ['2^54 sectors', [[28, 0x40_0000]], 'totalSectors', 28],
    ['a band behind the end of the disk', [[68, BANDS + 1]], 'band', 68],
    ['band 2^32 - 1', [[FIRST_NODE + 56, 0xffff_ffff]], 'band', FIRST_NODE + 56],
    ['a node within the slots before it', [[24, FIRST_NODE - 1]], 'nextNode', FIRST_NODE - 1],
    ['a node that is the header', [[24, 1]], 'nextNode', 1],
    ['a node that follows itself', [[FIRST_NODE + 16, FIRST_NODE]], 'nextNode', FIRST_NODE],
    ['a node behind the end of the file', [[SECOND_NODE + 16, bytes.length - 100]], 'nextNode', bytes.length - 100],
    ['a node at 2^60', [[SECOND_NODE + 12, 1 << 28]], 'nextNode', 12],
    ['a node without signature', [[SECOND_NODE, 1]], 'signature', 0],
  ] as [string, [number, number][], string, number][])('%s', (_what, changes, field, place) => {
    const open = (): unknown => slotsOf(changed(...changes));
    expect(open).toThrow(CorruptError);
    expect(open).toThrow(expect.objectContaining({ field, place }));
  });
  test('files that are cut off', () => {
    for (const length of [0, 63, NODE_SIZE - 1, NODE_SIZE, NODE_SIZE + BAND, FIRST_NODE + 100, SECOND_NODE + NODE_SIZE])
      expect(() => slotsOf(bytes.slice(0, length))).toThrow(CorruptError);
  });
  test('a chain of index nodes without room for their slots', () => {
    const count = 2000;
    const chain = new Uint8Array(NODE_SIZE * (count + 1));
    chain.set(sparseHeader(BAND, BAND));
    const view = new DataView(chain.buffer);
    view.setUint32(24, NODE_SIZE);
    for (let i = 1; i <= count; i += 1) {
      view.setUint32(i * NODE_SIZE, 0x7370_7273);
      view.setUint32(i * NODE_SIZE + 16, i === count ? 0 : (i + 1) * NODE_SIZE);
    }
    expect(() => slotsOf(chain)).toThrow(expect.objectContaining({ field: 'nextNode', place: NODE_SIZE }));
  });
  test('the end of the last band may be missing: it is zeros', () => {
    const device = new SparseImageDevice(new BytesFile(bytes.slice(0, bytes.length - 100)), false);
    const last = new Uint8Array(BAND);
    device.read(0, last);
    expect([last[0], last[BAND - 101], last[BAND - 100], last[BAND - 1]]).toEqual([1, 1, 0, 0]);
  });
});
