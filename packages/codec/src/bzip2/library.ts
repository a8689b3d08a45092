// The bzip2 library as a WebAssembly instance of this thread, called directly: the package's own wrapper starts
// asynchronously, changes `globalThis`, and takes twice the memory.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { compileModule, instantiate, WasmError, type WasmExports, type WasmMemory } from '@tintype/core';

/** Where a call finds its bytes, in the instance's memory. */
export interface Places {
  readonly source: number;
  readonly sourceLength: number;
  readonly target: number;
  /** Address of the target's length: room before, bytes written after. */
  readonly targetLength: number;
}

interface Exports extends WasmExports {
  __wasm_call_ctors(): void;
  malloc(size: number): number;
  free(address: number): void;
  BZ2_bzBuffToBuffDecompress(
    target: number,
    targetLength: number,
    source: number,
    sourceLength: number,
    small: number,
    verbosity: number,
  ): number;
  BZ2_bzBuffToBuffCompress(
    target: number,
    targetLength: number,
    source: number,
    sourceLength: number,
    blocks: number,
    verbosity: number,
    workFactor: number,
  ): number;
}

const PAGE = 65_536;
/** Of the instance: a chunk of 64 MiB both ways, and the library's own tables. */
const MEMORY_LIMIT = 256 << 20;

export class Bzip2Library {
  readonly #exports: Exports;

  constructor(code: Uint8Array) {
    const refuse = (): never => {
      throw new WasmError('the bzip2 library gave up');
    };
    let memory: WasmMemory | null = null;
    this.#exports = instantiate<Exports>(compileModule(code), {
      env: {
        exit: refuse,
        emscripten_memcpy_big: (to: number, from: number, length: number) => {
          if (memory) new Uint8Array(memory.buffer).copyWithin(to, from, from + length);
          return to;
        },
        emscripten_resize_heap: (size: number) => (memory && grow(memory, size >>> 0) ? 1 : 0),
      },
      // It prints only what would end it.
      wasi_snapshot_preview1: { fd_close: refuse, fd_write: refuse, fd_seek: refuse },
    });
    memory = this.#exports.memory;
    this.#exports.__wasm_call_ctors();
  }

  /** Copies `source` in, leaves `room` bytes for the answer. `bytes` is a view that the next call overwrites. */
  call(source: Uint8Array, room: number, work: (places: Places) => number): { status: number; bytes: Uint8Array } {
    const { malloc, free } = this.#exports;
    // One stretch: the length first, then the answer, then the source.
    const sourceAt = 8 + Math.ceil(room / 8) * 8;
    const address = malloc(sourceAt + source.length);
    if (address === 0) throw new RangeError('no memory for bzip2');
    try {
      this.#bytes(address + sourceAt, source.length).set(source);
      this.#view().setUint32(address, room, true);
      const places = {
        source: address + sourceAt,
        sourceLength: source.length,
        target: address + 8,
        targetLength: address,
      };
      const status = work(places);
      return { status, bytes: this.#bytes(address + 8, Math.min(room, this.#view().getUint32(address, true))) };
    } finally {
      free(address);
    }
  }

  /** Stops at the end of the first stream. Answers the library's status. */
  decompress({ source, sourceLength, target, targetLength }: Places): number {
    return this.#exports.BZ2_bzBuffToBuffDecompress(target, targetLength, source, sourceLength, 0, 0);
  }
  compress({ source, sourceLength, target, targetLength }: Places, blocks: number, workFactor: number): number {
    return this.#exports.BZ2_bzBuffToBuffCompress(target, targetLength, source, sourceLength, blocks, 0, workFactor);
  }

  #bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.#exports.memory.buffer, address, length);
  }
  #view(): DataView {
    return new DataView(this.#exports.memory.buffer);
  }
}

function grow(memory: WasmMemory, size: number): boolean {
  if (size > MEMORY_LIMIT) return false;
  const pages = Math.ceil((size - memory.buffer.byteLength) / PAGE);
  if (pages > 0) memory.grow(pages);
  return true;
}

let library: Bzip2Library | null = null;

/** Of this thread; loaded when it is first needed. */
export function bzip2Library(): Bzip2Library {
  library ??= new Bzip2Library(
    readFileSync(createRequire(import.meta.url).resolve('bzip2-wasm/bzip2-1.0.8/bzip2.wasm')),
  );
  return library;
}
