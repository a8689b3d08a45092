// What tells the trees of APFS apart: subtype, sizes, how children are found, and the order of keys.

import { TREE_FLAGS } from '../structs/btree.js';
import { OBJECT_TYPE, STORAGE } from '../structs/object.js';
import { RECORD_TYPE } from '../structs/records.js';

/** Two keys where they lie: `<` 0, 0 or `>` 0. Lengths have been checked by who reads the nodes. */
export type KeyOrder = (a: DataView, aAt: number, aLength: number, b: DataView, bAt: number, bLength: number) => number;

export interface TreeKind {
  readonly subtype: number;
  /** Of `STORAGE`. */
  readonly storage: number;
  /** bt_flags of a new tree. */
  readonly flags: number;
  /** Bytes, or 0 for both: variable. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly compare: KeyOrder;
  /** Bytes that a key has at least, so that it can be compared; at least eight are there. */
  readonly leastKey: (view: DataView, keyAt: number) => number;
}

const { physical, ephemeral, sequentialInsert, allowGhosts, notAligned } = TREE_FLAGS;

export const OMAP_TREE: TreeKind = {
  subtype: OBJECT_TYPE.omap,
  storage: STORAGE.physical,
  flags: physical | sequentialInsert,
  keySize: 16,
  valueSize: 16,
  compare: compareTwoNumbers,
  leastKey: () => 16,
};

export const OMAP_SNAPSHOT_TREE: TreeKind = {
  subtype: OBJECT_TYPE.omapSnapshots,
  storage: STORAGE.physical,
  flags: physical | sequentialInsert,
  keySize: 8,
  valueSize: 16,
  compare: compareNumbers,
  leastKey: () => 8,
};

export const FREE_QUEUE_TREE: TreeKind = {
  subtype: OBJECT_TYPE.freeQueue,
  storage: STORAGE.ephemeral,
  flags: ephemeral | sequentialInsert | allowGhosts,
  keySize: 16,
  valueSize: 8,
  compare: compareTwoNumbers,
  leastKey: () => 16,
};

export const EXTENT_REFERENCE_TREE: TreeKind = {
  subtype: OBJECT_TYPE.extentReferences,
  storage: STORAGE.physical,
  flags: physical | sequentialInsert | notAligned,
  keySize: 0,
  valueSize: 0,
  compare: compareNumbers,
  leastKey: () => 8,
};

export const SNAPSHOT_TREE: TreeKind = {
  subtype: OBJECT_TYPE.snapshotMetadata,
  storage: STORAGE.physical,
  flags: physical | sequentialInsert | notAligned,
  keySize: 0,
  valueSize: 0,
  compare: compareRecords(10),
  leastKey: leastPlainKey,
};

/** Extents of the files of a sealed volume. */
export const FILE_EXTENT_TREE: TreeKind = {
  subtype: OBJECT_TYPE.fileExtents,
  storage: STORAGE.physical,
  flags: physical | sequentialInsert,
  keySize: 16,
  valueSize: 16,
  compare: compareTwoNumbers,
  leastKey: () => 16,
};

/** The file-system tree of a volume whose directory keys are hashed, or plain. */
export function fileSystemTree(names: 'hashed' | 'plain'): TreeKind {
  return {
    subtype: OBJECT_TYPE.fsTree,
    storage: STORAGE.virtual,
    flags: sequentialInsert | notAligned,
    keySize: 0,
    valueSize: 0,
    compare: names === 'hashed' ? compareHashedRecords : compareRecords(10),
    leastKey: names === 'hashed' ? leastHashedKey : leastPlainKey,
  };
}

function compareNumbers(a: DataView, aAt: number, _aLength: number, b: DataView, bAt: number): number {
  return a.getUint32(aAt + 4, true) - b.getUint32(bAt + 4, true) || a.getUint32(aAt, true) - b.getUint32(bAt, true);
}

function compareTwoNumbers(a: DataView, aAt: number, _aLength: number, b: DataView, bAt: number): number {
  return compareNumbers(a, aAt, 8, b, bAt) || compareNumbers(a, aAt + 8, 8, b, bAt + 8);
}

const HASH_SHIFT = 10;
const HASHED_NAME = 12;

function compareHashedRecords(a: DataView, aAt: number, aLength: number, b: DataView, bAt: number, bLength: number) {
  const header = compareHeaders(a, aAt, b, bAt);
  if (header !== 0) return header;
  if (a.getUint8(aAt + 7) >>> 4 !== RECORD_TYPE.directory) return compareTails(a, aAt, aLength, b, bAt, bLength, 10);
  const hash = (a.getUint32(aAt + 8, true) >>> HASH_SHIFT) - (b.getUint32(bAt + 8, true) >>> HASH_SHIFT);
  return hash || compareNames(a, aAt + HASHED_NAME, aAt + aLength, b, bAt + HASHED_NAME, bAt + bLength);
}

function compareRecords(nameAt: number): KeyOrder {
  return (a, aAt, aLength, b, bAt, bLength) =>
    compareHeaders(a, aAt, b, bAt) || compareTails(a, aAt, aLength, b, bAt, bLength, nameAt);
}

/** Object id in the low 60 bits, then the type in the high four. */
function compareHeaders(a: DataView, aAt: number, b: DataView, bAt: number): number {
  const aHigh = a.getUint32(aAt + 4, true);
  const bHigh = b.getUint32(bAt + 4, true);
  const ids = (aHigh & 0x0fff_ffff) - (bHigh & 0x0fff_ffff) || a.getUint32(aAt, true) - b.getUint32(bAt, true);
  return ids || (aHigh >>> 28) - (bHigh >>> 28);
}

function compareTails(
  a: DataView,
  aAt: number,
  aLength: number,
  b: DataView,
  bAt: number,
  bLength: number,
  nameAt: number,
): number {
  switch (a.getUint8(aAt + 7) >>> 4) {
    case RECORD_TYPE.directory:
    case RECORD_TYPE.xattr:
    case RECORD_TYPE.snapshotName:
      return compareNames(a, aAt + nameAt, aAt + aLength, b, bAt + nameAt, bAt + bLength);
    case RECORD_TYPE.siblingLink:
    case RECORD_TYPE.fileExtent:
    case RECORD_TYPE.fileInfo:
      return compareNumbers(a, aAt + 8, 8, b, bAt + 8);
    default:
      return 0;
  }
}

function leastPlainKey(view: DataView, keyAt: number): number {
  switch (view.getUint8(keyAt + 7) >>> 4) {
    case RECORD_TYPE.directory:
    case RECORD_TYPE.xattr:
    case RECORD_TYPE.snapshotName:
      return 11;
    case RECORD_TYPE.siblingLink:
    case RECORD_TYPE.fileExtent:
    case RECORD_TYPE.fileInfo:
      return 16;
    default:
      return 8;
  }
}
function leastHashedKey(view: DataView, keyAt: number): number {
  return view.getUint8(keyAt + 7) >>> 4 === RECORD_TYPE.directory ? 13 : leastPlainKey(view, keyAt);
}

/** As strcmp does. */
function compareNames(a: DataView, aAt: number, aEnd: number, b: DataView, bAt: number, bEnd: number): number {
  for (let i = 0; ; i += 1) {
    const left = aAt + i < aEnd ? a.getUint8(aAt + i) : 0;
    const right = bAt + i < bEnd ? b.getUint8(bAt + i) : 0;
    if (left !== right || left === 0) return left - right;
  }
}
