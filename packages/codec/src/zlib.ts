// zlib streams (RFC 1950), by Node's own zlib.

import { deflateSync, inflateSync } from 'node:zlib';
import { CorruptError } from '@tintype/core';
import type { Codec } from './codec.js';

/** What macOS uses is 1; 3 is smaller, and as fast as the rest of a backup needs. */
const DEFAULT_LEVEL = 3;

/** zlib streams (RFC 1950, UDZO), by Node's own zlib. */
export const zlib: Codec = {
  name: 'zlib',
  decode: decodeZlib,
  encode: (source, level = DEFAULT_LEVEL) => deflateSync(source, { level }),
};

/** Decodes a whole stream into `target`, which it must fill exactly. Bytes behind the stream are ignored. @throws CorruptError */
export function decodeZlib(source: Uint8Array, target: Uint8Array): void {
  try {
    const clear = inflateSync(source, {
      maxOutputLength: Math.max(1, target.length),
      chunkSize: Math.max(64, target.length + 64),
    });
    if (clear.length !== target.length)
      throw new CorruptError('zlib stream', 'length', 0, `${clear.length} bytes instead of ${target.length}`);
    target.set(clear);
  } catch (error) {
    if (error instanceof CorruptError) throw error;
    throw new CorruptError('zlib stream', 'data', 0, (error as Error).message);
  }
}
