// A larger journal, where one commit changes more than the old one holds: newfs gives small volumes only 512 KiB.

import { assert, CorruptError } from '@tintype/core';
import { extentRecords, type ForkRecord } from './extent.js';
import { type Journal, type JournalPlace, journalCapacity, LARGEST_JOURNAL } from './journal.js';
import type { Mounted } from './mounted.js';
import { Catalog } from './records/catalog.js';
import { CatalogFile, RECORD_TYPE } from './structs/catalog.js';
import { CNID, ForkData } from './structs/volume-header.js';

/** What growing itself changes: a node of the catalog and pieces of the bitmap. */
const OWN_CHANGES = 192 << 10;
const STEP = 1 << 20;

/**
 * Takes blocks for a journal that holds `bytes` in one transaction, gives the old ones up, and tells the catalog: the
 * commit that moves the journal there must hold these changes. Null, with nothing changed, if it need not or cannot grow.
 */
export function growJournal(mounted: Mounted, journal: Journal, bytes: number): JournalPlace | null {
  if (bytes <= journal.capacity) return null;
  const file = journalFile(mounted, journal);
  const most = sizeFor(2 * (bytes + OWN_CHANGES));
  const least = sizeFor(bytes + OWN_CHANGES);
  for (const size of [most, least]) {
    if (size > LARGEST_JOURNAL) continue;
    const place = movedTo(mounted, file, size);
    if (place) return place;
  }
  return null;
}

/** As `growJournal`, for a journal that moves as it is. @throws VolumeFullError */
export function moveJournal(mounted: Mounted, journal: Journal): JournalPlace {
  const place = movedTo(mounted, journalFile(mounted, journal), journal.place.size);
  if (!place) throw mounted.allocation.full(journal.place.size);
  return place;
}

function movedTo({ allocation, blockSize }: Mounted, file: JournalFile, size: number): JournalPlace | null {
  const count = Math.ceil(size / blockSize);
  const extent = allocation.takeContiguous(count, allocation.next);
  if (!extent) return null;
  for (const { startBlock, blockCount } of file.fork.extents) allocation.free({ start: startBlock, count: blockCount });
  const place = { offset: extent.start * blockSize, size: count * blockSize };
  file.put({ ...file.fork, logicalSize: place.size, totalBlocks: count, extents: extentRecords([extent]) });
  return place;
}

function sizeFor(bytes: number): number {
  let size = STEP;
  while (size <= LARGEST_JOURNAL && journalCapacity(size) < bytes) size += STEP;
  return size;
}

interface JournalFile {
  readonly fork: ForkRecord;
  put(fork: ForkRecord): void;
}

/** The fork of the file `.journal`, which must be the journal. */
function journalFile(mounted: Mounted, journal: Journal): JournalFile {
  const place = new Catalog(mounted.catalog.tree).find(CNID.rootFolder, '.journal');
  if (place?.type !== RECORD_TYPE.file)
    throw new CorruptError('catalog', '.journal', 0, 'a journaled volume has no such file');
  const { view } = place.node;
  const at = place.at + CatalogFile.at.dataFork;
  const fork = ForkData.read(view, at);
  const [first] = fork.extents;
  const { offset, size } = journal.place;
  const isThere =
    first !== undefined &&
    first.startBlock * mounted.blockSize === offset &&
    first.blockCount === fork.totalBlocks &&
    first.blockCount * mounted.blockSize >= size;
  if (!isThere) throw new CorruptError('catalog', '.journal', at, 'the file is not where the journal is');
  return {
    fork,
    put: (changed) => {
      assert(place.node.view === view, 'the node is still the same');
      ForkData.write(view, at, changed);
      place.node.dirty = true;
    },
  };
}
