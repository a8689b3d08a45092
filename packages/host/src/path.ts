// Paths for node:fs.

import { nameToBytes } from '@tintype/core';

/** The path as node:fs takes it: as bytes where it holds escaped ones, which a string could not bring through. */
export function hostPath(path: string): string | Buffer {
  if (path.isWellFormed()) return path;
  const bytes = nameToBytes(path);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
