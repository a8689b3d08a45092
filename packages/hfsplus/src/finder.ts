// Finder info: kept in the record itself, shown as the attribute `com.apple.FinderInfo`.

import type { Place } from './records/catalog.js';
import { BsdInfo, CatalogFile, RECORD_TYPE } from './structs/catalog.js';

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

/** Type and creator: of a symlink they say that it is one. */
const TYPE_SIZE = 8;

function isSymlink({ node, at, type }: Place): boolean {
  const mode = node.view.getUint16(at + CatalogFile.at.bsdInfo + BsdInfo.at.fileMode) & 0o170000;
  return type === RECORD_TYPE.file && mode === MODE_SYMLINK;
}

/** The 32 bytes as users see them, or null if all are zero. */
export function readFinderInfo(place: Place): Uint8Array | null {
  const { node, at } = place;
  const start = at + CatalogFile.at.userInfo;
  return keptFinderInfo(node.bytes.subarray(start, start + SIZE), isSymlink(place) ? 'symlink' : 'other');
}

/** What is read once `value` was written, where there was nothing: 32 bytes, or null if all are zero. */
export function keptFinderInfo(value: Uint8Array, kind: 'symlink' | 'other'): Uint8Array | null {
  const kept = new Uint8Array(SIZE);
  kept.set(value.subarray(0, SIZE));
  for (const [offset, length] of PRIVATE) kept.fill(0, offset, offset + length);
  if (kind === 'symlink') kept.fill(0, 0, TYPE_SIZE);
  return kept.some((byte) => byte !== 0) ? kept : null;
}

/** Sets them; what macOS keeps for itself stays. */
export function writeFinderInfo(place: Place, value: Uint8Array | null): void {
  const { node, at } = place;
  const start = at + CatalogFile.at.userInfo;
  const info = new Uint8Array(SIZE);
  if (value) info.set(value.subarray(0, SIZE));
  for (const [offset, length] of [...PRIVATE, ...(isSymlink(place) ? [[0, TYPE_SIZE] as const] : [])])
    info.set(node.bytes.subarray(start + offset, start + offset + length), offset);
  node.bytes.set(info, start);
  node.dirty = true;
}
