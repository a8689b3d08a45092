// Which extended attributes a volume keeps of its users', and which names are the file system's own.

import type { ItemKind } from '@tintype/core';
import { XATTR_NAME_LIMIT } from '../limits.js';
import { DECMPFS, RESOURCE_FORK } from './compressed-files.js';

/** Names that the file system gives a meaning, beside attributes that say so by a flag. */
const PRIVATE_PREFIXES = ['com.apple.system.', 'com.apple.fs.'];
const PRIVATE_NAMES = ['purgeable-drecs-fixed'];

export const FINDER_INFO = 'com.apple.FinderInfo';
const FINDER_INFO_SIZE = 32;

/** Finder info has 32 bytes: longer values are cut, shorter ones end in zeros. */
export function finderInfoOf(value: Uint8Array): Uint8Array {
  if (value.length === FINDER_INFO_SIZE) return value;
  const kept = new Uint8Array(FINDER_INFO_SIZE);
  kept.set(value.subarray(0, FINDER_INFO_SIZE));
  return kept;
}

/** True for attributes that are never shown. */
export function isPrivateName(name: string): boolean {
  return PRIVATE_NAMES.includes(name) || PRIVATE_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/** The value that is read of an attribute that was set to this one; null if it is not kept. */
export function keptXattr(kind: ItemKind, name: string, value: Uint8Array): Uint8Array | null {
  if (name === FINDER_INFO) return finderInfoOf(value);
  // A fork without bytes is none.
  if (name === RESOURCE_FORK) return kind === 'file' && value.length > 0 ? value : null;
  // A file that is not compressed, as all that are written, must not have the header of one that is.
  if (name === DECMPFS || isPrivateName(name)) return null;
  const isStorable = name !== '' && !name.includes('\0') && name.isWellFormed();
  return isStorable && Buffer.byteLength(name) <= XATTR_NAME_LIMIT ? value : null;
}
