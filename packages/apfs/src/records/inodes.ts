// Inodes as they are read. See docs/formats/apfs.md.

import { CorruptError, type ItemKind, nameAt, u64le } from '@tintype/core';
import type { Cursor, RecordPlace } from '../btree/cursor.js';
import { INODE_FIELD } from '../structs/extended-fields.js';
import { Dstream, INODE_FLAGS, InodeValue, RECORD_TYPE } from '../structs/records.js';
import { nanosAt, secondsAt } from '../time.js';
import { FieldPlaces } from './extended-fields.js';
import { idAt } from './ids.js';
import { isRecord, type SearchKeys } from './search-keys.js';

const at = InodeValue.at;
const FINDER_INFO = 32;
export const UF_COMPRESSED = 0x20;
export const SF_DATALESS = 0x4000_0000;
const KINDS: Readonly<Record<number, ItemKind>> = {
  1: 'fifo',
  2: 'char',
  4: 'directory',
  6: 'block',
  8: 'file',
  10: 'symlink',
  12: 'socket',
};

export interface Inode {
  readonly id: number;
  readonly parent: number;
  /** Id of the data stream. */
  readonly stream: number;
  readonly kind: ItemKind;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** BSD flags. */
  readonly flags: number;
  /** Low half of internal_flags. */
  readonly internalFlags: number;
  /** Entries of a folder, names of others. */
  readonly links: number;
  readonly mtime: number;
  readonly mtimeNanos: number;
  readonly ctime: number;
  readonly ctimeNanos: number;
  readonly btime: number;
  readonly btimeNanos: number;
  /** Bytes of the data stream; 0 without one. */
  readonly size: number;
  readonly alloced: number;
  /** True if it has one, be it empty. */
  readonly hasStream: boolean;
  readonly sparseBytes: number;
  readonly rdev: number;
  readonly hasRdev: boolean;
  /** Of a compressed file, where the inode says it. */
  readonly uncompressedSize: number | null;
  /** Name of the primary link, or empty; or that by which it was found. */
  readonly name: string;
  /** Kept in the inode itself by some writers. */
  readonly finderInfo: Uint8Array | null;
}

const fields = new FieldPlaces();

/**
 * The inode of a record, such as that under a cursor. `name`: that by which it was found, instead of its own, whose reading
 * takes a third of the time. @throws CorruptError
 */
export function readInode({ view, keyAt, valueAt, valueLength }: RecordPlace, name?: string): Inode {
  const id = idAt(view, keyAt);
  if (valueLength < InodeValue.size)
    throw new CorruptError('j_inode_val', 'size', id, `inode ${id} has only ${valueLength} bytes`);
  const mode = view.getUint16(valueAt + at.mode, true);
  const kind = KINDS[mode >>> 12];
  if (!kind) throw new CorruptError('j_inode_val', 'mode', id, `inode ${id} has mode ${mode.toString(8)}`);
  fields.read(view, valueAt + InodeValue.size, valueAt + valueLength);
  const internalFlags = view.getUint32(valueAt + at.internal_flags, true);
  const dstream = fields.at(INODE_FIELD.dstream);
  if (dstream >= 0 && fields.size(INODE_FIELD.dstream) < Dstream.size)
    throw new CorruptError(
      'j_dstream',
      'size',
      id,
      `inode ${id} has a stream of ${fields.size(INODE_FIELD.dstream)} bytes`,
    );
  return {
    id,
    parent: idAt(view, valueAt + at.parent_id),
    stream: idAt(view, valueAt + at.private_id),
    kind,
    mode: mode & 0o7777,
    uid: view.getUint32(valueAt + at.owner, true),
    gid: view.getUint32(valueAt + at.group, true),
    flags: view.getUint32(valueAt + at.bsd_flags, true),
    internalFlags,
    links: view.getUint32(valueAt + at.nchildren_or_nlink, true),
    mtime: secondsAt(view, valueAt + at.mod_time),
    mtimeNanos: nanosAt(view, valueAt + at.mod_time),
    ctime: secondsAt(view, valueAt + at.change_time),
    ctimeNanos: nanosAt(view, valueAt + at.change_time),
    btime: secondsAt(view, valueAt + at.create_time),
    btimeNanos: nanosAt(view, valueAt + at.create_time),
    size: dstream >= 0 ? u64le(view, dstream, Dstream.at.size) : 0,
    alloced: dstream >= 0 ? u64le(view, dstream, Dstream.at.alloced_size) : 0,
    sparseBytes: numberField(view, id, INODE_FIELD.sparseBytes),
    hasStream: dstream >= 0,
    rdev: numberField(view, id, INODE_FIELD.rdev),
    hasRdev: fields.at(INODE_FIELD.rdev) >= 0,
    uncompressedSize:
      (internalFlags & INODE_FLAGS.hasUncompressedSize) !== 0
        ? exactAt(view, valueAt + at.uncompressed_size, id)
        : null,
    name: name ?? nameField(view),
    finderInfo: finderInfo(view),
  };
}

/** To the inode's record, as `seekNear` goes there. @throws CorruptError if there is none */
export function seekInode(cursor: Cursor, keys: SearchKeys, id: number): void {
  if (!cursor.seekNear(keys.record(id, RECORD_TYPE.inode)) || !isRecord(cursor, id, RECORD_TYPE.inode))
    throw new CorruptError('j_inode_key', 'obj_id', id, `there is no inode ${id}`);
}

function numberField(view: DataView, id: number, type: number): number {
  const place = fields.at(type);
  if (place < 0) return 0;
  const size = fields.size(type);
  if (size === 4) return view.getUint32(place, true);
  if (size !== 8) throw new CorruptError('x_field', 'x_size', id, `a number of ${size} bytes`);
  return exactAt(view, place, id);
}

function exactAt(view: DataView, place: number, id: number): number {
  const high = view.getUint32(place + 4, true);
  if (high > 0x1f_ffff) throw new CorruptError('j_inode_val', 'number', id, `inode ${id} holds one of 2^53 or more`);
  return high * 0x1_0000_0000 + view.getUint32(place, true);
}

function nameField(view: DataView): string {
  const place = fields.at(INODE_FIELD.name);
  const size = fields.size(INODE_FIELD.name);
  if (place < 0 || size < 2) return '';
  return nameAt(view, place, size - 1);
}

function finderInfo(view: DataView): Uint8Array | null {
  const place = fields.at(INODE_FIELD.finderInfo);
  if (place < 0 || fields.size(INODE_FIELD.finderInfo) !== FINDER_INFO) return null;
  return new Uint8Array(view.buffer, view.byteOffset + place, FINDER_INFO).slice();
}
