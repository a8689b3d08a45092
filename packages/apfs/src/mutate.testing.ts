// Mutations of real containers, where structures lie. Only tests import this.

import type { Random } from '@tintype/testkit';
import { seal, viewOf } from './object.js';
import { ObjectHeader } from './structs/object.js';

const BLOCK = 4096;
const EXTREMES = [0, 1, 2, 14, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xfffe, 0xffff];

/** Blocks that hold objects: what is worth changing. */
export function objectsOf(bytes: Uint8Array): number[] {
  const view = viewOf(bytes);
  const found: number[] = [];
  for (let block = 0; (block + 1) * BLOCK <= bytes.length; block += 1) {
    const type = view.getUint32(block * BLOCK + ObjectHeader.at.o_type, true) & 0xffff;
    const isChecked = view.getUint32(block * BLOCK, true) !== 0 && view.getUint32(block * BLOCK + 4, true) !== 0;
    if (isChecked && type > 0 && type < 0x20) found.push(block);
  }
  return found;
}

/** Changes a few places, and makes most checksums hold again. The same seed makes the same container. */
export function mutateObjects(bytes: Uint8Array, objects: readonly number[], random: Random): void {
  const view = viewOf(bytes);
  const changes = 1 + random.below(6);
  for (let i = 0; i < changes; i += 1) {
    const block = random.pick(objects) * BLOCK;
    // Most fields stand at the start of a block, keys behind them, values and the footer at its end.
    const at = block + random.pick([random.below(128), random.below(BLOCK - 4), BLOCK - 4 - random.below(600)]);
    const way = random.below(5);
    if (way === 0) bytes[at] = random.below(256);
    else if (way === 1) view.setUint16(at, random.pick(EXTREMES), true);
    else if (way === 2) view.setUint32(at, random.next(), true);
    else if (way === 3) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    else bytes.copyWithin(at, block + random.below(BLOCK), block + BLOCK);
    if (random.below(4) > 0) seal(viewOf(bytes.subarray(block, block + BLOCK)));
  }
}
