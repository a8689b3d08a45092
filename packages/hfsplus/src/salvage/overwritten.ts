// Files that only leaves outside the tree tell of may be gone for long: what of their blocks newer files have.

import { type LostRange, RangeSet } from '@tintype/core';
import { CatalogFile } from '../structs/catalog.js';
import { FORK_TYPE } from '../structs/extents.js';
import { ForkData } from '../structs/volume-header.js';
import { type BlockShape, type Stretch, stretchesOf } from './forks.js';
import { type FoundItem, RANK } from './found-items.js';
import type { FoundRecords } from './found-records.js';
import { itemPlace } from './records-read.js';
import type { SalvageSource } from './source.js';

const FORKS = [
  { at: CatalogFile.at.dataFork, type: FORK_TYPE.data },
  { at: CatalogFile.at.resourceFork, type: FORK_TYPE.resource },
] as const;

/** By id: ranges of either fork. The better a record, and the newer, the more its file may keep. */
export function takenByNewer(
  source: SalvageSource,
  records: FoundRecords,
  shape: BlockShape,
): ReadonlyMap<number, readonly LostRange[]> {
  const doubtful: FoundItem[] = [];
  for (const item of records.items.all()) if (!item.isFolder && item.rank === RANK.elsewhere) doubtful.push(item);
  const taken = new Map<number, LostRange[]>();
  if (doubtful.length === 0) return taken;
  const inUse = new RangeSet();
  const certain: Stretch[] = [];
  for (const item of records.items.all())
    if (!item.isFolder && item.rank === RANK.inTree) certain.push(...stretches(source, records, shape, item));
  // Ascending, so that each one is put behind the last.
  certain.sort((a, b) => (a.at ?? 0) - (b.at ?? 0));
  for (const { at, length } of certain) if (at !== null) inUse.add(at, length);
  for (const item of doubtful.sort((a, b) => b.date - a.date)) {
    const own = stretches(source, records, shape, item);
    const lost = own.flatMap(({ at, position, length }) =>
      at !== null && inUse.overlaps(at, length) ? [{ start: position, length, reason: 'overwritten' as const }] : [],
    );
    if (lost.length > 0) taken.set(item.id, lost);
    for (const { at, length } of own) if (at !== null) inUse.add(at, length);
  }
  return taken;
}

function stretches(source: SalvageSource, records: FoundRecords, shape: BlockShape, item: FoundItem): Stretch[] {
  const { node, at } = itemPlace(source, item);
  return FORKS.flatMap((fork) =>
    stretchesOf(node.view, at + fork.at + ForkData.at.extents, records.overflow(item.id, fork.type), shape),
  );
}
