// Trees of a disk as `NodeSource`s: physical ones, whose children are blocks, and virtual ones, whose children are looked up
// in an object map. Nodes read are kept, up to a limit.

import { CorruptError } from '@tintype/core';
import { NODE_CACHE_BYTES } from '../limits.js';
import { viewOf } from '../object.js';
import { type Blocks, requireHeader } from '../reading/blocks.js';
import { OBJECT_TYPE, STORAGE } from '../structs/object.js';
import type { NodeSource, ReadableNode } from './cursor.js';
import { DiskNode } from './disk-node.js';
import type { TreeKind } from './kinds.js';

/** Where a node lies, and what its header must say. */
export interface NodePlace {
  readonly block: number;
  readonly bytes: number;
  readonly xid: { readonly most: number } | { readonly exactly: number };
  /** Nodes of sealed volumes have no header. */
  readonly hasHeader: boolean;
  /** Makes clear bytes of encrypted ones, in place. */
  readonly decrypt?: ((bytes: Uint8Array, block: number) => void) | undefined;
}

export interface TreeOptions {
  readonly kind: TreeKind;
  /** Block or oid of the root. */
  readonly root: number;
  /** From a block or oid to its place. @throws CorruptError */
  readonly resolve: (pointer: number) => NodePlace;
  /** Added to what inner nodes name: in sealed volumes children count from the root's oid. */
  readonly childBase?: number;
}

/** For `resolve` of physical trees. */
export function physicalPlaces(blocks: Blocks, mostXid: number): (block: number) => NodePlace {
  return (block) => ({ block, bytes: blocks.size, xid: { most: mostXid }, hasHeader: true });
}

export class DiskTree implements NodeSource {
  readonly kind: TreeKind;
  readonly #blocks: Blocks;
  readonly #options: TreeOptions;
  readonly #nodes = new Map<number, DiskNode>();
  #root: DiskNode | null = null;

  constructor(blocks: Blocks, options: TreeOptions) {
    this.kind = options.kind;
    this.#blocks = blocks;
    this.#options = options;
  }

  root(): DiskNode {
    this.#root ??= this.#load(this.#options.root, null);
    return this.#root;
  }

  child(node: ReadableNode, index: number): DiskNode {
    const pointer = (this.#options.childBase ?? 0) + (node as DiskNode).childAt(index);
    const level = node.level - 1;
    const known = this.#nodes.get(pointer);
    if (known) {
      if (known.level !== level)
        throw new CorruptError('btree_node_phys', 'btn_level', known.place, `${known.level} where ${level} belongs`);
      return known;
    }
    const loaded = this.#load(pointer, level);
    if (this.#nodes.size * this.#blocks.size >= NODE_CACHE_BYTES) this.#forgetHalf();
    this.#nodes.set(pointer, loaded);
    return loaded;
  }

  /** Those that came first; the map keeps that order. */
  #forgetHalf(): void {
    let left = this.#nodes.size >>> 1;
    for (const pointer of this.#nodes.keys()) {
      if (left === 0) break;
      left -= 1;
      this.#nodes.delete(pointer);
    }
  }

  #load(pointer: number, level: number | null): DiskNode {
    const { block, bytes, xid, hasHeader, decrypt } = this.#options.resolve(pointer);
    const node = this.#blocks.read(block, bytes);
    decrypt?.(node, block);
    const place = block * this.#blocks.size;
    const { subtype, storage } = this.kind;
    const type = level === null ? OBJECT_TYPE.btree : OBJECT_TYPE.btreeNode;
    if (hasHeader)
      requireHeader(viewOf(node), place, { structure: 'btree_node_phys', type, subtype, storage, oid: pointer, xid });
    return new DiskNode(this.kind, node, { place, level });
  }
}

/** A tree at a block, whose children are blocks. */
export function physicalTree(blocks: Blocks, kind: TreeKind, root: number, mostXid: number): DiskTree {
  if (kind.storage !== STORAGE.physical) throw new CorruptError('btree', 'o_type', root, 'is of another storage');
  return new DiskTree(blocks, { kind, root, resolve: physicalPlaces(blocks, mostXid) });
}
