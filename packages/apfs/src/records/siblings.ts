// Hard links: each of several names of an item has an id, a record that says where it is, and one that leads to the item. The
// name of the lowest id is the primary one. See docs/formats/apfs.md.

import { assert, CorruptError, nameFromBytes, nameToBytes } from '@tintype/core';
import { get64, put64 } from '../object.js';
import { RECORD_TYPE, SiblingValue } from '../structs/records.js';
import type { Catalog } from '../writing/catalog.js';
import { KEY_HEADER } from './inode-record.js';

export interface Sibling {
  readonly sibling: number;
  readonly parent: number;
  readonly name: string;
}

export class Siblings {
  readonly #catalog: Catalog;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  has(id: number): boolean {
    return this.first(id) !== null;
  }
  /** The primary name, or null if the item never had several. */
  first(id: number): Sibling | null {
    let first: Sibling | null = null;
    this.#catalog.each(id, RECORD_TYPE.siblingLink, ({ view, bytes, key, at, length }, type) => {
      if (type !== RECORD_TYPE.siblingLink) return false;
      if (length < SiblingValue.size + 1)
        throw new CorruptError('j_sibling_val', 'name_len', id, `a link of inode ${id} has no name`);
      first = {
        sibling: get64(view, key + KEY_HEADER),
        parent: get64(view, at + SiblingValue.at.parent_id),
        name: nameFromBytes(bytes.subarray(at + SiblingValue.size, at + length - 1)),
      };
      return false;
    });
    return first;
  }

  insert(id: number, sibling: number, parent: number, name: string): void {
    const catalog = this.#catalog;
    this.#putLink(id, sibling, parent, name);
    catalog.tree.insert(catalog.record);
    catalog.putKey(sibling, RECORD_TYPE.siblingMap);
    put64(catalog.record.view, catalog.record.keyLength, id);
    catalog.record.valueLength = 8;
    catalog.tree.insert(catalog.record);
  }
  /** As `insert`, where a damaged record may lie in the way. */
  replace(id: number, sibling: number, parent: number, name: string): void {
    this.#catalog.putKey(id, RECORD_TYPE.siblingLink, sibling);
    this.#catalog.tree.remove(this.#catalog.record);
    this.#removeMap(sibling);
    this.insert(id, sibling, parent, name);
  }
  rename(id: number, sibling: number, parent: number, name: string): void {
    this.#putLink(id, sibling, parent, name);
    this.#catalog.tree.replace(this.#catalog.record);
  }
  remove(id: number, sibling: number): void {
    const catalog = this.#catalog;
    catalog.putKey(id, RECORD_TYPE.siblingLink, sibling);
    assert(catalog.tree.remove(catalog.record), 'a link that is removed was there');
    this.#removeMap(sibling);
  }
  /** Of all names of an item whose records go. */
  removeMaps(id: number): void {
    const siblings: number[] = [];
    this.#catalog.each(id, RECORD_TYPE.siblingLink, ({ view, key }, type) => {
      if (type === RECORD_TYPE.siblingLink) siblings.push(get64(view, key + KEY_HEADER));
      return type === RECORD_TYPE.siblingLink;
    });
    for (const sibling of siblings) this.#removeMap(sibling);
  }

  #removeMap(sibling: number): void {
    this.#catalog.putKey(sibling, RECORD_TYPE.siblingMap);
    this.#catalog.tree.remove(this.#catalog.record);
  }
  #putLink(id: number, sibling: number, parent: number, name: string): void {
    const { record } = this.#catalog;
    this.#catalog.putKey(id, RECORD_TYPE.siblingLink, sibling);
    const value = record.keyLength;
    const bytes = nameToBytes(name);
    put64(record.view, value + SiblingValue.at.parent_id, parent);
    record.view.setUint16(value + SiblingValue.at.name_len, bytes.length + 1, true);
    record.bytes.set(bytes, value + SiblingValue.size);
    record.bytes[value + SiblingValue.size + bytes.length] = 0;
    record.valueLength = SiblingValue.size + bytes.length + 1;
  }
}
