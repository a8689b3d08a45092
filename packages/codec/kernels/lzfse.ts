// LZFSE as a kernel: what `src/lzfse` does, bit for bit, in AssemblyScript. `scripts/kernels.mjs` compiles it.

export { decode } from './decode';
export { encode } from './encode';
export { begin, place, source } from './memory';
