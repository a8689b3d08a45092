// Names in folders, as they are read. See docs/formats/apfs.md.

import { CorruptError, nameAt, nameToBytes } from '@tintype/core';
import { Cursor, type NodeSource, type RecordPlace, recordAt } from '../btree/cursor.js';
import { canonical, nameHash } from '../names.js';
import { DirectoryValue, RECORD_TYPE } from '../structs/records.js';
import { idAt, typeAt } from './ids.js';
import { isRecord, KEY_NAME_LIMIT, type SearchKeys } from './search-keys.js';

export interface Entry {
  readonly name: string;
  /** Inode. */
  readonly id: number;
}

/** How names are compared: `plain` bytewise, the others by their canonical form. */
export type NameRule = 'folded' | 'exact' | 'plain';

const ASCII = /^[\u0001-\u007f]*$/;
const HASHED_NAME = 12;
const PLAIN_NAME = 10;

export class Directory {
  readonly #tree: NodeSource;
  readonly #keys: SearchKeys;
  readonly #rule: NameRule;

  constructor(tree: NodeSource, keys: SearchKeys, rule: NameRule) {
    this.#tree = tree;
    this.#keys = keys;
    this.#rule = rule;
  }

  /** All names of a folder, in the order of the tree. */
  entries(folder: number): Entry[] {
    const found: Entry[] = [];
    const cursor = new Cursor(this.#tree);
    let isThere = cursor.seek(this.#keys.record(folder, RECORD_TYPE.directory));
    for (; isThere; isThere = cursor.nextNode()) {
      const { node, index: first } = cursor;
      for (let index = first; index < node.count; index += 1) {
        const { view } = node;
        const keyAt = node.keyAt(index);
        if (typeAt(view, keyAt) !== RECORD_TYPE.directory || idAt(view, keyAt) !== folder) return found;
        found.push(readEntry(recordAt(node, index), this.#rule));
      }
    }
    return found;
  }

  find(folder: number, name: string): Entry | null {
    const rule = this.#rule;
    if (rule === 'plain') return this.#findPlain(folder, name);
    const wanted = canonical(name, rule);
    const hash = nameHash(wanted);
    const cursor = new Cursor(this.#tree);
    let isThere = cursor.seek(this.#keys.hash(folder, hash));
    for (; isThere && isRecord(cursor, folder, RECORD_TYPE.directory); isThere = cursor.next()) {
      if (cursor.view.getUint32(cursor.keyAt + 8, true) >>> 10 !== hash) break;
      const entry = readEntry(cursor, this.#rule);
      if (canonical(entry.name, rule) === wanted) return entry;
    }
    // A kernel that did not know a letter stored the name under another hash.
    if (ASCII.test(name)) return null;
    return this.entries(folder).find((entry) => canonical(entry.name, rule) === wanted) ?? null;
  }

  #findPlain(folder: number, name: string): Entry | null {
    const bytes = nameToBytes(name);
    if (bytes.length >= KEY_NAME_LIMIT) return null;
    const cursor = new Cursor(this.#tree);
    const key = this.#keys.plainName(folder, bytes);
    return cursor.seek(key) && cursor.isAt(key) ? readEntry(cursor, this.#rule) : null;
  }
}

/** The name of a record. @throws CorruptError for a name that no file system can hold */
export function readEntry(place: RecordPlace, rule: NameRule): Entry {
  const { view, keyAt, keyLength, valueAt, valueLength } = place;
  const at = keyAt + (rule === 'plain' ? PLAIN_NAME : HASHED_NAME);
  const said = rule === 'plain' ? view.getUint16(keyAt + 8, true) : view.getUint32(keyAt + 8, true) & 0x3ff;
  const length = keyAt + keyLength - at;
  const folder = idAt(view, keyAt);
  const bad = (problem: string): CorruptError =>
    new CorruptError('j_drec_key', 'name', folder, `an entry of folder ${folder} ${problem}`);
  if (said !== length || length < 2 || view.getUint8(keyAt + keyLength - 1) !== 0) throw bad('has no name that ends');
  const name = nameAt(view, at, length - 1);
  if (name === '.' || name === '..' || name.includes('/') || name.includes('\0'))
    throw bad('has a name no item can have');
  if (valueLength < DirectoryValue.size) throw bad('has no value');
  return { name, id: idAt(view, valueAt + DirectoryValue.at.file_id) };
}
