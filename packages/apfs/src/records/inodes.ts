// Inodes as they are read. See docs/formats/apfs.md.

import { CorruptError, type ItemKind, nameFromBytes, u64le } from '@tintype/core';
import type { Cursor, RecordPlace } from '../btree/cursor.js';
import { INODE_FIELD } from '../structs/extended-fields.js';
import { Dstream, INODE_FLAGS, InodeValue, RECORD_TYPE } from '../structs/records.js';
import { nanosAt, secondsAt } from '../time.js';
import { type FieldPlace, readFields } from './extended-fields.js';
import { idAt } from './ids.js';
import { isRecord, type SearchKeys } from './search-keys.js';

const at = InodeValue.at;
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
  /** Name of the primary link, or empty. */
  readonly name: string;
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
  /** Kept in the inode itself by some writers. */
  readonly finderInfo: Uint8Array | null;
}

/** The inode of a record, such as that under a cursor. @throws CorruptError */
export function readInode({ view, keyAt, valueAt, valueLength }: RecordPlace): Inode {
  const id = idAt(view, keyAt);
  if (valueLength < InodeValue.size)
    throw new CorruptError('j_inode_val', 'size', id, `inode ${id} has only ${valueLength} bytes`);
  const mode = view.getUint16(valueAt + at.mode, true);
  const kind = KINDS[mode >>> 12];
  if (!kind) throw new CorruptError('j_inode_val', 'mode', id, `inode ${id} has mode ${mode.toString(8)}`);
  const fields = readFields(view, valueAt + InodeValue.size, valueAt + valueLength);
  const number = (type: number): number => numberField(view, id, fields.get(type));
  const internalFlags = view.getUint32(valueAt + at.internal_flags, true);
  const dstream = fields.get(INODE_FIELD.dstream);
  if (dstream && dstream.size < Dstream.size)
    throw new CorruptError('j_dstream', 'size', id, `inode ${id} has a stream of ${dstream.size} bytes`);
  const finder = fields.get(INODE_FIELD.finderInfo);
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
    name: nameField(view, fields.get(INODE_FIELD.name)),
    size: dstream ? u64le(view, dstream.at, Dstream.at.size) : 0,
    alloced: dstream ? u64le(view, dstream.at, Dstream.at.alloced_size) : 0,
    sparseBytes: number(INODE_FIELD.sparseBytes),
    hasStream: dstream !== undefined,
    rdev: number(INODE_FIELD.rdev),
    hasRdev: fields.has(INODE_FIELD.rdev),
    uncompressedSize:
      (internalFlags & INODE_FLAGS.hasUncompressedSize) !== 0
        ? exactAt(view, valueAt + at.uncompressed_size, id)
        : null,
    finderInfo: finder?.size === 32 ? new Uint8Array(view.buffer, view.byteOffset + finder.at, 32).slice() : null,
  };
}

/** To the inode's record. @throws CorruptError if there is none */
export function seekInode(cursor: Cursor, keys: SearchKeys, id: number): void {
  if (!cursor.seek(keys.record(id, RECORD_TYPE.inode)) || !isRecord(cursor, id, RECORD_TYPE.inode))
    throw new CorruptError('j_inode_key', 'obj_id', id, `there is no inode ${id}`);
}

function numberField(view: DataView, id: number, field: FieldPlace | undefined): number {
  if (!field) return 0;
  if (field.size === 4) return view.getUint32(field.at, true);
  if (field.size !== 8) throw new CorruptError('x_field', 'x_size', id, `a number of ${field.size} bytes`);
  return exactAt(view, field.at, id);
}

function exactAt(view: DataView, place: number, id: number): number {
  const high = view.getUint32(place + 4, true);
  if (high > 0x1f_ffff) throw new CorruptError('j_inode_val', 'number', id, `inode ${id} holds one of 2^53 or more`);
  return high * 0x1_0000_0000 + view.getUint32(place, true);
}

function nameField(view: DataView, field: FieldPlace | undefined): string {
  if (!field || field.size < 2) return '';
  return nameFromBytes(new Uint8Array(view.buffer, view.byteOffset + field.at, field.size - 1));
}
