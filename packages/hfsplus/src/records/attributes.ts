// The attributes tree: extended attributes in their three forms. Source: hfs_format.h, Apple's kernel.

import { CorruptError, UnsupportedError, type XattrEntry } from '@tintype/core';
import type { Node } from '../btree/node.js';
import { blocksOf, type Extent, type ExtentRecord, extentRecords, extentsOf } from '../extent.js';
import { XATTR_NAME_LIMIT, XATTR_VALUE_LIMIT } from '../limits.js';
import type { Mounted, TreeFile } from '../mounted.js';
import {
  ATTRIBUTE_TYPE,
  AttributeExtents,
  AttributeFork,
  AttributeInline,
  AttributeKey,
} from '../structs/attributes.js';
import { attributeKey } from './attribute-key.js';
import { join } from './catalog.js';
import { readName } from './catalog-records.js';

interface Found {
  readonly size: number;
  /** The value, if it lies in the record. */
  readonly inline: Uint8Array | null;
  readonly extents: Extent[];
}

export class Attributes {
  readonly #volume: Mounted;

  constructor(volume: Mounted) {
    this.#volume = volume;
  }

  list(id: number): XattrEntry[] {
    const entries: XattrEntry[] = [];
    this.#scan(id, '', (node, index, name) => {
      const at = node.dataAt(index);
      const type = node.view.getUint32(at);
      if (type === ATTRIBUTE_TYPE.inline) entries.push({ name, size: inlineSize(node, index) });
      else if (type === ATTRIBUTE_TYPE.fork)
        entries.push({ name, size: AttributeFork.read(node.view, at).theFork.logicalSize });
      return true;
    });
    return entries;
  }

  get(id: number, name: string): Uint8Array | null {
    const found = this.#find(id, name);
    if (!found) return null;
    if (found.inline) return found.inline;
    if (found.size > XATTR_VALUE_LIMIT)
      throw new CorruptError('HFSPlusAttrForkData', 'logicalSize', id, `a value of ${found.size} bytes is too long`);
    const value = new Uint8Array(found.size);
    const { blockSize, device, writer } = this.#volume;
    writer.flush();
    let at = 0;
    for (const { start, count } of found.extents) {
      const part = value.subarray(at, Math.min(value.length, at + count * blockSize));
      device.read(start * blockSize, part);
      at += part.length;
    }
    return value;
  }

  /** Sets or replaces a value. @throws VolumeFullError, with nothing changed; UnsupportedError */
  set(id: number, name: string, value: Uint8Array): void {
    const file = this.#volume.attributes;
    if (!file) throw new UnsupportedError('the volume has no attributes file');
    if (name === '' || name.length > XATTR_NAME_LIMIT || value.length > XATTR_VALUE_LIMIT)
      throw new UnsupportedError(
        `an attribute of ${value.length} bytes with a name of ${name.length} characters is too long`,
      );
    const { allocation, blockSize } = this.#volume;
    const inline = value.length <= inlineLimit(file.file.nodeSize);
    const extents = inline ? [] : allocation.take(Math.ceil(value.length / blockSize));
    try {
      file.tree.reserve(2 + Math.ceil(extents.length / 8));
    } catch (error) {
      for (const extent of extents) allocation.giveBack(extent);
      throw error;
    }
    this.remove(id, name);
    if (inline) file.tree.insert(inlineRecord(id, name, value));
    else this.#insertFork(file, id, name, value, extents);
  }

  /** Removes a value and frees its blocks; false if there was none. @throws VolumeFullError, with nothing changed */
  remove(id: number, name: string): boolean {
    this.reserveRemoval();
    return this.#removeRecords(id, name);
  }

  #removeRecords(id: number, name: string): boolean {
    const file = this.#volume.attributes;
    const found = this.#find(id, name);
    if (!file || !found) return false;
    const starts: number[] = [];
    this.#scan(id, name, (node, index, other) => {
      if (other === name) starts.push(node.view.getUint32(node.at(index) + AttributeKey.at.startBlock));
      return other === name;
    });
    this.#volume.writer.flush();
    for (const start of starts) file.tree.remove(attributeKey(id, name, start));
    for (const extent of found.extents) this.#volume.allocation.free(extent);
    return true;
  }

  /**
   * Makes sure that the removal of one attribute, or of all of an item, cannot fail half-way: their records are neighbours, so
   * as each goes, one index record at a time changes, and only where they begin and where they end is it one that stays.
   * @throws VolumeFullError, with nothing changed
   */
  reserveRemoval(): void {
    this.#volume.attributes?.tree.reserveRemovals(2);
  }

  /** Before: `reserveRemoval`. */
  removeAll(id: number): void {
    for (const { name } of this.list(id)) this.#removeRecords(id, name);
  }

  #insertFork(file: TreeFile, id: number, name: string, value: Uint8Array, extents: Extent[]): void {
    const { blockSize, writer } = this.#volume;
    let at = 0;
    let block = 0;
    for (const { start, count } of extents) {
      const part = value.subarray(at, at + count * blockSize);
      writer.write(start * blockSize, part);
      writer.pad(start * blockSize + part.length, count * blockSize - part.length);
      at += part.length;
    }
    const fork = new Uint8Array(AttributeFork.size);
    AttributeFork.write(new DataView(fork.buffer), 0, {
      recordType: ATTRIBUTE_TYPE.fork,
      reserved: 0,
      theFork: {
        logicalSize: value.length,
        clumpSize: 0,
        totalBlocks: blocksOf(extents),
        extents: extentRecords(extents.slice(0, 8)),
      },
    });
    file.tree.insert(join(attributeKey(id, name, 0), fork));
    for (let i = 8; i < extents.length; i += 8) {
      block += blocksOf(extents.slice(i - 8, i));
      const more = new Uint8Array(AttributeExtents.size);
      AttributeExtents.write(new DataView(more.buffer), 0, {
        recordType: ATTRIBUTE_TYPE.extents,
        reserved: 0,
        extents: extentRecords(extents.slice(i, i + 8)),
      });
      file.tree.insert(join(attributeKey(id, name, block), more));
    }
  }

  #find(id: number, wanted: string): Found | null {
    let found: Found | null = null;
    const { totalBlocks } = this.#volume.header;
    this.#scan(id, wanted, (node, index, name) => {
      if (name !== wanted) return false;
      const at = node.dataAt(index);
      const type = node.view.getUint32(at);
      if (type === ATTRIBUTE_TYPE.inline) {
        const size = inlineSize(node, index);
        found = {
          size,
          inline: node.bytes.slice(at + AttributeInline.size, at + AttributeInline.size + size),
          extents: [],
        };
        return false;
      }
      if (type === ATTRIBUTE_TYPE.fork) {
        const { logicalSize, extents } = AttributeFork.read(node.view, at).theFork;
        found = { size: logicalSize, inline: null, extents: extentsOf(extents, totalBlocks, 'attribute') };
        return true;
      }
      if (type !== ATTRIBUTE_TYPE.extents || !found)
        throw new CorruptError(`attributes node ${node.number}`, 'recordType', at, `record of type ${type}`);
      const records: ExtentRecord[] = AttributeExtents.read(node.view, at).extents;
      found.extents.push(...extentsOf(records, totalBlocks, 'attribute'));
      return true;
    });
    const result = found as Found | null;
    if (result && !result.inline && blocksOf(result.extents) * this.#volume.blockSize < result.size)
      throw new CorruptError('HFSPlusAttrForkData', 'totalBlocks', id, 'its extents are shorter than the value');
    return result;
  }

  #scan(id: number, from: string, visit: (node: Node, index: number, name: string) => boolean): void {
    this.#volume.attributes?.tree.scan(attributeKey(id, from, 0), (node, index) => {
      const at = node.at(index);
      if (node.view.getUint32(at + AttributeKey.at.fileID) !== id) return false;
      return visit(node, index, readName(node.view, at + AttributeKey.at.attrNameLen));
    });
  }
}

/** Longer values go to blocks of their own. Source: Apple's kernel. */
export function inlineLimit(nodeSize: number): number {
  const limit = Math.floor((nodeSize - 14 - 6) / 2) - 268 - 16;
  return limit - (limit % 2);
}

function inlineSize(node: Node, index: number): number {
  const at = node.dataAt(index);
  AttributeInline.require(node.view, at);
  const size = node.view.getUint32(at + AttributeInline.at.attrSize);
  if (at + AttributeInline.size + size > node.at(index + 1))
    throw AttributeInline.corrupt(node.view, at, 'attrSize', 'the value reaches past its record');
  return size;
}

function inlineRecord(id: number, name: string, value: Uint8Array): Uint8Array {
  const data = new Uint8Array(AttributeInline.size + value.length + (value.length & 1));
  AttributeInline.write(new DataView(data.buffer), 0, {
    recordType: ATTRIBUTE_TYPE.inline,
    reserved0: 0,
    reserved1: 0,
    attrSize: value.length,
  });
  data.set(value, AttributeInline.size);
  return join(attributeKey(id, name, 0), data);
}
