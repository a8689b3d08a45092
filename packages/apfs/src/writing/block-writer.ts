// Objects of one block each, collected, sealed, and written in the order of their blocks: neighbours in one piece.

import type { BlockDevice } from '@tintype/core';
import { seal } from '../object.js';
import { BLOCK_SIZE } from '../structs/container.js';

const BLOCKS_AT_ONCE = 256;

export class BlockWriter {
  readonly #device: BlockDevice;
  readonly #objects: { readonly block: number; readonly view: DataView }[] = [];

  constructor(device: BlockDevice) {
    this.#device = device;
  }
  add(block: number, view: DataView): void {
    this.#objects.push({ block, view });
  }
  write(): void {
    const objects = this.#objects.sort((a, b) => a.block - b.block);
    const buffer = new Uint8Array(BLOCK_SIZE * Math.min(BLOCKS_AT_ONCE, objects.length));
    let start = 0;
    let count = 0;
    const flush = (): void => {
      if (count > 0) this.#device.write(start * BLOCK_SIZE, buffer.subarray(0, count * BLOCK_SIZE));
      count = 0;
    };
    for (const { block, view } of objects) {
      seal(view);
      if (block !== start + count || count === BLOCKS_AT_ONCE) flush();
      if (count === 0) start = block;
      buffer.set(new Uint8Array(view.buffer, view.byteOffset, BLOCK_SIZE), count * BLOCK_SIZE);
      count += 1;
    }
    flush();
    objects.length = 0;
  }
}
