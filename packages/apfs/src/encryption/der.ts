// The few forms of DER that key blobs use: a tag, a length, bytes. See docs/formats/apfs.md.

import { CorruptError } from '@tintype/core';

export interface DerElement {
  readonly tag: number;
  readonly value: Uint8Array;
  /** Tag, length and value. */
  readonly whole: Uint8Array;
}

/** The elements that follow one another in `bytes`. @throws CorruptError */
export function derElements(bytes: Uint8Array): DerElement[] {
  const elements: DerElement[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] as number;
    const first = bytes[at + 1] ?? 0;
    const extra = first < 0x80 ? 0 : first - 0x80;
    if (extra > 2) throw new CorruptError('key blob', 'length', at, `a length of ${extra} bytes`);
    const length = extra === 0 ? first : numberOf(bytes.subarray(at + 2, at + 2 + extra));
    const start = at + 2 + extra;
    if (start + length > bytes.length) throw new CorruptError('key blob', 'length', at, 'reaches past the entry');
    elements.push({ tag, value: bytes.subarray(start, start + length), whole: bytes.subarray(at, start + length) });
    at = start + length;
  }
  return elements;
}

/** The value of a tag that must be there. @throws CorruptError */
export function derValue(elements: readonly DerElement[], tag: number, size: number | null = null): DerElement {
  const found = elements.find((element) => element.tag === tag);
  if (!found) throw new CorruptError('key blob', 'tag', tag, 'is missing');
  if (size !== null && found.value.length !== size)
    throw new CorruptError('key blob', 'length', tag, `${found.value.length} bytes instead of ${size}`);
  return found;
}

/** A big-endian integer of up to six bytes. @throws CorruptError */
export function numberOf(bytes: Uint8Array): number {
  if (bytes.length === 0 || bytes.length > 6)
    throw new CorruptError('key blob', 'integer', bytes.length, 'has no such size');
  return bytes.reduce((number, byte) => number * 256 + byte, 0);
}
