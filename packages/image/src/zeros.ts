// Telling zero bytes, four at a time.

const NONE = new Int32Array(0);

/** True if all bytes are zero. */
export function isZero(bytes: Uint8Array): boolean {
  const { length } = bytes;
  let at = 0;
  for (; at < length && ((bytes.byteOffset + at) & 3) !== 0; at += 1) if (bytes[at] !== 0) return false;
  // Of less than a word nothing is left where one could begin.
  const words = at === length ? NONE : new Int32Array(bytes.buffer, bytes.byteOffset + at, (length - at) >> 2);
  for (let i = 0; i < words.length; i += 1) if (words[i] !== 0) return false;
  for (at += words.length * 4; at < length; at += 1) if (bytes[at] !== 0) return false;
  return true;
}
