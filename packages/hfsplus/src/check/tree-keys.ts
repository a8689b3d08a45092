// Keys of the three trees: how they look and how they are ordered (hfsplus.md 3.4, 3.5).

import { FOLD } from '../names.js';
import { AttributeKey } from '../structs/attributes.js';
import { MAX_KEY } from '../structs/btree.js';
import { ExtentKey } from '../structs/extents.js';

export interface KeyRules {
  readonly maxKeyLength: number;
  /** What is wrong with a key whose length was tested against its record, or an empty string. */
  problem(view: DataView, at: number, keyLength: number): string;
  /** Negative, 0, positive, as Array.sort wants it; both keys are sound. */
  compare(a: DataView, aAt: number, b: DataView, bAt: number): number;
}

export const extentKeys: KeyRules = {
  maxKeyLength: MAX_KEY.extents,
  problem(view, at, keyLength) {
    if (keyLength !== MAX_KEY.extents) return `the key length is ${keyLength}, not 10`;
    return view.getUint8(at + ExtentKey.at.pad) === 0 ? '' : 'the pad byte is not zero';
  },
  compare(a, aAt, b, bAt) {
    return (
      a.getUint32(aAt + ExtentKey.at.fileID) - b.getUint32(bAt + ExtentKey.at.fileID) ||
      a.getUint8(aAt + ExtentKey.at.forkType) - b.getUint8(bAt + ExtentKey.at.forkType) ||
      a.getUint32(aAt + ExtentKey.at.startBlock) - b.getUint32(bAt + ExtentKey.at.startBlock)
    );
  },
};

export const attributeKeys: KeyRules = {
  maxKeyLength: MAX_KEY.attributes,
  problem(view, at, keyLength) {
    if (keyLength < AttributeKey.size - 2) return `the key length ${keyLength} is too small`;
    const units = view.getUint16(at + AttributeKey.at.attrNameLen);
    if (units === 0 || units > 127) return `the name has ${units} units`;
    return keyLength === 12 + 2 * units ? '' : `the key length ${keyLength} does not fit a name of ${units} units`;
  },
  compare(a, aAt, b, bAt) {
    return (
      a.getUint32(aAt + AttributeKey.at.fileID) - b.getUint32(bAt + AttributeKey.at.fileID) ||
      compareUnits(a, aAt + AttributeKey.at.attrNameLen, b, bAt + AttributeKey.at.attrNameLen) ||
      a.getUint32(aAt + AttributeKey.at.startBlock) - b.getUint32(bAt + AttributeKey.at.startBlock)
    );
  },
};

const CATALOG_PARENT = 2;
/** Offset of the counted name in a catalog key. */
export const CATALOG_NAME = 6;

/** Keys of the catalog; `folding`: names that differ in case or ignorable units only are equal. */
export function catalogKeys(folding: boolean): KeyRules {
  const compareNames = folding ? compareFolded : compareUnits;
  return {
    maxKeyLength: MAX_KEY.catalog,
    problem(view, at, keyLength) {
      if (keyLength < CATALOG_NAME) return `the key length ${keyLength} is too small`;
      const units = view.getUint16(at + CATALOG_NAME);
      if (units > 255) return `the name has ${units} units`;
      return keyLength === 6 + 2 * units ? '' : `the key length ${keyLength} does not fit a name of ${units} units`;
    },
    compare(a, aAt, b, bAt) {
      return (
        a.getUint32(aAt + CATALOG_PARENT) - b.getUint32(bAt + CATALOG_PARENT) ||
        compareNames(a, aAt + CATALOG_NAME, b, bAt + CATALOG_NAME)
      );
    },
  };
}

/** Counted names by unit, the shorter first on a tie. */
function compareUnits(a: DataView, aAt: number, b: DataView, bAt: number): number {
  const aUnits = a.getUint16(aAt);
  const bUnits = b.getUint16(bAt);
  const shared = 2 * Math.min(aUnits, bUnits);
  for (let i = 2; i <= shared; i += 2) {
    const difference = a.getUint16(aAt + i) - b.getUint16(bAt + i);
    if (difference !== 0) return difference;
  }
  return aUnits - bUnits;
}

/** Counted names by folded unit; what folds to 0 is passed over, and the end counts as 0 (4.3). */
function compareFolded(a: DataView, aAt: number, b: DataView, bAt: number): number {
  const aEnd = aAt + 2 + 2 * a.getUint16(aAt);
  const bEnd = bAt + 2 + 2 * b.getUint16(bAt);
  let aNext = aAt + 2;
  let bNext = bAt + 2;
  for (;;) {
    let x = 0;
    let y = 0;
    while (x === 0 && aNext < aEnd) {
      x = FOLD[a.getUint16(aNext)] ?? 0;
      aNext += 2;
    }
    while (y === 0 && bNext < bEnd) {
      y = FOLD[b.getUint16(bNext)] ?? 0;
      bNext += 2;
    }
    if (x !== y || x === 0) return x - y;
  }
}
