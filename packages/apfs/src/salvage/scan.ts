// Objects of a container, found by their checksums wherever they lie: superblocks, volume superblocks, nodes of file-system
// trees. What is encrypted is found once there is a key.

import { type BlockDevice, TintypeError, u64le } from '@tintype/core';
import type { Xts } from '../encryption/xts.js';
import { isSealed, viewOf } from '../object.js';
import { BtreeNode } from '../structs/btree.js';
import { NX_MAGIC, NxSuperblock } from '../structs/container.js';
import { OBJECT_TYPE, ObjectHeader, TYPE_MASK } from '../structs/object.js';
import { APFS_MAGIC, VolumeSuperblock } from '../structs/volume.js';
import { LIMITS } from './limits.js';

const PIECE = 1 << 20;
const UNITS = 512;

/** A version of a node of some file-system tree. */
export interface FoundNode {
  readonly oid: number;
  readonly xid: number;
  readonly block: number;
  readonly level: number;
  /** Index of the key that it was read with, or -1: it is not encrypted. */
  readonly key: number;
}

export interface FoundObjects {
  /** Container superblocks, newest first. */
  readonly superblocks: readonly DataView[];
  /** The newest superblock of each volume, by oid. */
  readonly heads: ReadonlyMap<number, DataView>;
  /** By oid, the newest version first. */
  readonly nodes: ReadonlyMap<number, readonly FoundNode[]>;
}

export class ObjectScan implements FoundObjects {
  readonly superblocks: DataView[] = [];
  readonly heads = new Map<number, DataView>();
  readonly nodes = new Map<number, FoundNode[]>();
  readonly #device: BlockDevice;
  readonly #blockSize: number;
  #count = 0;

  constructor(device: BlockDevice, blockSize: number) {
    this.#device = device;
    this.#blockSize = blockSize;
  }

  /** Looks at all that is stored. `keys`: of encrypted volumes; blocks that are whole without are not tried with them. */
  run(keys: readonly Xts[], progress: (done: number) => void): void {
    const size = this.#blockSize;
    const buffer = new Uint8Array(Math.max(PIECE, size));
    for (let at = 0; at + size <= this.#device.size; ) {
      const { length, kind } = this.#device.extent(at);
      if (length <= 0) break;
      if (kind === 'zero') {
        // A block that only begins there may hold something.
        at = Math.max(at + size, Math.floor((at + length) / size) * size);
        continue;
      }
      const blocks = Math.max(1, Math.floor(Math.min(length, buffer.length) / size));
      this.#piece(buffer.subarray(0, Math.min(blocks * size, this.#device.size - at)), at, keys);
      at += blocks * size;
      progress(at);
    }
    this.superblocks.sort((a, b) => u64le(b, 0, ObjectHeader.at.o_xid) - u64le(a, 0, ObjectHeader.at.o_xid));
    for (const versions of this.nodes.values()) versions.sort((a, b) => b.xid - a.xid);
  }

  #piece(bytes: Uint8Array, position: number, keys: readonly Xts[]): void {
    const size = this.#blockSize;
    if (this.#read(position, bytes)) {
      for (let at = 0; at + size <= bytes.length; at += size)
        this.#block(bytes.subarray(at, at + size), position + at, keys);
      return;
    }
    for (let at = 0; at + size <= bytes.length; at += size) {
      const block = bytes.subarray(at, at + size);
      if (this.#read(position + at, block)) this.#block(block, position + at, keys);
    }
  }
  #read(position: number, target: Uint8Array): boolean {
    try {
      this.#device.read(position, target);
      return true;
    } catch (error) {
      if (error instanceof TintypeError) return false;
      throw error;
    }
  }

  #block(bytes: Uint8Array, position: number, keys: readonly Xts[]): void {
    if (this.#object(viewOf(bytes), position, -1)) return;
    for (const [index, key] of keys.entries()) {
      const first = bytes.slice(0, UNITS);
      const unit = position / UNITS;
      key.decrypt(first, unit);
      if (!looksLikeNode(viewOf(first))) continue;
      const clear = bytes.slice();
      key.decrypt(clear, unit);
      if (this.#object(viewOf(clear), position, index)) return;
    }
  }

  /** True if it is an object, be it one that is not wanted. */
  #object(view: DataView, position: number, key: number): boolean {
    const type = view.getUint32(ObjectHeader.at.o_type, true) & TYPE_MASK;
    const isWanted = type === OBJECT_TYPE.superblock || type === OBJECT_TYPE.volume || looksLikeNode(view);
    if (!isWanted || !isSealed(view)) return false;
    try {
      const oid = u64le(view, 0, ObjectHeader.at.o_oid);
      const xid = u64le(view, 0, ObjectHeader.at.o_xid);
      if (type === OBJECT_TYPE.superblock) this.#superblock(view);
      else if (type === OBJECT_TYPE.volume) this.#head(view, oid, xid);
      else this.#node({ oid, xid, block: position / this.#blockSize, level: levelOf(view), key });
      return true;
    } catch (error) {
      if (error instanceof TintypeError) return false;
      throw error;
    }
  }

  #superblock(view: DataView): void {
    if (view.getUint32(NxSuperblock.at.nx_magic, true) !== NX_MAGIC || this.superblocks.length >= LIMITS.heads) return;
    this.superblocks.push(copyOf(view));
  }
  #head(view: DataView, oid: number, xid: number): void {
    if (view.getUint32(VolumeSuperblock.at.apfs_magic, true) !== APFS_MAGIC) return;
    const known = this.heads.get(oid);
    if (!known && this.heads.size >= LIMITS.heads) return;
    if (!known || u64le(known, 0, ObjectHeader.at.o_xid) < xid) this.heads.set(oid, copyOf(view));
  }
  #node(node: FoundNode): void {
    if (this.#count >= LIMITS.nodes) return;
    this.#count += 1;
    const versions = this.nodes.get(node.oid);
    if (versions) versions.push(node);
    else this.nodes.set(node.oid, [node]);
  }
}

function looksLikeNode(view: DataView): boolean {
  const type = view.getUint32(ObjectHeader.at.o_type, true) & TYPE_MASK;
  if (type !== OBJECT_TYPE.btree && type !== OBJECT_TYPE.btreeNode) return false;
  return view.getUint32(ObjectHeader.at.o_subtype, true) === OBJECT_TYPE.fsTree;
}

function levelOf(view: DataView): number {
  return view.getUint16(BtreeNode.at.btn_level, true);
}

function copyOf(view: DataView): DataView {
  return viewOf(new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice());
}
