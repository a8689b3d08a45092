// Whatever lies behind a block of the volume, to be moved before it when the volume shrinks.

import type { BlockDevice } from '@tintype/core';
import { copyBlocks, type ForkKind } from './data-fork.js';
import { type Extent, extentsOf, pushExtent } from './extent.js';
import type { Mounted, TreeFile } from './mounted.js';
import { placeAt } from './records/catalog.js';
import { key } from './records/catalog-records.js';
import { forkExtents } from './records/extent-records.js';
import { CatalogFile, RECORD_TYPE } from './structs/catalog.js';
import { FORK_TYPE } from './structs/extents.js';
import { JournalInfoBlock } from './structs/journal.js';
import { ForkData } from './structs/volume-header.js';

export const endOf = (extents: readonly Extent[]): number =>
  extents.reduce((end, { start, count }) => Math.max(end, start + count), 0);

/** Forks of files with blocks from `limit` on, the journal's own left out. Overflow records are read as well. */
export function forksBehind(mounted: Mounted, limit: number): { id: number; kind: ForkKind }[] {
  const { header, catalog, extents, blockSize, device } = mounted;
  const found: { id: number; kind: ForkKind }[] = [];
  const [info, journal] = journalBlocks(device, header.journalInfoBlock, blockSize);
  catalog.tree.scan(key(0, ''), (node, index) => {
    const place = placeAt(node, index);
    if (place.type !== RECORD_TYPE.file) return true;
    const id = node.view.getUint32(place.at + CatalogFile.at.fileID);
    for (const kind of ['data', 'resource'] as const) {
      const at = place.at + (kind === 'data' ? CatalogFile.at.dataFork : CatalogFile.at.resourceFork);
      if (node.view.getUint32(at + ForkData.at.totalBlocks) === 0) continue;
      const record = ForkData.read(node.view, at);
      const [first] = extentsOf(record.extents, header.totalBlocks, 'fork');
      if (first && (first.start === info || first.start === journal)) continue;
      const owner = { id, forkType: FORK_TYPE[kind] };
      if (endOf(forkExtents(extents.tree, owner, record, header.totalBlocks)) > limit) found.push({ id, kind });
    }
    return true;
  });
  return found;
}

function journalBlocks(device: BlockDevice, info: number, blockSize: number): [number, number] {
  const bytes = new Uint8Array(512);
  device.read(info * blockSize, bytes);
  const { offset } = JournalInfoBlock.read(new DataView(bytes.buffer), 0);
  return [info, offset / blockSize];
}

/** Extents of a tree's file move whole, so that no node is split. Its last commit is on the device. */
export function moveTree(mounted: Mounted, { fork }: TreeFile, limit: number): void {
  const { allocation } = mounted;
  const moved: Extent[] = [];
  try {
    const extents = fork.extents.map((extent): Extent => {
      if (extent.start + extent.count <= limit) return extent;
      const fresh = allocation.takeContiguous(extent.count, 1);
      if (!fresh) throw allocation.full(extent.count * mounted.blockSize);
      moved.push(fresh);
      copyBlocks(mounted.device, extent, [fresh], mounted.blockSize);
      return fresh;
    });
    for (const extent of fork.extents) if (extent.start + extent.count > limit) allocation.free(extent);
    fork.extents.splice(0, fork.extents.length, ...extents);
    fork.changed = true;
  } catch (error) {
    for (const extent of moved) allocation.giveBack(extent);
    throw error;
  }
}

/** The bitmap to another place, in as few pieces as can be, at most eight. */
export function bitmapElsewhere(mounted: Mounted, blocks: number): Extent[] {
  const { allocation, device, blockSize } = mounted;
  const extents = allocation.take(blocks);
  if (extents.length > 8) {
    for (const extent of extents) allocation.giveBack(extent);
    throw allocation.full(blocks * blockSize);
  }
  let done = 0;
  for (const from of allocation.extents) {
    const target: Extent[] = [];
    let skip = done;
    let left = from.count;
    for (const { start, count } of extents) {
      const begin = Math.min(count, skip);
      const length = Math.min(count - begin, left);
      if (length > 0) pushExtent(target, { start: start + begin, count: length });
      skip -= begin;
      left -= length;
    }
    copyBlocks(device, from, target, blockSize);
    done += from.count;
  }
  return extents;
}
