// Volumes whose forks have more than eight extents, to be damaged: the one file `hello.txt`, or one attribute value.

import { CatalogFile } from '../structs/catalog.js';
import { field } from './damage.testing.js';
import { pack, type Sample, sample } from './sample.testing.js';

const { at: file } = CatalogFile;

/** Extents of one block each, every other block from `first` on. */
export function scattered(first: number, count: number): Uint8Array {
  return pack(...Array.from({ length: count }, (_, i) => pack(first + 2 * i, 1)), new Uint8Array(8 * (8 - count)));
}

/** An overflow record. */
export function overflow(id: number, start: number, extents: Uint8Array, forkType = 0): Uint8Array {
  return pack([10, 2], [forkType, 1], [0, 1], id, start, extents);
}

/** `hello.txt` in ten pieces, the last two in the overflow tree. */
export function fragmented(records = [overflow(20, 8, scattered(146, 2))]): Sample {
  const volume = sample('small');
  volume.mark(115, 1, false);
  for (let i = 0; i < 10; i += 1) volume.mark(130 + 2 * i, 1);
  volume.bytes.set(pack(0, 40_960, 0, 10, scattered(130, 8)), field(volume, 'hello.txt', file.dataFork));
  volume.plant('extents', records);
  return volume;
}

const BIG = 'com.example.big';

/** An attribute record of file 30. */
function attribute(start: number, data: Uint8Array): Uint8Array {
  return pack([12 + 2 * BIG.length, 2], [0, 2], 30, start, [BIG.length, 2], BIG, data);
}

export const valueFork = (blocks: number) => attribute(0, pack(0x20, 0, 0, 40_000, 0, blocks, scattered(1200, 8)));
export const valueExtents = (start: number) => attribute(start, pack(0x30, 0, scattered(1216, 2)));

/** The large attribute of the basic volume in other pieces. */
export function value(records: Uint8Array[]): Sample {
  const volume = sample('basic');
  const place = volume.attribute(30, BIG);
  volume.mark(1094, 2, false);
  for (let i = 0; i < 10; i += 1) volume.mark(1200 + 2 * i, 1);
  volume.edit('attributes', place.node, (list) => [
    ...list.slice(0, place.record),
    ...records,
    ...list.slice(place.record + 1),
  ]);
  return volume;
}
