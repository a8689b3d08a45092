// Which extended attributes a volume keeps of its users', and which names are the file system's own.

import type { ItemKind } from '@tintype/core';
import { DECMPFS } from './compressed-files.js';
import { FINDER_INFO, keptFinderInfo, RESOURCE_FORK } from './finder.js';
import { XATTR_NAME_LIMIT } from './limits.js';

const PRIVATE_PREFIX = 'com.apple.system.';

/** True for attributes that are never shown. */
export function isPrivateName(name: string): boolean {
  return name.startsWith(PRIVATE_PREFIX);
}

/** True for attributes that stand in the item's own record or a fork, so that they need no attributes file. */
export function standsInRecord(name: string): boolean {
  return name === FINDER_INFO || name === RESOURCE_FORK;
}

/** The value that is read of an attribute that was set to this one; null if it is not kept. */
export function keptXattr(kind: ItemKind, name: string, value: Uint8Array): Uint8Array | null {
  if (name === FINDER_INFO) return keptFinderInfo(value, kind === 'symlink' ? 'symlink' : 'other');
  // A fork without bytes is none.
  if (name === RESOURCE_FORK) return kind === 'file' && value.length > 0 ? value : null;
  // A file that is not compressed, as all that are written, must not have the header of one that is.
  if (name === DECMPFS || isPrivateName(name)) return null;
  return name !== '' && name.length <= XATTR_NAME_LIMIT ? value : null;
}
