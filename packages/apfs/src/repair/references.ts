// How often data blocks are used follows from the streams of the tree: records of the extent references are made to agree.

import { type BlockDevice, u64le } from '@tintype/core';
import { Cursor } from '../btree/cursor.js';
import type { VolumeFacts } from '../check/container.js';
import { type CountDifference, countDifferences } from '../check/extents.js';
import { ContainerReader } from '../reading/container-reader.js';
import { VolumeHead } from '../reading/volume-head.js';
import { volumeParts } from '../reading/volume-parts.js';
import { ExtentReferences } from '../records/extent-references.js';
import { idAt, typeAt } from '../records/ids.js';
import { FileExtentValue, RECORD_TYPE } from '../structs/records.js';
import type { Mounted } from '../writing/mounted.js';

const LENGTH_HIGH = 0x00ff_ffff;

/** Blocks of files that no record counts. */
export function* unreferenced({ catalog, references }: VolumeFacts): Generator<CountDifference> {
  for (const each of countDifferences(catalog.streams.blocks, references)) if (each.counted === 0) yield each;
}

/**
 * Answers what was done. Where snapshots hold blocks, too, one tree alone does not tell what is right, and a tree that cannot be
 * followed is not written.
 */
export function mendReferences(device: BlockDevice, volume: Mounted, facts: VolumeFacts): string[] {
  const differences = [...countDifferences(facts.catalog.streams.blocks, facts.references)];
  if (differences.length === 0 || facts.snapshots > 0 || facts.blocks === null) return [];
  const references = new ExtentReferences(volume);
  const acts: string[] = [];
  for (const difference of differences) {
    const { start, count, held, counted } = difference;
    volume.require({ catalog: 0, references: 4 });
    if (counted === 0) addMissing(device, volume, references, difference);
    for (let i = Math.max(counted, 1); i < held; i += 1) references.take(start, count);
    for (let i = held; i < counted; i += 1) references.put(start, count);
    acts.push(`counted the users of ${count} blocks at ${start}`);
  }
  return acts;
}

/** A record for each stream's part. */
function addMissing(
  device: BlockDevice,
  volume: Mounted,
  references: ExtentReferences,
  { start, count }: CountDifference,
): void {
  let next = start;
  for (const extent of extentsOver(device, volume.oid, start, start + count)) {
    const from = Math.max(next, extent.start);
    const to = Math.min(start + count, extent.start + extent.count);
    if (to <= from) continue;
    references.add(from, to - from, extent.stream);
    next = to;
  }
}

interface DataExtent {
  readonly stream: number;
  readonly start: number;
  readonly count: number;
}

/** Extents of streams that have blocks there, ascending. */
function extentsOver(device: BlockDevice, oid: number, from: number, to: number): DataExtent[] {
  const container = new ContainerReader(device);
  const head = container.volumes().find((slot) => slot.oid === oid)?.head;
  if (!(head instanceof VolumeHead)) return [];
  const { size } = container.blocks;
  const found: DataExtent[] = [];
  const cursor = new Cursor(volumeParts(container, head).tree);
  for (let isThere = cursor.first(); isThere; isThere = cursor.next()) {
    const { view, keyAt, valueAt, valueLength } = cursor;
    if (typeAt(view, keyAt) !== RECORD_TYPE.fileExtent || valueLength < FileExtentValue.size) continue;
    const start = u64le(view, valueAt, FileExtentValue.at.phys_block_num);
    const bytes = (view.getUint32(valueAt + 4, true) & LENGTH_HIGH) * 0x1_0000_0000 + view.getUint32(valueAt, true);
    const count = Math.ceil(bytes / size);
    if (start > 0 && start < to && start + count > from) found.push({ stream: idAt(view, keyAt), start, count });
  }
  return found.sort((a, b) => a.start - b.start);
}
