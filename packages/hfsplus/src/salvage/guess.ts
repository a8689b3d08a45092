// Where the blocks of a volume without headers lie: the journal's record names a block, the journal info block the same place
// in bytes, and the journal itself lies there. Where the three agree, nothing is left to guess.

import { CatalogFile } from '../structs/catalog.js';
import { JOURNAL_INFO_FLAGS, JournalInfoBlock } from '../structs/journal.js';
import { CNID, ForkData } from '../structs/volume-header.js';
import type { FoundRecords } from './found-records.js';
import type { Geometry } from './geometry.js';
import { itemPlace, storedName } from './records-read.js';
import type { SalvageSource } from './source.js';

const LARGEST_BLOCK = 1 << 20;

/** `journals`: bytes of the device where one may begin. */
export function geometryByJournal(
  source: SalvageSource,
  records: FoundRecords,
  journals: readonly number[],
  guessed: Geometry,
): Geometry {
  const journal = firstBlocks(source, records, '.journal');
  const info = firstBlocks(source, records, '.journal_info_block');
  for (const journalBlock of journal)
    for (const infoBlock of info)
      for (const position of journals)
        for (let blockSize = 512; blockSize <= LARGEST_BLOCK; blockSize *= 2) {
          const origin = position - journalBlock * blockSize;
          const bytes = origin < 0 ? null : source.bytes(origin + infoBlock * blockSize, JournalInfoBlock.size);
          if (!bytes || !isInfo(bytes, journalBlock * blockSize)) continue;
          const totalBlocks = Math.floor((source.size - origin) / blockSize);
          return { ...guessed, isCertain: true, origin, blockSize, totalBlocks };
        }
  return guessed;
}

/** First blocks of files of the root folder with this name. */
function firstBlocks(source: SalvageSource, { items }: FoundRecords, name: string): number[] {
  const blocks: number[] = [];
  for (const item of items.all()) {
    if (item.isFolder || item.parent !== CNID.rootFolder || storedName(source, item) !== name) continue;
    const { node, at } = itemPlace(source, item);
    blocks.push(node.view.getUint32(at + CatalogFile.at.dataFork + ForkData.at.extents));
  }
  return blocks;
}

function isInfo(bytes: Uint8Array, offset: number): boolean {
  const view = new DataView(bytes.buffer);
  const { at } = JournalInfoBlock;
  const isInVolume = (view.getUint32(at.flags) & JOURNAL_INFO_FLAGS.inVolume) !== 0;
  return isInVolume && view.getUint32(at.offset) * 0x1_0000_0000 + view.getUint32(at.offset + 4) === offset;
}
