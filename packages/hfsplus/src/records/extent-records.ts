// Forks with more than eight extents: the rest lies in the extents overflow tree. Source: TN1150.

import { CorruptError } from '@tintype/core';
import type { Tree } from '../btree/tree.js';
import { blocksOf, type Extent, type ExtentRecord, extentRecords, extentsOf, type ForkRecord } from '../extent.js';
import { EXTENT_RECORD_SIZE, ExtentKey } from '../structs/extents.js';
import { ExtentDescriptor } from '../structs/volume-header.js';

export interface ForkOwner {
  readonly id: number;
  /** `FORK_TYPE`. */
  readonly forkType: number;
}

function overflowKey({ id, forkType }: ForkOwner, startBlock: number): DataView {
  const view = new DataView(new ArrayBuffer(ExtentKey.size + EXTENT_RECORD_SIZE));
  ExtentKey.write(view, 0, { keyLength: 10, forkType, pad: 0, fileID: id, startBlock });
  return view;
}

/** All extents of a fork. @throws CorruptError if they do not add up */
export function forkExtents(tree: Tree, owner: ForkOwner, fork: ForkRecord, totalBlocks: number): Extent[] {
  const name = `fork of file ${owner.id}`;
  const extents = extentsOf(fork.extents, totalBlocks, name);
  let blocks = blocksOf(extents);
  if (blocks < fork.totalBlocks && extents.length === 8)
    tree.scan(overflowKey(owner, blocks), (node, index) => {
      const at = node.at(index);
      ExtentKey.require(node.view, at);
      if (
        node.view.getUint32(at + ExtentKey.at.fileID) !== owner.id ||
        node.view.getUint8(at + ExtentKey.at.forkType) !== owner.forkType
      )
        return false;
      if (node.view.getUint32(at + ExtentKey.at.startBlock) !== blocks)
        throw new CorruptError(name, 'startBlock', blocks, 'overflow records leave a gap');
      const records: ExtentRecord[] = [];
      for (let i = 0; i < 8; i += 1)
        records.push(ExtentDescriptor.read(node.view, node.dataAt(index) + i * ExtentDescriptor.size));
      const more = extentsOf(records, totalBlocks, name);
      if (more.length === 0) throw new CorruptError(name, 'extents', blocks, 'an overflow record is empty');
      extents.push(...more);
      blocks += blocksOf(more);
      return blocks < fork.totalBlocks;
    });
  if (blocks !== fork.totalBlocks)
    throw new CorruptError(name, 'totalBlocks', fork.totalBlocks, `its extents hold ${blocks} blocks`);
  return extents;
}

/** The fork's record for these extents (nodes are reserved by the caller); what does not fit it goes to the tree, and what was there before is removed. */
export function putForkExtents(
  tree: Tree,
  owner: ForkOwner,
  old: readonly Extent[],
  extents: readonly Extent[],
): ExtentRecord[] {
  if (old.length > 8) removeOverflow(tree, owner);
  let start = blocksOf(extents.slice(0, 8));
  for (let i = 8; i < extents.length; i += 8) {
    const record = overflowKey(owner, start);
    const eight = extents.slice(i, i + 8);
    for (const [n, extent] of extentRecords(eight).entries())
      ExtentDescriptor.write(record, ExtentKey.size + n * ExtentDescriptor.size, extent);
    tree.insert(new Uint8Array(record.buffer));
    start += blocksOf(eight);
  }
  return extentRecords(extents.slice(0, 8));
}

/** Removes all overflow records of a fork. */
export function removeOverflow(tree: Tree, owner: ForkOwner): void {
  const starts: number[] = [];
  tree.scan(overflowKey(owner, 0), (node, index) => {
    const at = node.at(index);
    ExtentKey.require(node.view, at);
    const isSame =
      node.view.getUint32(at + ExtentKey.at.fileID) === owner.id &&
      node.view.getUint8(at + ExtentKey.at.forkType) === owner.forkType;
    if (isSame) starts.push(node.view.getUint32(at + ExtentKey.at.startBlock));
    return isSame;
  });
  for (const start of starts) tree.remove(overflowKey(owner, start));
}
