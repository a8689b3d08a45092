// The catalog as a table: an item's record by folder and name, its thread by id.

import { CorruptError } from '@tintype/core';
import type { Node } from '../btree/node.js';
import type { Position, Tree } from '../btree/tree.js';
import { asGiven, NAME_LIMIT, toStored } from '../names.js';
import { CatalogFile, CatalogFolder, CatalogThread, RECORD_TYPE } from '../structs/catalog.js';
import { draftThread, key, readName } from './catalog-records.js';

/** Where an item's record is: a place in a leaf, good until the tree changes. */
export interface Place {
  readonly node: Node;
  readonly index: number;
  /** Offset of the record's data in the node. */
  readonly at: number;
  readonly type: number;
}

export interface NamePath {
  readonly parent: number;
  readonly name: string;
}

/** Threads looked up last: files that were just made are filled one after another. */
const RECENT = 2048;

export class Catalog {
  readonly tree: Tree;
  readonly #recent = new Map<number, NamePath>();

  constructor(tree: Tree) {
    this.tree = tree;
  }

  /** The record of an item by its stored name. */
  find(parent: number, name: string): Place | null {
    return placeOf(this.tree.find(key(parent, name)));
  }

  /** The record of an item by its POSIX name: as we store it, else as a foreign system may have. */
  findNamed(parent: number, name: string): Place | null {
    if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) return null;
    const stored = toStored(name);
    const found = stored.length > NAME_LIMIT ? null : this.find(parent, stored);
    if (found) return found;
    const given = asGiven(name);
    return given === stored || given.length > NAME_LIMIT ? null : this.find(parent, given);
  }

  /** Where the item with this id hangs, or null. */
  pathOf(id: number): NamePath | null {
    const known = this.#recent.get(id);
    if (known) return known;
    const place = placeOf(this.tree.find(key(id, '')));
    if (!place || (place.type !== RECORD_TYPE.folderThread && place.type !== RECORD_TYPE.fileThread)) return null;
    const { view } = place.node;
    const path = {
      parent: view.getUint32(place.at + CatalogThread.at.parentID),
      name: readName(view, place.at + CatalogThread.size),
    };
    this.remember(id, path);
    return path;
  }

  remember(id: number, path: NamePath): void {
    if (this.#recent.size >= RECENT) this.#recent.clear();
    this.#recent.set(id, path);
  }
  forget(id: number): void {
    this.#recent.delete(id);
  }

  /** The main record of the item with this id. @throws CorruptError if its thread leads nowhere */
  recordOf(id: number): Place {
    const path = this.pathOf(id);
    const place = path && this.find(path.parent, path.name);
    if (!place || idAt(place) !== id) throw new CorruptError('catalog', 'thread', id, 'leads to no record of this id');
    return place;
  }

  putThread(kind: 'folder' | 'file', id: number, path: NamePath): void {
    const { record, view } = draftThread(kind, id, path.parent, path.name);
    this.tree.insert(record, view);
    this.remember(id, path);
  }
  removeThread(id: number): void {
    this.tree.remove(key(id, ''));
    this.forget(id);
  }
}

export function join(recordKey: DataView, data: Uint8Array): Uint8Array {
  const record = new Uint8Array(recordKey.byteLength + data.length);
  record.set(new Uint8Array(recordKey.buffer, recordKey.byteOffset, recordKey.byteLength));
  record.set(data, recordKey.byteLength);
  return record;
}

/** Folder or file id of a main record. */
export function idAt({ node, at, type }: Place): number | null {
  if (type === RECORD_TYPE.folder) return node.view.getUint32(at + CatalogFolder.at.folderID);
  if (type === RECORD_TYPE.file) return node.view.getUint32(at + CatalogFile.at.fileID);
  return null;
}

function placeOf(position: Position | null): Place | null {
  return position?.found ? placeAt(position.leaf, position.index) : null;
}

/** The record at a place in a leaf, its size checked. @throws CorruptError */
export function placeAt(node: Node, index: number): Place {
  const at = node.dataAt(index);
  const length = node.recordLength(index) - (at - node.at(index));
  const type = node.view.getUint16(at);
  const size = type === RECORD_TYPE.folder ? CatalogFolder.size : type === RECORD_TYPE.file ? CatalogFile.size : 10;
  if (type < 1 || type > 4 || length < size)
    throw new CorruptError(
      `catalog node ${node.number}`,
      'recordType',
      at,
      `record ${index} of type ${type} has ${length} bytes`,
    );
  if (type > RECORD_TYPE.file && length < 10 + 2 * node.view.getUint16(at + CatalogThread.size))
    throw new CorruptError(
      `catalog node ${node.number}`,
      'nodeName',
      at,
      `the name of thread ${index} does not fit its record`,
    );
  return { node, index, at, type };
}

/** Parent and name of a leaf's key, checked. @throws CorruptError */
export function keyAt(node: Node, index: number): NamePath {
  const at = node.at(index);
  const keyLength = node.view.getUint16(at);
  const units = node.view.getUint16(at + 6);
  if (6 + 2 * units > keyLength)
    throw new CorruptError(
      `catalog node ${node.number}`,
      'keyLength',
      at,
      `a name of ${units} units does not fit a key of ${keyLength} bytes`,
    );
  return { parent: node.view.getUint32(at + 2), name: readName(node.view, at + 6) };
}
