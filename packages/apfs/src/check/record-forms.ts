// The form of records by itself: sizes, reserved fields, extended fields. Called for every record, so nothing is made but for what is
// wrong. See docs/formats/apfs.md.

import type { RecordPlace } from '../btree/cursor.js';
import { ExtendedFieldBlob, ExtendedFieldEntry, INODE_FIELD } from '../structs/extended-fields.js';
import { DirectoryValue, Dstream, FileExtentValue, INODE_FLAGS, InodeValue, SiblingValue } from '../structs/records.js';
import { INODE } from '../structs/volume.js';
import type { VolumeForm } from './record-sizes.js';

const inode = InodeValue.at;
/** Bits that Apple documents, and 2000000, which newer systems set with the field of purgeable files. */
const KNOWN_INODE_FLAGS = 0x027f_ffdf;
const PROTECTION_CLASSES = 0b101_1111;
const CLONED = INODE_FLAGS.wasCloned | INODE_FLAGS.wasEverCloned;
const BLOB = ExtendedFieldBlob.size;
const ENTRY = ExtendedFieldEntry.size;
const SIBLING_FIELDS = BLOB + ENTRY + 8;
const SIBLING_FIELD_TYPE = 1;
const ENTRY_TYPE = 0xf;
/** Of entries below the folder of purgeable files. */
const PURGEABLE_ENTRY = 0x200 | 0x800;
const EXTENT_FLAGS = 3;
/** Behind the end of its file. */
const EXTENT_PREALLOCATED = 2;
/** Of an extended field: all but two that are reserved. */
const KNOWN_FIELD_FLAGS = 0x3b;
const OF_USER_AND_SYSTEM = 0x30;
const STATISTICS = INODE_FLAGS.maintainDirectoryStats | INODE_FLAGS.directoryStatsOrigin;
/** Of the file system itself: root, private folder, folder of snapshots. */
const OWN_INODES: readonly number[] = [INODE.root, INODE.privateFolder, INODE.snapshots];
const NOBODY = 0xffff_ffff;

/** Bytes of each field of an inode; a name has as many as it has. */
const FIELD_SIZES: Readonly<Record<number, number>> = {
  [INODE_FIELD.snapshotXid]: 8,
  [INODE_FIELD.deltaTree]: 8,
  [INODE_FIELD.documentId]: 4,
  [INODE_FIELD.previousSize]: 8,
  [INODE_FIELD.finderInfo]: 32,
  [INODE_FIELD.dstream]: Dstream.size,
  [INODE_FIELD.directoryStats]: 8,
  [INODE_FIELD.fsUuid]: 16,
  [INODE_FIELD.sparseBytes]: 8,
  [INODE_FIELD.rdev]: 4,
  [INODE_FIELD.purgeable]: 8,
  [INODE_FIELD.originalSyncRoot]: 8,
};
const FIELD_FLAGS: Readonly<Record<number, number>> = {
  [INODE_FIELD.name]: 0x02,
  [INODE_FIELD.previousSize]: 0,
  [INODE_FIELD.dstream]: 0x20,
  [INODE_FIELD.directoryStats]: 0x22,
  [INODE_FIELD.sparseBytes]: 0x28,
};

/** What is wrong with an inode's record, beside what reading it tells; or null. */
export function inodeProblem({ view, keyAt, valueAt, valueLength }: RecordPlace): string | null {
  const flags = view.getUint32(valueAt + inode.internal_flags, true);
  if ((flags & ~KNOWN_INODE_FLAGS) !== 0 || view.getUint32(valueAt + inode.internal_flags + 4, true) !== 0)
    return `internal flags ${flags.toString(16)} are not all known`;
  const beyond = view.getUint8(valueAt + inode.parent_id + 7) | view.getUint8(valueAt + inode.private_id + 7);
  if (beyond >>> 4 !== 0) return 'a number with bits that stand for a type in keys';
  const protection = view.getUint32(valueAt + inode.default_protection_class, true);
  if (protection > 6 || ((PROTECTION_CLASSES >>> protection) & 1) === 0) return `protection class ${protection}`;
  if (view.getUint16(valueAt + inode.pad1, true) !== 0) return 'a reserved field is set';
  const sized = view.getUint32(valueAt + inode.uncompressed_size, true);
  const isSized = sized !== 0 || view.getUint32(valueAt + inode.uncompressed_size + 4, true) !== 0;
  if (isSized && (flags & INODE_FLAGS.hasUncompressedSize) === 0) return 'an uncompressed size without its flag';
  const isOwn =
    view.getUint32(valueAt + inode.private_id, true) === view.getUint32(keyAt, true) &&
    view.getUint32(valueAt + inode.private_id + 4, true) === (view.getUint32(keyAt + 4, true) & 0x0fff_ffff);
  if (!isOwn && (flags & CLONED) === 0) return 'the stream of another inode, without being a clone';
  return fieldsProblem(view, valueAt + InodeValue.size, valueAt + valueLength, flags);
}

/** Extended fields of an inode; reading has made sure that they lie in the record. */
function fieldsProblem(view: DataView, start: number, end: number, flags: number): string | null {
  const count = start === end ? 0 : view.getUint16(start, true);
  let value = start + BLOB + count * ENTRY;
  let seen = 0;
  for (let i = 0; i < count; i += 1) {
    const entry = start + BLOB + i * ENTRY;
    const type = view.getUint8(entry);
    const size = view.getUint16(entry + 2, true);
    const padded = (size + 7) & ~7;
    if (type > INODE_FIELD.originalSyncRoot || ((seen >>> type) & 1) === 1) return `field ${type} is unknown, or twice`;
    seen |= 1 << type;
    if (type === INODE_FIELD.name) {
      if (size < 2 || endOfName(view, value, size) !== size - 1) return 'the name in it does not end';
    } else if (FIELD_SIZES[type] !== size) return `field ${type} of ${size} bytes`;
    const wanted = FIELD_FLAGS[type];
    const given = view.getUint8(entry + 1);
    if (wanted !== undefined && given !== wanted) return `field ${type} has other flags`;
    const isOdd = (given & ~KNOWN_FIELD_FLAGS) !== 0 || (given & OF_USER_AND_SYSTEM) === OF_USER_AND_SYSTEM;
    if (isOdd) return `flags ${given.toString(16)} of field ${type} cannot be`;
    for (let at = value + size; at < value + padded && at < end; at += 1)
      if (view.getUint8(at) !== 0) return `field ${type} is padded with something`;
    value += padded;
  }
  if (start !== end && (value !== end || view.getUint16(start + 2, true) !== end - start - BLOB - count * ENTRY))
    return 'the extended fields do not fill the record';
  const has = (type: number): boolean => ((seen >>> type) & 1) === 1;
  if (has(INODE_FIELD.sparseBytes) !== ((flags & INODE_FLAGS.isSparse) !== 0)) return 'its flag of holes is wrong';
  if (has(INODE_FIELD.directoryStats) !== ((flags & STATISTICS) !== 0)) return 'its flags of statistics are wrong';
  if (has(INODE_FIELD.purgeable) !== ((flags & INODE_FLAGS.hasPurgeable) !== 0)) return 'its purgeable flag is wrong';
  return null;
}

/** What is wrong with the numbers of an inode and of its folder, of which some are reserved; or null. */
export function numberProblem({ id, parent }: { readonly id: number; readonly parent: number }): string | null {
  if (id < INODE.firstUser) {
    if (!OWN_INODES.includes(id)) return `number ${id} is reserved`;
    return parent === INODE.rootParent ? null : `lies in ${parent}, which is not above the root`;
  }
  const isOdd = parent <= INODE.rootParent || parent === INODE.privateFolder;
  return isOdd ? `says that it lies in ${parent}, as nothing of a user does` : null;
}

/** Bytes before the first NUL; `size` if there is none. */
function endOfName(view: DataView, at: number, size: number): number {
  let length = 0;
  while (length < size && view.getUint8(at + length) !== 0) length += 1;
  return length;
}

/** An entry of a folder: at most one extended field, the number of its link. */
export function entryProblem({ view, keyAt, valueAt, valueLength }: RecordPlace): string | null {
  const flags = view.getUint16(valueAt + DirectoryValue.at.flags, true);
  const isPurgeable = view.getUint32(keyAt, true) === INODE.purgeable && view.getUint16(keyAt + 4, true) === 0;
  if ((flags & ~(isPurgeable ? ENTRY_TYPE | PURGEABLE_ENTRY : ENTRY_TYPE)) !== 0)
    return `flags ${flags.toString(16)} are not all known`;
  if (view.getUint8(valueAt + DirectoryValue.at.file_id + 7) >>> 4 !== 0) return 'a number with bits of a type';
  if (valueLength === DirectoryValue.size) return null;
  const at = valueAt + DirectoryValue.size;
  if (valueLength === DirectoryValue.size + BLOB)
    return view.getUint32(at, true) === 0 ? null : 'fields that are not there';
  if (valueLength !== DirectoryValue.size + SIBLING_FIELDS) return `a value of ${valueLength} bytes`;
  const isLink =
    view.getUint16(at, true) === 1 &&
    view.getUint16(at + 2, true) === 8 &&
    view.getUint8(at + BLOB) === SIBLING_FIELD_TYPE &&
    view.getUint16(at + BLOB + 2, true) === 8;
  return isLink ? null : 'an extended field that is not the number of its link';
}

/** A link: the name fills the value, and ends. */
export function siblingProblem({ view, valueAt, valueLength }: RecordPlace): string | null {
  const length = view.getUint16(valueAt + SiblingValue.at.name_len, true);
  const isWhole = SiblingValue.size + length === valueLength;
  const ends = isWhole && endOfName(view, valueAt + SiblingValue.size, length) === length - 1;
  return ends ? null : 'its name does not fill the record, or does not end';
}

/** A sealed volume has no keys for single extents. */
export function extentSize(isSealed: boolean): number {
  return isSealed ? FileExtentValue.at.crypto_id : FileExtentValue.size;
}

/** Flags and length of an extent of a file. */
export function fileExtentProblem(
  { view, valueAt, valueLength }: RecordPlace,
  { hasPreallocated, isSealed }: VolumeForm,
): string | null {
  if (valueLength !== extentSize(isSealed)) return `an extent of ${valueLength} bytes`;
  const flags = view.getUint8(valueAt + 7);
  if ((flags & EXTENT_PREALLOCATED) !== 0 && !hasPreallocated)
    return 'an extent behind the end, in a volume without them';
  return (flags & ~EXTENT_FLAGS) === 0 ? null : `flags ${flags.toString(16)} of an extent are not known`;
}

/** True for the owner of a change of a count, which is nobody. */
export function isNobody(view: DataView, at: number): boolean {
  return view.getUint32(at, true) === NOBODY && view.getUint32(at + 4, true) === NOBODY;
}
