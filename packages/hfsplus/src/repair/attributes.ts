// Attribute records: types that their length tells, owners that are gone, the flags of the items that have attributes, and
// the one in which the inode of a folder keeps its first link.

import { readName, writeName } from '../records/catalog-records.js';
import {
  ATTRIBUTE_TYPE,
  AttributeExtents,
  AttributeFork,
  AttributeInline,
  AttributeKey,
} from '../structs/attributes.js';
import { RECORD_FLAGS } from '../structs/catalog.js';
import { CNID } from '../structs/volume-header.js';
import type { Acts } from './acts.js';
import { bytesOf, flagsOf, idOf, type LeafRecord, setFlags } from './leaf-record.js';
import { type RepairCatalog, shown } from './repair-catalog.js';
import type { RepairTree } from './repair-tree.js';

const SECURITY = 'com.apple.system.Security';
const FIRST_LINK = 'com.apple.system.hfs.firstlink';

export function attributeOwner({ view, key }: LeafRecord): number {
  return view.getUint32(key + AttributeKey.at.fileID);
}
export function attributeName({ view, key }: LeafRecord): string {
  return readName(view, key + AttributeKey.at.attrNameLen);
}

export function mendAttributes(tree: RepairTree, catalog: RepairCatalog): void {
  const { acts, isComplete } = catalog;
  mendAttributeTypes(tree, acts);
  removeDoubles(tree, acts);
  const owners = new Map<number, { security: boolean }>();
  for (const record of [...tree.live()]) {
    const owner = attributeOwner(record);
    if (catalog.items.has(owner)) {
      const known = owners.get(owner) ?? { security: false };
      owners.set(owner, { security: known.security || attributeName(record) === SECURITY });
    } else if (isComplete && owner >= CNID.firstUser) {
      tree.remove(record);
      acts.note('removed attributes of items that are gone', `id ${owner}`);
    }
  }
  if (tree.lost === 0) mendFlags(catalog, owners);
}

/** After the last change of the tree. */
function mendFlags(catalog: RepairCatalog, owners: ReadonlyMap<number, { security: boolean }>): void {
  for (const [id, record] of catalog.items) {
    const flags = flagsOf(record);
    const owner = owners.get(id);
    let wanted = flags & ~(RECORD_FLAGS.hasAttributes | RECORD_FLAGS.hasSecurity);
    if (owner) wanted |= RECORD_FLAGS.hasAttributes;
    if (owner?.security) wanted |= RECORD_FLAGS.hasSecurity;
    if (wanted === flags) continue;
    setFlags(record, wanted);
    catalog.acts.note('corrected the flags that tell of attributes', shown(record));
  }
}

function mendAttributeTypes(tree: RepairTree, acts: Acts): void {
  for (const record of tree.records) {
    const { view, key, data, end } = record;
    const length = end - data;
    const type = length >= 4 ? view.getUint32(data) : 0;
    if (type === ATTRIBUTE_TYPE.inline || type === ATTRIBUTE_TYPE.fork) mendStart(tree, record, acts);
    if (type === ATTRIBUTE_TYPE.inline || type === ATTRIBUTE_TYPE.fork || type === ATTRIBUTE_TYPE.extents) continue;
    const size = length >= AttributeInline.size ? view.getUint32(data + AttributeInline.at.attrSize) : -1;
    const isInline = length === AttributeInline.size + size + (size % 2);
    const start = view.getUint32(key + AttributeKey.at.startBlock);
    const isFork = length === AttributeFork.size && start === 0;
    const isExtents = length === AttributeExtents.size && start > 0;
    if (Number(isInline) + Number(isFork) + Number(isExtents) !== 1) continue;
    const wanted = isInline ? 'inline' : isFork ? 'fork' : 'extents';
    view.setUint32(data, ATTRIBUTE_TYPE[wanted]);
    acts.note('restored the type of attributes that their length tells', `id ${view.getUint32(key + 4)}`);
  }
}

/** Only further extents begin at another block than 0. */
function mendStart(tree: RepairTree, record: LeafRecord, acts: Acts): void {
  const start = record.key + AttributeKey.at.startBlock;
  if (record.view.getUint32(start) === 0) return;
  tree.remove(record);
  const added = tree.add(bytesOf(record).slice());
  added.view.setUint32(AttributeKey.at.startBlock, 0);
  acts.note('set the start of attributes to 0', `id ${attributeOwner(record)}`);
}

/** Of two records with one key the second one is a left-over: nothing can look it up. */
export function removeDoubles(tree: RepairTree, acts: Acts): void {
  let before: LeafRecord | null = null;
  for (const record of tree.sorted()) {
    if (before && tree.keys.compare(before.view, before.key, record.view, record.key) === 0) {
      tree.remove(record);
      acts.note(`removed second records of one key from the ${tree.name} tree`);
    } else before = record;
  }
}

/** Where inodes of folders keep their first link: decimal digits and a NUL. */
export class FirstLinks {
  readonly #tree: RepairTree;
  readonly #records = new Map<number, LeafRecord>();

  constructor(tree: RepairTree) {
    this.#tree = tree;
    for (const record of tree.live())
      if (attributeName(record) === FIRST_LINK) this.#records.set(attributeOwner(record), record);
  }

  /** 0 if it is missing, or no number. */
  get(inode: LeafRecord): number {
    const record = this.#records.get(idOf(inode));
    if (!record) return 0;
    const { view, data, end } = record;
    let text = '';
    for (let at = data + AttributeInline.size; at < end; at += 1) text += String.fromCharCode(view.getUint8(at));
    const digits = /^(\d{1,10})\0+$/.exec(text)?.[1];
    return digits === undefined ? 0 : Number(digits);
  }

  set(inode: LeafRecord, first: number): void {
    const id = idOf(inode);
    const old = this.#records.get(id);
    if (old) this.#tree.remove(old);
    const value = Buffer.from(`${first}\0`);
    const keyBytes = AttributeKey.size + 2 * FIRST_LINK.length;
    const bytes = new Uint8Array(keyBytes + AttributeInline.size + value.length + (value.length % 2));
    const view = new DataView(bytes.buffer);
    const attrNameLen = FIRST_LINK.length;
    AttributeKey.write(view, 0, { keyLength: keyBytes - 2, pad: 0, fileID: id, startBlock: 0, attrNameLen });
    writeName(view, AttributeKey.at.attrNameLen, FIRST_LINK);
    const recordType = ATTRIBUTE_TYPE.inline;
    AttributeInline.write(view, keyBytes, { recordType, reserved0: 0, reserved1: 0, attrSize: value.length });
    bytes.set(value, keyBytes + AttributeInline.size);
    this.#records.set(id, this.#tree.add(bytes));
  }
}
