export {
  type DecmpfsHeader,
  type DecmpfsSource,
  type DecompressedFile,
  openDecmpfs,
  readDecmpfsHeader,
} from './decmpfs.js';
export { decodeLzfse } from './lzfse.js';
export { decodeLzvn } from './lzvn.js';
export { decodeZlib } from './zlib.js';
