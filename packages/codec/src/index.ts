export { adc } from './adc.js';
export { bzip2 } from './bzip2.js';
export { chunkLanes, serialChunkLanes } from './chunk-lanes.js';
export { clearSum, decoding, encoding, performChunk, summing } from './chunk-task.js';
export type { Codec } from './codec.js';
export {
  type DecmpfsHeader,
  type DecmpfsSource,
  type DecompressedFile,
  openDecmpfs,
  readDecmpfsHeader,
} from './decmpfs.js';
export { decodeLzfse, lzfse } from './lzfse.js';
export { encodeLzvn } from './lzvn/encoder.js';
export { decodeLzvn } from './lzvn.js';
export { xz } from './xz.js';
export { decodeZlib, zlib } from './zlib.js';
