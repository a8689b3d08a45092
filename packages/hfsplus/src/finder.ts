// Finder info: kept in the record itself, shown as the attribute `com.apple.FinderInfo`.

import type { Place } from './records/catalog.js';
import { CatalogFile, RECORD_TYPE } from './structs/catalog.js';

export const FINDER_INFO = 'com.apple.FinderInfo';
export const RESOURCE_FORK = 'com.apple.ResourceFork';
export const FINDER_INVISIBLE = 0x4000;
export const UF_HIDDEN = 0x8000;

const SIZE = 32;
const MODE_SYMLINK = 0o120000;

/** Bytes that macOS keeps for itself: document id, date added, write generation counter. */
const PRIVATE = [
  [16, 4],
  [20, 4],
  [28, 4],
] as const;

/** The 32 bytes as users see them, or null if all are zero. */
export function readFinderInfo({ node, at, type }: Place): Uint8Array | null {
  const start = at + CatalogFile.at.userInfo;
  const value = node.bytes.slice(start, start + SIZE);
  for (const [offset, length] of PRIVATE) value.fill(0, offset, offset + length);
  const mode = node.view.getUint16(at + CatalogFile.at.bsdInfo + 10) & 0o170000;
  if (type === RECORD_TYPE.file && mode === MODE_SYMLINK) value.fill(0, 0, 8);
  return value.some((byte) => byte !== 0) ? value : null;
}

/** Sets them; what macOS keeps for itself stays. */
export function writeFinderInfo({ node, at }: Place, value: Uint8Array | null): void {
  const start = at + CatalogFile.at.userInfo;
  const info = new Uint8Array(SIZE);
  if (value) info.set(value.subarray(0, SIZE));
  for (const [offset, length] of PRIVATE)
    info.set(node.bytes.subarray(start + offset, start + offset + length), offset);
  node.bytes.set(info, start);
  node.dirty = true;
}
