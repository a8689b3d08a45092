// A container so large that its space manager has blocks of addresses: each field of them is looked at.

import type { SparseDevice } from '@tintype/testkit';
import { beforeAll, expect, test } from 'vitest';
import { formatted } from '../container.testing.js';
import { seal, viewOf } from '../object.js';
import { ContainerReader } from '../reading/container-reader.js';
import { OBJECT_TYPE } from '../structs/object.js';
import { ChunkInfo, ChunkInfoBlock, CibAddrBlock, Spaceman, SpacemanDevice } from '../structs/spaceman.js';
import { check } from './check.js';
import { addressesAt } from './chunk-blocks.js';

const SIZE = 9 * 2 ** 40;
const BLOCK = 4096;
const cab = CibAddrBlock.at;
const cib = ChunkInfoBlock.at;

let sound: SparseDevice;
let cabs: readonly number[];
let cibs: readonly number[];
beforeAll(() => {
  sound = formatted(SIZE);
  const spaceman = new ContainerReader(sound).spaceman();
  if (!spaceman) throw new Error('there is a space manager');
  const device = SpacemanDevice.read(spaceman, Spaceman.at.sm_dev);
  cabs = addressesAt(spaceman, device.sm_addr_offset, device.sm_cab_count);
  cibs = cabs.flatMap((block) => addressesAt(objectAt(block), CibAddrBlock.size, 507)).filter((each) => each > 0);
});

function objectAt(block: number): DataView {
  const bytes = new Uint8Array(BLOCK);
  sound.read(block * BLOCK, bytes);
  return viewOf(bytes);
}
function kindsAfter(block: number, change: (view: DataView) => void): string[] {
  const device = sound.clone();
  const view = objectAt(block);
  change(view);
  seal(view);
  device.write(block * BLOCK, new Uint8Array(view.buffer));
  return [...new Set([...check(device, {})].map(({ kind }) => kind))].sort();
}

test('it is sound, and has two of them', () => {
  expect([...check(sound, {})]).toEqual([]);
  expect(cabs).toHaveLength(2);
  expect(cibs).toHaveLength(586);
  expect(objectAt(cabs[1] ?? 0).getUint32(24, true) & 0xffff).toBe(OBJECT_TYPE.cibAddresses);
});
test.each<[string, string, (view: DataView) => void]>([
  ['chunk', 'its place among them', (view) => view.setUint32(cab.cab_index, 0, true)],
  ['chunk-xid', 'its transaction', (view) => view.setUint32(cab.o_xid, 0, true)],
  ['chunk', 'an address too few', (view) => view.setUint32(cab.cab_cib_count, 78, true)],
  ['object-header', 'a flag', (view) => view.setUint8(26, 1)],
])('%s in a block of addresses: %s', (kind, _, change) => {
  expect(kindsAfter(cabs[1] ?? 0, change)).toContain(kind);
});
test.each<[string, string, (view: DataView) => void]>([
  ['chunk', 'a chunk too few', (view) => view.setUint32(cib.cib_chunk_info_count, 125, true)],
  ['chunk', 'a chunk too short', (view) => shorten(view, ChunkInfoBlock.size + 3 * ChunkInfo.size)],
  ['chunk', 'a chunk of no transaction', (view) => view.setUint8(ChunkInfoBlock.size, 0)],
])('%s in a block of chunk infos: %s', (kind, _, change) => {
  expect(kindsAfter(cibs[520] ?? 0, change)).toContain(kind);
});

/** By one block, which was free. */
function shorten(view: DataView, at: number): void {
  for (const field of [ChunkInfo.at.ci_block_count, ChunkInfo.at.ci_free_count])
    view.setUint32(at + field, view.getUint32(at + field, true) - 1, true);
}
