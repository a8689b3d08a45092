// How keys of the three trees are ordered. Keys are compared where they lie, given by the offset of their length.

import type { KeyTest } from '../btree/node.js';
import { FOLD } from '../names.js';

/** Can a key be compared without reading past it? Of keys from a disk: to be asked before the functions below see them. */
export const KEY_TESTS = {
  extents: (_view, _at, keyLength) => keyLength >= 10,
  catalog: (view, at, keyLength) => keyLength >= 6 && 6 + 2 * view.getUint16(at + 6) <= keyLength,
  attributes: (view, at, keyLength) => keyLength >= 12 && 12 + 2 * view.getUint16(at + 12) <= keyLength,
} as const satisfies Record<string, KeyTest>;

/** Parent, then folded name: units that fold to 0 are skipped, the shorter name first. */
export function compareFolding(a: DataView, aAt: number, b: DataView, bAt: number): number {
  const aParent = a.getUint32(aAt + 2);
  const bParent = b.getUint32(bAt + 2);
  if (aParent !== bParent) return aParent < bParent ? -1 : 1;
  const aEnd = aAt + 8 + 2 * a.getUint16(aAt + 6);
  const bEnd = bAt + 8 + 2 * b.getUint16(bAt + 6);
  let i = aAt + 8;
  let j = bAt + 8;
  for (;;) {
    let x = 0;
    let y = 0;
    for (; i < aEnd && x === 0; i += 2) x = FOLD[a.getUint16(i)] as number;
    for (; j < bEnd && y === 0; j += 2) y = FOLD[b.getUint16(j)] as number;
    if (x !== y) return x < y ? -1 : 1;
    if (x === 0) return 0;
  }
}

/** Parent, then name unit by unit, the shorter name first. */
export function compareBinary(a: DataView, aAt: number, b: DataView, bAt: number): number {
  const aParent = a.getUint32(aAt + 2);
  const bParent = b.getUint32(bAt + 2);
  if (aParent !== bParent) return aParent < bParent ? -1 : 1;
  return compareNames(a, aAt + 6, b, bAt + 6);
}

/** Fork by fork: file, fork type, first block. */
export function compareExtents(a: DataView, aAt: number, b: DataView, bAt: number): number {
  return (
    a.getUint32(aAt + 4) - b.getUint32(bAt + 4) ||
    a.getUint8(aAt + 2) - b.getUint8(bAt + 2) ||
    a.getUint32(aAt + 8) - b.getUint32(bAt + 8)
  );
}

/** File, then name unit by unit, then first block. */
export function compareAttributes(a: DataView, aAt: number, b: DataView, bAt: number): number {
  return (
    a.getUint32(aAt + 4) - b.getUint32(bAt + 4) ||
    compareNames(a, aAt + 12, b, bAt + 12) ||
    a.getUint32(aAt + 8) - b.getUint32(bAt + 8)
  );
}

function compareNames(a: DataView, aAt: number, b: DataView, bAt: number): number {
  const aLength = a.getUint16(aAt);
  const bLength = b.getUint16(bAt);
  const length = Math.min(aLength, bLength);
  for (let i = 2; i <= 2 * length; i += 2) {
    const difference = a.getUint16(aAt + i) - b.getUint16(bAt + i);
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}
