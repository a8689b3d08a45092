// Modules of WebAssembly, run in the calling thread. Node has them; its types do not, so the little that is used is declared here.

declare namespace WebAssembly {
  class Module {
    readonly compiled: true;
    constructor(code: Uint8Array);
  }
  class Instance {
    readonly exports: object;
    constructor(module: Module, imports: object);
  }
  class RuntimeError extends Error {}
}

/** The linear memory of an instance. `buffer` is another one after each growth. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  /** By pages of 64 KiB; answers how many there were. @throws RangeError at its limit */
  grow(pages: number): number;
}

/** What a module gives to its user besides functions. */
export interface WasmExports {
  readonly memory: WasmMemory;
}

/** What an import throws to end the call into the module. */
export const WasmError = WebAssembly.RuntimeError;

/** Compiled code, of which instances are made. */
export type WasmModule = WebAssembly.Module;

/** @throws an Error of WebAssembly if `code` is no module */
export function compileModule(code: Uint8Array): WasmModule {
  return new WebAssembly.Module(code);
}

/** An instance with memory of its own; `E` is what the module is known to export. */
export function instantiate<E extends WasmExports>(module: WasmModule, imports: object = {}): E {
  return new WebAssembly.Instance(module, imports).exports as E;
}
