// The chaining of `kernels/cbc.ts`, as WebAssembly: clear chunks are put into its memory, and encrypted there.

import { assert, compileModule, instantiate, type WasmExports, type WasmModule } from '@tintype/core';
import { CBC_BINARY } from './cbc-binary.js';

interface Exports extends WasmExports {
  start(): number;
  reserve(bytes: number): number;
  chain(column: number, chunks: number, count: number, size: number, block: number): void;
  finish(column: number, chunks: number, count: number, size: number): void;
}

const BLOCK = 16;
let module: WasmModule | null = null;

export class CbcKernel {
  readonly #exports: Exports;
  #bytes = new Uint8Array(0);

  constructor() {
    module ??= compileModule(Buffer.from(CBC_BINARY, 'base64'));
    this.#exports = instantiate<Exports>(module);
  }

  /**
   * Encrypts whole chunks of `size` bytes each. `vectors` puts their initialisation vectors into 16 bytes for each chunk;
   * `encipher` encrypts every block of its argument by itself. The answer is good until the next call.
   */
  encrypt(
    source: Uint8Array,
    size: number,
    vectors: (column: Uint8Array) => void,
    encipher: (column: Uint8Array) => Uint8Array,
  ): Uint8Array {
    assert(source.length % size === 0 && size % BLOCK === 0 && size > 0, 'chunks are whole blocks');
    const count = source.length / size;
    const start = this.#exports.start();
    const chunks = start + BLOCK * count;
    this.#reserve(chunks + source.length);
    const column = this.#bytes.subarray(start, chunks);
    const target = this.#bytes.subarray(chunks, chunks + source.length);
    target.set(source);
    vectors(column);
    for (let block = 0; block < size / BLOCK; block += 1) {
      this.#exports.chain(start, chunks, count, size, block);
      column.set(encipher(column));
    }
    this.#exports.finish(start, chunks, count, size);
    return target;
  }

  wipe(): void {
    this.#bytes.fill(0);
  }

  #reserve(length: number): void {
    if (this.#bytes.length >= length) return;
    assert(this.#exports.reserve(length) !== 0, 'there is memory for a piece');
    this.#bytes = new Uint8Array(this.#exports.memory.buffer);
  }
}
