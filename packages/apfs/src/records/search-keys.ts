// Keys of the file-system tree to look for. One buffer serves all searches: a key is good until the next is made.

import type { Cursor, SearchKey } from '../btree/cursor.js';
import { put64 } from '../object.js';
import { RECORD_TYPE } from '../structs/records.js';
import { idAt, putIdAndType, typeAt } from './ids.js';

const HEADER = 8;
/** Longest name that a key may hold, NUL included. */
export const KEY_NAME_LIMIT = 1023;

export class SearchKeys implements SearchKey {
  readonly bytes = new Uint8Array(HEADER + 4 + KEY_NAME_LIMIT + 1);
  readonly view = new DataView(this.bytes.buffer);
  length = 0;

  /** Of a record with nothing but a header, or before the first of this type. */
  record(id: number, type: number): this {
    putIdAndType(this.view, 0, id, type);
    // Numbers, hashes and names of zero come first, so the tail of zeros is the least key of the type.
    this.bytes.fill(0, HEADER, HEADER + 8);
    this.length = type === RECORD_TYPE.inode || type === RECORD_TYPE.dstreamId ? HEADER : HEADER + 8;
    return this;
  }
  /** Of an extent that begins at a byte of a stream. */
  extent(stream: number, position: number): this {
    putIdAndType(this.view, 0, stream, RECORD_TYPE.fileExtent);
    put64(this.view, HEADER, position);
    this.length = HEADER + 8;
    return this;
  }
  /** The same without a type: keys of a sealed volume's tree of extents have none. */
  untyped(): this {
    this.view.setUint8(7, this.view.getUint8(7) & 0x0f);
    return this;
  }
  xattr(id: number, name: Uint8Array): this {
    putIdAndType(this.view, 0, id, RECORD_TYPE.xattr);
    return this.#name(name);
  }
  plainName(folder: number, name: Uint8Array): this {
    putIdAndType(this.view, 0, folder, RECORD_TYPE.directory);
    return this.#name(name);
  }
  /** Before the first name of this hash. */
  hash(folder: number, hash: number): this {
    putIdAndType(this.view, 0, folder, RECORD_TYPE.directory);
    this.view.setUint32(HEADER, (hash << 10) >>> 0, true);
    this.view.setUint8(HEADER + 4, 0);
    this.length = HEADER + 5;
    return this;
  }

  #name(name: Uint8Array): this {
    this.view.setUint16(HEADER, name.length + 1, true);
    this.bytes.set(name, HEADER + 2);
    this.view.setUint8(HEADER + 2 + name.length, 0);
    this.length = HEADER + 2 + name.length + 1;
    return this;
  }
}

/** True if the cursor's record is of this object and type. */
export function isRecord(cursor: Cursor, id: number, type: number): boolean {
  const { view, keyAt } = cursor;
  return typeAt(view, keyAt) === type && idAt(view, keyAt) === id;
}
