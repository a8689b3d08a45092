// CRC-32 as zlib, GPT and UDIF use it: reflected polynomial 0xEDB88320, start and final XOR 0xFFFFFFFF.

import { crc32 as zlibCrc32 } from 'node:zlib';

/** Continues `previous` (0 to begin) over `bytes`. Check value of the ASCII text `123456789`: 0xCBF43926. */
export function crc32(bytes: Uint8Array, previous = 0): number {
  return zlibCrc32(bytes, previous);
}
