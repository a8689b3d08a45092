// Names that a volume cannot hold as they are: stored under an escaped name, the original beside it in an attribute.
// The convention is ours and stands in the command line's contract; every part of it is reversible.

import { createHash } from 'node:crypto';
import { nameFromBytes, nameToBytes, type Volume } from '@tintype/core';

/** Attributes that are ours: hidden from users, never copied from a source. */
export const OWN_ATTRIBUTE_PREFIX = 'io.tintype.';
/** Records `stored name NUL original name NUL`, one for each name of the item that needs it. */
export const NAME_ATTRIBUTE = 'io.tintype.name';
/** 16 random bytes that hard links share where the volume cannot link such items. */
export const LINK_ATTRIBUTE = 'io.tintype.link';
/** Text `mtime SECONDS NANOSECONDS`, where the volume had to clamp it. */
export const TIMES_ATTRIBUTE = 'io.tintype.times';

const LONGEST_EXTENSION = 32;

/** One name of an item: as the volume stores and shows it, and as the source had it. */
export interface NameRecord {
  readonly stored: string;
  readonly original: string;
}

export function parseNameRecords(value: Uint8Array): NameRecord[] {
  const parts: string[] = [];
  let start = 0;
  for (let end = value.indexOf(0); end >= 0; end = value.indexOf(0, start)) {
    parts.push(nameFromBytes(value.subarray(start, end)));
    start = end + 1;
  }
  const records: NameRecord[] = [];
  for (let i = 0; i + 1 < parts.length; i += 2)
    records.push({ stored: parts[i] as string, original: parts[i + 1] as string });
  return records;
}

export function formatNameRecords(records: readonly NameRecord[]): Uint8Array {
  const zero = Uint8Array.of(0);
  return Buffer.concat(records.flatMap((r) => [nameToBytes(r.stored), zero, nameToBytes(r.original), zero]));
}

/**
 * `NAME~XXXXXXXX`: the first `digits` hexadecimal digits of the SHA-256 of the original bytes, the extension kept, the
 * name cut until the volume holds it.
 */
export function escapedName(original: string, volume: Pick<Volume, 'nameAsStored'>, digits = 8): string {
  const hash = createHash('sha256').update(nameToBytes(original)).digest('hex').slice(0, digits);
  const clean = original.toWellFormed().replace(/[\u0000/\ufffd]/g, '_');
  const dot = clean.lastIndexOf('.');
  const hasExtension = dot > 0 && clean.length - dot <= LONGEST_EXTENSION;
  const extension = hasExtension ? clean.slice(dot) : '';
  const base = [...(hasExtension ? clean.slice(0, dot) : clean)];
  for (;;) {
    const stored = volume.nameAsStored(`${base.join('')}~${hash}${extension}`);
    if (stored !== null) return stored;
    base.length = Math.max(0, base.length - Math.max(1, base.length >> 4));
    if (base.length === 0) return `~${hash}`;
  }
}

/** True if an item called `original` could have been stored as `stored`: records that could not are ignored. */
export function couldBeStoredAs(original: string, stored: string, volume: Pick<Volume, 'nameAsStored'>): boolean {
  if (original === stored || original.includes('/') || original === '' || original === '.' || original === '..')
    return false;
  if (volume.nameAsStored(original) === stored) return true;
  const digits = /~([0-9a-f]{8,64})(\.[^~]*)?$/.exec(stored)?.[1]?.length ?? 8;
  return escapedName(original, volume, digits) === stored;
}
