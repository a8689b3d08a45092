// The file-system tree of a volume that is written, by the meaning of its records.

import { assert, CorruptError, nameFromBytes } from '@tintype/core';
import { type Node, RecordBuffer } from '../btree/node.js';
import { canonical, nameHash } from '../names.js';
import { get64, put64 } from '../object.js';
import { LONGEST_NAME_KEY, putNameKey, SIBLING_FIELD } from '../records/directory-record.js';
import { findField, KEY_HEADER, putKeyHeader } from '../records/inode-record.js';
import { DirectoryValue, InodeValue, RECORD_TYPE } from '../structs/records.js';
import type { Mounted } from './mounted.js';

/** A record where it lies: good until the tree is used again. */
export interface Place {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly key: number;
  readonly keyLength: number;
  readonly at: number;
  readonly length: number;
}

/** A name in a folder, found. */
export interface NamePlace {
  readonly id: number;
  /** UTF-8 as stored, without NUL. */
  readonly name: Uint8Array;
  /** DT_ type. */
  readonly type: number;
  /** 0 if the item never had several names. */
  readonly sibling: number;
}

/** Keys removed at once. */
const BATCH = 256;

export class Catalog {
  readonly volume: Mounted;
  readonly record = new RecordBuffer();

  constructor(volume: Mounted) {
    this.volume = volume;
  }
  get tree() {
    return this.volume.catalog;
  }

  /** Key of a record without more than its header; `more`: a number that follows. */
  putKey(id: number, type: number, more: number | null = null): void {
    const { record } = this;
    putKeyHeader(record.view, 0, id, type);
    record.keyLength = KEY_HEADER;
    // A key to look for from: what follows the header is compared too, and zeros come first.
    if (more === null) record.bytes.fill(0, KEY_HEADER, KEY_HEADER + 8);
    if (more === null) return;
    put64(record.view, KEY_HEADER, more);
    record.keyLength = KEY_HEADER + 8;
  }
  /** Key of a record with a name: of an attribute. */
  putXattrKey(id: number, name: string): void {
    const { record } = this;
    const bytes = Buffer.from(`${name}\0`);
    putKeyHeader(record.view, 0, id, RECORD_TYPE.xattr);
    record.view.setUint16(KEY_HEADER, bytes.length, true);
    record.bytes.set(bytes, KEY_HEADER + 2);
    record.keyLength = KEY_HEADER + 2 + bytes.length;
  }
  putDirectoryKey(folder: number, name: Uint8Array, canonicalName: string): void {
    const hash = this.volume.isHashed ? nameHash(canonicalName) : null;
    putNameKey(this.record, { folder, name, hash });
  }
  /** Value behind the key. */
  putValue(value: Uint8Array): void {
    const { record } = this;
    record.bytes.set(value, record.keyLength);
    record.valueLength = value.length;
  }
  canonical(name: string): string {
    return this.volume.isHashed ? canonical(name, this.volume.names) : name;
  }

  /** The record of the key that was put, or null. */
  find(): Place | null {
    return this.tree.find(this.record) ? this.#place() : null;
  }
  #place(): Place {
    const { leaf, index } = this.tree;
    return placeOf(leaf, index);
  }

  /** @throws AssertionFailure if there is no such inode: ids are good until their item is removed */
  inode(id: number): Place {
    this.putKey(id, RECORD_TYPE.inode);
    const place = this.find();
    assert(place !== null, 'the item exists');
    if (place.length < InodeValue.size)
      throw InodeValue.corrupt(place.view, place.at, 'parent_id', 'the record is too short');
    return place;
  }
  /** As `inode`, to be changed in place. */
  inodeToChange(id: number): Place {
    this.inode(id);
    this.tree.change();
    this.volume.changed = true;
    return this.#place();
  }
  /** A copy of an inode's value. */
  inodeValue(id: number): Uint8Array {
    const { bytes, at, length } = this.inode(id);
    return bytes.slice(at, at + length);
  }
  replaceInode(id: number, value: Uint8Array): void {
    this.putKey(id, RECORD_TYPE.inode);
    this.putValue(value);
    this.tree.replace(this.record);
    this.volume.changed = true;
  }

  findName(folder: number, name: string): NamePlace | null {
    const wanted = this.canonical(name);
    if (!this.volume.isHashed) {
      this.putDirectoryKey(folder, Buffer.from(name), wanted);
      const place = this.find();
      return place && this.nameOf(place);
    }
    const hash = nameHash(wanted);
    putNameKey(this.record, { folder, name: new Uint8Array(), hash });
    let found: NamePlace | null = null;
    this.tree.scan(this.record, (leaf, index) => {
      const place = placeOf(leaf, index);
      if (idAt(place.view, place.key) !== folder || typeAt(place.view, place.key) !== RECORD_TYPE.directory)
        return false;
      if (place.view.getUint32(place.key + KEY_HEADER, true) >>> 10 !== hash) return false;
      const each = this.nameOf(place);
      if (this.canonical(nameFromBytes(each.name)) !== wanted) return true;
      found = each;
      return false;
    });
    return found;
  }
  nameOf({ view, bytes, key, keyLength, at, length }: Place): NamePlace {
    const start = key + KEY_HEADER + (this.volume.isHashed ? 4 : 2);
    if (length < DirectoryValue.size || start >= key + keyLength || keyLength > LONGEST_NAME_KEY + 768)
      throw new CorruptError('j_drec_val', 'file_id', at, 'the record is too short');
    const field = findField(view, at + DirectoryValue.size, at + length, SIBLING_FIELD);
    return {
      id: get64(view, at + DirectoryValue.at.file_id),
      name: bytes.slice(start, key + keyLength - 1),
      type: view.getUint16(at + DirectoryValue.at.flags, true) & 0xf,
      sibling: field && field.size === 8 ? get64(view, field.at) : 0,
    };
  }

  /** Visits all records of an id, those of `first` and greater types. Nothing may be changed meanwhile. */
  each(id: number, first: number, visit: (place: Place, type: number) => boolean): void {
    this.putKey(id, first);
    this.tree.scan(this.record, (leaf, index) => {
      const place = placeOf(leaf, index);
      return idAt(place.view, place.key) === id && visit(place, typeAt(place.view, place.key));
    });
  }
  /** Removes all records of an id that `isGone` says. */
  removeAll(id: number, isGone: (type: number) => boolean): void {
    for (;;) {
      const keys: Uint8Array[] = [];
      this.each(id, 0, ({ bytes, key, keyLength }, type) => {
        if (isGone(type)) keys.push(bytes.slice(key, key + keyLength));
        return keys.length < BATCH;
      });
      for (const key of keys) this.removeKey(key);
      if (keys.length < BATCH) return;
    }
  }
  removeKey(key: Uint8Array): void {
    this.record.bytes.set(key);
    this.record.keyLength = key.length;
    assert(this.tree.remove(this.record), 'a record that is removed was there');
  }
}

function placeOf(leaf: Node, index: number): Place {
  return {
    view: leaf.view,
    bytes: leaf.bytes,
    key: leaf.keyAt(index),
    keyLength: leaf.keyLength(index),
    at: leaf.valueAt(index),
    length: leaf.valueLength(index),
  };
}
export function idAt(view: DataView, key: number): number {
  return (view.getUint32(key + 4, true) & 0x0fff_ffff) * 0x1_0000_0000 + view.getUint32(key, true);
}
export function typeAt(view: DataView, key: number): number {
  return view.getUint8(key + 7) >>> 4;
}
