// Inodes as they are made and changed: their bytes from the attributes of an item.

import type { AttributeChange, ItemKind, NewItem } from '@tintype/core';
import { NAME_LIMIT } from '../names.js';
import { put64, viewOf } from '../object.js';
import { FIELD, FIELD_FLAGS, type FieldBytes, nameField, putFields, withField } from '../records/inode-record.js';
import { Dstream, INODE_FLAGS, InodeValue } from '../structs/records.js';
import { nanosAt, putTime, secondsAt } from '../time.js';

const at = InodeValue.at;
const UF_COMPRESSED = 0x20;
/** BSD flags that are kept: not UF_COMPRESSED, which belongs to the form of the content. */
export const FLAGS_KEPT = 0x00ff_80df;
const MINOR_MASK = 0xff_ffff;
const PERMISSIONS = 0o7777;

/** Upper four bits of a mode, which directory records have too. */
export const TYPE: Readonly<Record<ItemKind, number>> = {
  fifo: 1,
  char: 2,
  directory: 4,
  block: 6,
  file: 8,
  symlink: 10,
  socket: 12,
};

/** A value with all its fields: the longest name with its NUL, padded, and a stream or a device's numbers. */
const ROOM = InodeValue.size + 4 + 2 * 4 + (NAME_LIMIT + 1) + Dstream.size;

/** Of a file whose data comes later. */
const NO_STREAM: FieldBytes = { type: FIELD.dstream, flags: FIELD_FLAGS.dstream, bytes: new Uint8Array(Dstream.size) };

export interface Birth {
  readonly id: number;
  readonly parent: number;
}

/** The value of a new item's inode record. */
export function newInode(item: NewItem, { id, parent }: Birth): Uint8Array {
  // Of Node's pool: memory of its own for each file costs more than all else here.
  const room = Buffer.allocUnsafe(ROOM).fill(0);
  const view = viewOf(room);
  put64(view, at.parent_id, parent);
  put64(view, at.private_id, id);
  view.setUint32(at.internal_flags, INODE_FLAGS.noResourceFork, true);
  view.setUint32(at.nchildren_or_nlink, item.kind === 'directory' ? 0 : 1, true);
  view.setUint32(at.write_generation_counter, 1, true);
  view.setUint16(at.mode, TYPE[item.kind] << 12, true);
  putAttributes(view, 0, item);
  const fields = [nameField(item.name)];
  if (item.kind === 'file' && item.size > 0) fields.push(NO_STREAM);
  if (item.kind === 'char' || item.kind === 'block') {
    const bytes = new Uint8Array(4);
    viewOf(bytes).setUint32(0, ((item.rdevMajor << 24) | (item.rdevMinor & MINOR_MASK)) >>> 0, true);
    fields.push({ type: FIELD.rdev, flags: FIELD_FLAGS.rdev, bytes });
  }
  return room.subarray(0, InodeValue.size + putFields(view, InodeValue.size, fields));
}

/** Puts what `change` has into the fixed part of an inode's value at `base`. */
export function putAttributes(view: DataView, base: number, change: AttributeChange): void {
  const word = (field: number, value: number | undefined): void => {
    if (value !== undefined) view.setUint32(base + field, value >>> 0, true);
  };
  if (change.mode !== undefined) {
    const type = view.getUint16(base + at.mode, true) & ~PERMISSIONS;
    view.setUint16(base + at.mode, type | (change.mode & PERMISSIONS), true);
  }
  word(at.owner, change.uid);
  word(at.group, change.gid);
  if (change.flags !== undefined)
    word(at.bsd_flags, (change.flags & FLAGS_KEPT) | (view.getUint32(base + at.bsd_flags, true) & UF_COMPRESSED));
  putChangedTime(view, base + at.mod_time, change.mtime, change.mtimeNanos);
  putChangedTime(view, base + at.access_time, change.mtime, change.mtimeNanos);
  putChangedTime(view, base + at.change_time, change.ctime, change.ctimeNanos);
  putChangedTime(view, base + at.create_time, change.btime, change.btimeNanos);
}

/** Seconds and nanoseconds may come alone: the other part stays. */
function putChangedTime(view: DataView, place: number, seconds: number | undefined, nanos: number | undefined): void {
  if (seconds === undefined && nanos === undefined) return;
  putTime(view, place, seconds ?? secondsAt(view, place), nanos ?? nanosAt(view, place));
}

/** The same inode under another primary name. */
export function renamed(value: Uint8Array, name: string, parent: number): Uint8Array {
  const result = withField(value, InodeValue.size, FIELD.name, nameField(name));
  put64(viewOf(result), at.parent_id, parent);
  return result;
}
