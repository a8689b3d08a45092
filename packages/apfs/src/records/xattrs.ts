// Extended attributes, as they are read: in their record, or in a stream. See docs/formats/apfs.md.

import { CorruptError, nameAt, nameToBytes, UnsupportedError, u64le } from '@tintype/core';
import { Cursor, type NodeSource, type RecordPlace } from '../btree/cursor.js';
import { XATTR_VALUE_LIMIT } from '../limits.js';
import { Dstream, RECORD_TYPE, XATTR_FLAGS, XattrValue } from '../structs/records.js';
import { idAt } from './ids.js';
import { isRecord, KEY_NAME_LIMIT, type SearchKeys } from './search-keys.js';
import type { Streams } from './streams.js';

export interface XattrPlace {
  readonly name: string;
  /** Bytes of the value. */
  readonly size: number;
  readonly flags: number;
  /** The value itself, or the stream it lies in. */
  readonly value: Uint8Array | { readonly stream: number };
}

const NAME_AT = 10;
const STREAM_SIZE = 8 + Dstream.size;

export class Xattrs {
  readonly #tree: NodeSource;
  readonly #keys: SearchKeys;
  readonly #streams: Streams;

  constructor(tree: NodeSource, keys: SearchKeys, streams: Streams) {
    this.#tree = tree;
    this.#keys = keys;
    this.#streams = streams;
  }

  list(id: number): XattrPlace[] {
    const found: XattrPlace[] = [];
    const cursor = new Cursor(this.#tree);
    let isThere = cursor.seek(this.#keys.record(id, RECORD_TYPE.xattr));
    for (; isThere && isRecord(cursor, id, RECORD_TYPE.xattr); isThere = cursor.next()) found.push(readXattr(cursor));
    return found;
  }

  find(id: number, name: string): XattrPlace | null {
    const bytes = nameToBytes(name);
    if (bytes.length >= KEY_NAME_LIMIT) return null;
    const cursor = new Cursor(this.#tree);
    const key = this.#keys.xattr(id, bytes);
    return cursor.seek(key) && cursor.isAt(key) ? readXattr(cursor) : null;
  }

  /** The whole value. @throws UnsupportedError if it is longer than can be taken in one piece */
  value({ name, size, value }: XattrPlace): Uint8Array {
    if (value instanceof Uint8Array) return value.slice();
    if (size > XATTR_VALUE_LIMIT)
      throw new UnsupportedError(`attribute ${name} of ${size} bytes is longer than ${XATTR_VALUE_LIMIT}`);
    // The extents prove that so many bytes are there before memory is taken for them.
    this.#streams.shape(value.stream, size);
    const target = new Uint8Array(size);
    this.#streams.read(value.stream, size, 0, target);
    return target;
  }

  read(place: XattrPlace, position: number, target: Uint8Array): number {
    const { value, size } = place;
    if (!(value instanceof Uint8Array)) return this.#streams.read(value.stream, size, position, target);
    const part = value.subarray(Math.min(position, size), Math.min(position + target.length, size));
    target.set(part);
    return part.length;
  }
}

/** The attribute of a record. @throws CorruptError */
export function readXattr({ view, keyAt, keyLength, valueAt, valueLength }: RecordPlace): XattrPlace {
  const id = idAt(view, keyAt);
  const bad = (field: string, problem: string): CorruptError =>
    new CorruptError('j_xattr_val', field, id, `an attribute of inode ${id} ${problem}`);
  const nameLength = view.getUint16(keyAt + 8, true);
  if (nameLength < 2 || NAME_AT + nameLength !== keyLength || view.getUint8(keyAt + keyLength - 1) !== 0)
    throw bad('name', 'has no name that ends');
  const name = nameAt(view, keyAt + NAME_AT, nameLength - 1);
  if (name.includes('\0')) throw bad('name', 'has NUL in its name');
  if (valueLength < XattrValue.size) throw bad('flags', 'has no value');
  const flags = view.getUint16(valueAt + XattrValue.at.flags, true);
  const length = view.getUint16(valueAt + XattrValue.at.xdata_len, true);
  if (length > valueLength - XattrValue.size) throw bad('xdata_len', 'reaches past its record');
  const at = valueAt + XattrValue.size;
  const isStream = (flags & XATTR_FLAGS.dataStream) !== 0;
  if (isStream === ((flags & XATTR_FLAGS.dataEmbedded) !== 0)) throw bad('flags', `has flags ${flags.toString(16)}`);
  if (!isStream) return { name, size: length, flags, value: new Uint8Array(view.buffer, view.byteOffset + at, length) };
  if (length < STREAM_SIZE) throw bad('xdata_len', 'names no stream');
  return { name, size: u64le(view, at + 8, Dstream.at.size), flags, value: { stream: idAt(view, at) } };
}
