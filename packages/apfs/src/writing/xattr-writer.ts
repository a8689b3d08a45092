// Extended attributes that are written: in their record, or in a stream if they are long. A resource fork is always a stream.
// See docs/formats/apfs.md.

import { CorruptError, nameFromBytes } from '@tintype/core';
import { get64, put64, viewOf } from '../object.js';
import { FINDER_INFO, finderInfoOf } from '../reading/kept-xattrs.js';
import { KEY_HEADER } from '../records/inode-record.js';
import type { StreamRecords } from '../records/stream-records.js';
import { BLOCK_SIZE } from '../structs/container.js';
import {
  Dstream,
  INODE_FLAGS,
  InodeValue,
  RECORD_TYPE,
  XATTR_EMBEDDED_LIMIT,
  XATTR_FLAGS,
  XattrValue,
} from '../structs/records.js';
import type { Catalog } from './catalog.js';
import { blocksOf, type Extent } from './extent.js';
import type { Mounted } from './mounted.js';

export const SYMLINK_XATTR = 'com.apple.fs.symlink';
export const RESOURCE_FORK = 'com.apple.ResourceFork';
const SECURITY = 'com.apple.system.Security';
const STREAM_VALUE = 8 + Dstream.size;

interface Stored {
  readonly name: string;
  readonly flags: number;
  readonly data: Uint8Array;
  /** 0: the value stands in the record. */
  readonly stream: number;
}

export class XattrWriter {
  readonly #volume: Mounted;
  readonly #catalog: Catalog;
  readonly #records: StreamRecords;

  constructor(volume: Mounted, catalog: Catalog, records: StreamRecords) {
    this.#volume = volume;
    this.#catalog = catalog;
    this.#records = records;
  }

  /** @throws VolumeFullError, with nothing changed */
  set(id: number, name: string, given: Uint8Array): void {
    const value = name === FINDER_INFO ? finderInfoOf(given) : given;
    const old = this.#find(id, name);
    const freed = old && old.stream > 0 ? this.#records.extents(old.stream).length : 0;
    const isStream = value.length > XATTR_EMBEDDED_LIMIT || name === RESOURCE_FORK;
    const data = isStream ? Math.ceil(value.length / BLOCK_SIZE) : 0;
    const bytes = isStream ? 0 : value.length;
    this.#volume.require({ catalog: 6 + freed, bytes, references: 4 + freed, data });
    const extents = data > 0 ? this.#volume.place.spaceman.take(data) : [];
    if (data > 0) this.#write(extents, value);
    if (old) this.#removeRecord(id, old);
    if (isStream) this.#putStream(id, name, 0, extents, value.length);
    else this.putNew(id, name, value);
    this.#setFlags(id, name, 'there');
  }
  /** Nothing happens if there is none. @throws VolumeFullError */
  remove(id: number, name: string): void {
    const old = this.#find(id, name);
    if (!old) return;
    const freed = old.stream > 0 ? this.#records.extents(old.stream).length : 0;
    this.#volume.require({ catalog: 6 + freed, references: freed }, 'removal');
    this.#removeRecord(id, old);
    this.#setFlags(id, name, 'gone');
  }
  /** A short value in a record of its own; the target of a symlink is the file system's. */
  putNew(id: number, name: string, value: Uint8Array): void {
    const flags = XATTR_FLAGS.dataEmbedded | (name === SYMLINK_XATTR ? XATTR_FLAGS.fileSystemOwned : 0);
    this.#insert(id, name, flags, value);
  }

  /** Blocks of all streams that attributes of an item have. */
  freeStreams(id: number): void {
    for (const { stream } of this.#all(id)) if (stream > 0) this.#records.free(stream);
  }
  /** Room for `copyAll`. @throws VolumeFullError */
  requireCopies(id: number): void {
    const stored = this.#all(id);
    let extents = 0;
    let bytes = 0;
    for (const { stream, data } of stored) {
      if (stream > 0) extents += this.#records.extents(stream).length;
      bytes += 300 + data.length;
    }
    this.#volume.require({ catalog: 12 + extents, bytes, references: extents });
  }
  /** Attributes of an item for its clone; streams get ids of their own, blocks are shared. */
  copyAll(id: number, clone: number): void {
    for (const { name, flags, data, stream } of this.#all(id)) {
      if (stream > 0) {
        const copy = this.#volume.newId();
        this.#records.copy(stream, copy);
        put64(viewOf(data), 0, copy);
      }
      this.#insert(clone, name, flags, data);
    }
  }

  #write(extents: readonly Extent[], value: Uint8Array): void {
    const { device } = this.#volume.place;
    let done = 0;
    for (const { start, count } of extents) {
      const part = value.subarray(done, done + count * BLOCK_SIZE);
      device.write(start * BLOCK_SIZE, part);
      const rest = count * BLOCK_SIZE - part.length;
      if (rest > 0) device.write(start * BLOCK_SIZE + part.length, new Uint8Array(rest));
      done += part.length;
    }
  }
  #putStream(id: number, name: string, flags: number, extents: readonly Extent[], size: number): void {
    const stream = this.#volume.newId();
    this.#records.replace(stream, 0, [], extents);
    const data = new Uint8Array(STREAM_VALUE);
    const view = viewOf(data);
    put64(view, 0, stream);
    put64(view, 8 + Dstream.at.size, size);
    put64(view, 8 + Dstream.at.alloced_size, blocksOf(extents) * BLOCK_SIZE);
    put64(view, 8 + Dstream.at.total_bytes_written, size);
    this.#insert(id, name, flags | XATTR_FLAGS.dataStream, data);
  }
  #insert(id: number, name: string, flags: number, data: Uint8Array): void {
    const catalog = this.#catalog;
    catalog.putXattrKey(id, name);
    const { record } = catalog;
    const at = record.keyLength;
    record.view.setUint16(at + XattrValue.at.flags, flags, true);
    record.view.setUint16(at + XattrValue.at.xdata_len, data.length, true);
    record.bytes.set(data, at + XattrValue.size);
    record.valueLength = XattrValue.size + data.length;
    catalog.tree.insert(record);
    this.#volume.changed = true;
  }
  #removeRecord(id: number, { name, stream }: Stored): void {
    if (stream > 0) this.#records.free(stream);
    this.#catalog.putXattrKey(id, name);
    this.#catalog.tree.remove(this.#catalog.record);
    this.#volume.changed = true;
  }

  #find(id: number, name: string): Stored | null {
    return this.#all(id).find((each) => each.name === name) ?? null;
  }
  #all(id: number): Stored[] {
    const found: Stored[] = [];
    this.#catalog.each(id, RECORD_TYPE.xattr, ({ view, bytes, key, keyLength, at, length }, type) => {
      if (type !== RECORD_TYPE.xattr) return false;
      const size = view.getUint16(at + XattrValue.at.xdata_len, true);
      if (length < XattrValue.size + size || keyLength < KEY_HEADER + 4)
        throw new CorruptError('j_xattr_val', 'xdata_len', id, `an attribute of inode ${id} is cut off`);
      const flags = view.getUint16(at, true);
      const data = bytes.slice(at + XattrValue.size, at + XattrValue.size + size);
      const isStream = (flags & XATTR_FLAGS.dataStream) !== 0;
      if (isStream && size < STREAM_VALUE)
        throw new CorruptError('j_xattr_val', 'xdata_len', id, `an attribute of inode ${id} names no stream`);
      const name = nameFromBytes(bytes.subarray(key + KEY_HEADER + 2, key + keyLength - 1));
      found.push({ name, flags, data, stream: isStream ? get64(viewOf(data), 0) : 0 });
      return true;
    });
    return found;
  }

  /** The inode says which of the known attributes it has. */
  #setFlags(id: number, name: string, state: 'there' | 'gone'): void {
    const bits = FLAGS[name];
    if (bits === undefined) return;
    const { view, at } = this.#catalog.inodeToChange(id);
    const place = at + InodeValue.at.internal_flags;
    const { on, off } = state === 'there' ? bits : { on: bits.off, off: bits.on };
    view.setUint32(place, ((view.getUint32(place, true) & ~off) | on) >>> 0, true);
  }
}

const FLAGS: Readonly<Record<string, { readonly on: number; readonly off: number }>> = {
  [RESOURCE_FORK]: { on: INODE_FLAGS.hasResourceFork, off: INODE_FLAGS.noResourceFork },
  [FINDER_INFO]: { on: INODE_FLAGS.hasFinderInfo, off: 0 },
  [SECURITY]: { on: INODE_FLAGS.hasSecurity, off: 0 },
};
