// zlib streams (RFC 1950), by Node's own zlib.

import { inflateSync } from 'node:zlib';
import { CorruptError } from '@tintype/core';

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
