// Leaves of the three trees, found by what they look like: wherever they lie, whatever points to them.

import { CorruptError } from '@tintype/core';
import { FIRST_RECORD, Node } from '../btree/node.js';
import { KEY_TESTS } from '../records/keys.js';
import { ATTRIBUTE_TYPE, AttributeKey } from '../structs/attributes.js';
import { NODE_KIND } from '../structs/btree.js';
import { CatalogFile, CatalogFolder, CatalogThread, RECORD_TYPE } from '../structs/catalog.js';
import { EXTENT_RECORD_SIZE, ExtentKey } from '../structs/extents.js';
import { LIMITS, NODE_SIZES } from './limits.js';
import type { SalvageSource } from './source.js';

export type TreeName = keyof typeof KEY_TESTS;
/** The order in which a leaf is tried for: keys of the first two have lengths that the last one's may have too. */
const TREES: readonly TreeName[] = ['extents', 'attributes', 'catalog'];
const SECTOR = 512;

/** A leaf, and where it lies. */
export interface Leaf {
  readonly tree: TreeName;
  /** Byte of the device; null: it lies in pieces. */
  readonly position: number | null;
  readonly node: Node;
  /** Indexes of the records that can be ones of this tree. */
  readonly records: readonly number[];
}

/** The leaf that begins at `offset` of `bytes`, or null. */
export function leafAt(bytes: Uint8Array, offset: number, size: number, position: number | null): Leaf | null {
  if (!looksLikeLeaf(bytes, offset, size)) return null;
  const node = new Node(0, bytes.slice(offset, offset + size));
  for (const tree of TREES) {
    if (!isTree(tree, node, 0)) continue;
    try {
      node.validate(tree, position ?? 0, KEY_TESTS[tree]);
    } catch (error) {
      if (error instanceof CorruptError) continue;
      throw error;
    }
    const records: number[] = [];
    for (let i = 0; i < node.count; i += 1) if (isTree(tree, node, i)) records.push(i);
    return { tree, position, node, records };
  }
  return null;
}

function looksLikeLeaf(bytes: Uint8Array, offset: number, size: number): boolean {
  if (offset + size > bytes.length) return false;
  if (bytes[offset + 8] !== NODE_KIND.leaf || bytes[offset + 9] !== 1) return false;
  const count = ((bytes[offset + 10] as number) << 8) | (bytes[offset + 11] as number);
  if (count === 0 || FIRST_RECORD + 2 * (count + 1) > size) return false;
  const end = offset + size;
  return bytes[end - 2] === 0 && bytes[end - 1] === FIRST_RECORD;
}

/** True if record `index` has a key and data as this tree's have. */
function isTree(tree: TreeName, node: Node, index: number): boolean {
  const { view } = node;
  const at = node.at(index);
  const length = node.at(index + 1) - at;
  if (length < 8 || at + length > node.bytes.length) return false;
  const keyLength = view.getUint16(at);
  const data = at + 2 + keyLength;
  const rest = length - 2 - keyLength;
  if (rest < 4) return false;
  if (tree === 'extents') return keyLength === ExtentKey.size - 2 && rest === EXTENT_RECORD_SIZE && isFork(view, at);
  if (tree === 'attributes') return isAttribute(view, at, keyLength, data);
  return keyLength >= 6 && keyLength === 6 + 2 * view.getUint16(at + 6) && isCatalogData(view, data, rest);
}

function isFork(view: DataView, at: number): boolean {
  const type = view.getUint8(at + ExtentKey.at.forkType);
  return type === 0 || type === 255;
}

function isAttribute(view: DataView, at: number, keyLength: number, data: number): boolean {
  if (keyLength < AttributeKey.size - 2) return false;
  if (keyLength !== 12 + 2 * view.getUint16(at + AttributeKey.at.attrNameLen)) return false;
  return Object.values(ATTRIBUTE_TYPE).some((type) => type === view.getUint32(data));
}

function isCatalogData(view: DataView, data: number, rest: number): boolean {
  const type = view.getUint16(data);
  if (type === RECORD_TYPE.folder) return rest >= CatalogFolder.size;
  if (type === RECORD_TYPE.file) return rest >= CatalogFile.size;
  const isThread = type === RECORD_TYPE.folderThread || type === RECORD_TYPE.fileThread;
  if (!isThread || rest < CatalogThread.size + 2) return false;
  return rest >= CatalogThread.size + 2 + 2 * view.getUint16(data + CatalogThread.size);
}

/** Every leaf on the device that lies at a sector. `visit` gets each once, in the order of the device. */
export function scanLeaves(
  source: SalvageSource,
  sizes: readonly number[],
  visit: (leaf: Leaf) => void,
  progress: (done: number) => void,
): void {
  const largest = Math.max(...sizes, SECTOR);
  let next = 0;
  source.scan(
    largest,
    (bytes, position) => {
      const first = Math.max(0, next - position);
      for (let at = Math.ceil(first / SECTOR) * SECTOR; at + SECTOR <= bytes.length; at += SECTOR) {
        if (bytes[at + 8] !== NODE_KIND.leaf || bytes[at + 9] !== 1) continue;
        // A leaf that reaches past this piece is met again at the start of the next one.
        if (at + largest > bytes.length && position + bytes.length < source.size) break;
        const leaf = firstLeaf(bytes, at, sizes, position + at);
        if (!leaf) continue;
        visit(leaf);
        next = position + at + leaf.node.bytes.length;
        at = next - position - SECTOR;
      }
      next = Math.max(next, position);
    },
    progress,
  );
}

function firstLeaf(bytes: Uint8Array, at: number, sizes: readonly number[], position: number): Leaf | null {
  for (const size of sizes) {
    const leaf = leafAt(bytes, at, size, position);
    if (leaf) return leaf;
  }
  return null;
}

/** The size with which most leaves are found among the first bytes of a tree's file. */
export function nodeSizeOf(bytes: Uint8Array): number | null {
  let best: number | null = null;
  let most = 0;
  for (const size of NODE_SIZES) {
    let found = 0;
    for (let at = 0, i = 0; at + size <= bytes.length && i < LIMITS.triedNodes; at += size, i += 1)
      if (leafAt(bytes, at, size, at)) found += size;
    if (found <= most) continue;
    most = found;
    best = size;
  }
  return best;
}
