// The LZFSE kernel of `kernels/lzfse.ts`, as WebAssembly: copies in, runs, copies out. One instance for each thread.

import { assert, compileModule, instantiate, type WasmExports } from '@tintype/core';
import { LZFSE_BINARY } from './lzfse-binary.js';

/** Of source and target, in bytes. What is longer is left to the reference, so that an instance stays small. */
const LONGEST = 4 << 20;
/** What coded blocks can have at most, by the bytes of their source; the kernel stops before that. */
const mostCoded = (length: number): number => 2 * length + (64 << 10);

interface Exports extends WasmExports {
  begin(): number;
  /** Where the source is put. */
  source(): number;
  /** Where the target begins; 0: there is no memory. */
  place(sourceLength: number, targetLength: number): number;
  encode(sourceLength: number, target: number, limit: number): number;
  decode(sourceLength: number, target: number, targetLength: number): number;
}

export class LzfseKernel {
  readonly #exports: Exports;

  /** `code`: the module, as `scripts/kernels.mjs` compiles it. */
  constructor(code: Uint8Array) {
    this.#exports = instantiate<Exports>(compileModule(code));
    assert(this.#exports.begin() !== 0, 'the kernel has room for its tables');
  }

  /** True if it encodes that many bytes. */
  takes(length: number): boolean {
    return length <= LONGEST && this.#exports.place(length, mostCoded(length)) !== 0;
  }

  /** The coded blocks of `source`, as the reference gives them, as one; null if they are not shorter than `limit`. */
  encode(source: Uint8Array, limit: number): readonly [Uint8Array] | null {
    assert(source.length <= LONGEST, 'the kernel takes what is to be encoded');
    const target = this.#place(source, mostCoded(source.length));
    assert(target !== 0, 'there was room for it before');
    const length = this.#exports.encode(source.length, target, limit);
    if (length < 0) return null;
    assert(length < limit, 'coded blocks stay within their limit');
    return [new Uint8Array(this.#exports.memory.buffer, target, length)];
  }

  /** False, and `target` as it was: the stream is damaged, or not one for the kernel. */
  decode(source: Uint8Array, target: Uint8Array): boolean {
    if (source.length > LONGEST || target.length > LONGEST) return false;
    const place = this.#place(source, target.length);
    if (place === 0 || this.#exports.decode(source.length, place, target.length) === 0) return false;
    target.set(new Uint8Array(this.#exports.memory.buffer, place, target.length));
    return true;
  }

  #place(source: Uint8Array, targetLength: number): number {
    const { memory, place, source: sourceAt } = this.#exports;
    const target = place(source.length, targetLength);
    if (target !== 0) new Uint8Array(memory.buffer, sourceAt(), source.length).set(source);
    return target;
  }
}

let kernel: LzfseKernel | null = null;

/** Of this thread; compiled when it is first needed. */
export function lzfseKernel(): LzfseKernel {
  kernel ??= new LzfseKernel(Buffer.from(LZFSE_BINARY, 'base64'));
  return kernel;
}
