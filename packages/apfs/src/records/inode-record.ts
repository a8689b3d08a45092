// Inode records: their bytes, from what is known of an item. Extended fields stand in ascending order of their types, as macOS
// writes them. See docs/formats/apfs.md.

import { CorruptError } from '@tintype/core';
import type { RecordBuffer } from '../btree/node.js';
import { put64 } from '../object.js';
import { InodeValue, RECORD_TYPE } from '../structs/records.js';

export const FIELD = { name: 4, dstream: 8, sparseBytes: 13, rdev: 14, finderInfo: 7, documentId: 3 } as const;
export const FIELD_FLAGS = { name: 0x02, dstream: 0x20, sparseBytes: 0x28, rdev: 0 } as const;
export const KEY_HEADER = 8;

/** The first eight bytes of a key: object id in the low 60 bits, type in the high four. */
export function putKeyHeader(view: DataView, at: number, id: number, type: number): void {
  view.setUint32(at, id >>> 0, true);
  view.setUint32(at + 4, (Math.floor(id / 0x1_0000_0000) | (type << 28)) >>> 0, true);
}

/** Begins an inode record: key, and a value of zeros but for ids, of which `fields` follow. */
export function beginInode(record: RecordBuffer, id: number, parent: number): number {
  const { view, bytes } = record;
  putKeyHeader(view, 0, id, RECORD_TYPE.inode);
  record.keyLength = KEY_HEADER;
  const at = KEY_HEADER;
  bytes.fill(0, at, at + InodeValue.size);
  put64(view, at + InodeValue.at.parent_id, parent);
  put64(view, at + InodeValue.at.private_id, id);
  return at;
}

/** One extended field: `size` bytes, unpadded. */
export interface FieldBytes {
  readonly type: number;
  readonly flags: number;
  readonly bytes: Uint8Array;
}

/** Puts extended fields at `at`; answers how many bytes they take. Without fields: none. */
export function putFields(view: DataView, at: number, fields: readonly FieldBytes[]): number {
  if (fields.length === 0) return 0;
  let used = 0;
  let value = at + 4 + 4 * fields.length;
  for (let i = 0; i < fields.length; i += 1) {
    const { type, flags, bytes } = fields[i] as FieldBytes;
    view.setUint8(at + 4 + 4 * i, type);
    view.setUint8(at + 5 + 4 * i, flags);
    view.setUint16(at + 6 + 4 * i, bytes.length, true);
    const padded = 8 * Math.ceil(bytes.length / 8);
    for (let j = 0; j < padded; j += 1) view.setUint8(value + j, j < bytes.length ? (bytes[j] as number) : 0);
    value += padded;
    used += padded;
  }
  view.setUint16(at, fields.length, true);
  view.setUint16(at + 2, used, true);
  return value - at;
}

/** A name as an extended field: UTF-8 and NUL. */
export function nameField(name: string): FieldBytes {
  return { type: FIELD.name, flags: FIELD_FLAGS.name, bytes: Buffer.from(`${name}\0`) };
}

/** Where a field stands in a value, and its unpadded size; null if there is none. @throws CorruptError */
export function findField(view: DataView, fieldsAt: number, end: number, type: number): FieldPlace | null {
  if (fieldsAt >= end) return null;
  const bad = (problem: string) => new CorruptError('xf_blob', 'xf_num_exts', fieldsAt, problem);
  if (fieldsAt + 4 > end) throw bad('is cut off');
  const count = view.getUint16(fieldsAt, true);
  let value = fieldsAt + 4 + 4 * count;
  if (value > end) throw bad(`${count} fields do not fit`);
  for (let i = 0; i < count; i += 1) {
    const head = fieldsAt + 4 + 4 * i;
    const size = view.getUint16(head + 2, true);
    if (value + size > end) throw bad(`field ${i} does not fit`);
    if (view.getUint8(head) === type) return { at: value, size };
    value += 8 * Math.ceil(size / 8);
  }
  return null;
}
export interface FieldPlace {
  readonly at: number;
  readonly size: number;
}

/** A value with one field set, or taken out if null: the others stay as they are, in the order of their types. */
export function withField(value: Uint8Array, fixed: number, type: number, field: FieldBytes | null): Uint8Array {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const fields: FieldBytes[] = [];
  const count = value.length > fixed ? view.getUint16(fixed, true) : 0;
  for (let i = 0; i < count; i += 1) {
    const each = view.getUint8(fixed + 4 + 4 * i);
    const place = each === type ? null : findField(view, fixed, value.length, each);
    const flags = view.getUint8(fixed + 5 + 4 * i);
    if (place) fields.push({ type: each, flags, bytes: value.slice(place.at, place.at + place.size) });
  }
  if (field) fields.push(field);
  fields.sort((a, b) => a.type - b.type);
  const room = new Uint8Array(fixed + 4 + fields.reduce((sum, { bytes }) => sum + 12 + bytes.length, 0));
  room.set(value.subarray(0, fixed));
  const length = putFields(new DataView(room.buffer), fixed, fields);
  return room.subarray(0, fixed + length);
}
