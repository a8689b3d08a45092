// A GUID partition table has a copy at the other end of the disk: one is made from the other.

import { type BlockDevice, crc32, type RecordOf } from '@tintype/core';
import { GPT_BLOCK_SIZES, type GptParts, gptAt } from './gpt.js';
import { GptHeader } from './structs.js';

/**
 * Writes the table that is missing or bad, where the other one is whole and nothing lies in its place. Answers what it
 * did, a sentence each.
 */
export function repairGpt(device: BlockDevice): string[] {
  for (const blockSize of GPT_BLOCK_SIZES) {
    const primary = gptAt(device, 'first', blockSize);
    const backup = gptAt(device, 'last', blockSize);
    if (isWhole(primary) && isWhole(backup)) return [];
    if (isWhole(primary)) return putBackup(device, primary);
    if (isWhole(backup)) return putPrimary(device, backup);
  }
  return [];
}

function isWhole(found: GptParts | 'bad' | null): found is GptParts {
  return found !== null && found !== 'bad';
}

function putPrimary(device: BlockDevice, backup: GptParts): string[] {
  const { blockSize, entries } = backup;
  const old = fieldsOf(backup);
  // Entries lie right behind the header.
  const end = 2 * blockSize + entries.length;
  if (backup.partitions.some(({ start }) => start < end)) return [];
  device.write(2 * blockSize, entries);
  putHeader(device, backup, { ...old, myLba: 1, alternateLba: old.myLba, partitionEntryLba: 2 });
  return ['restored the primary partition table from its backup'];
}

/** At the disk's end as it is now: the disk may have grown since the table was made. */
function putBackup(device: BlockDevice, primary: GptParts): string[] {
  const { blockSize, entries } = primary;
  const old = fieldsOf(primary);
  const last = Math.floor(device.size / blockSize) - 1;
  const entriesAt = last - Math.ceil(entries.length / blockSize);
  if (primary.partitions.some(({ start, size }) => start + size > entriesAt * blockSize)) return [];
  device.write(entriesAt * blockSize, entries);
  const lastUsableLba = entriesAt - 1;
  const there = { myLba: last, alternateLba: 1, partitionEntryLba: entriesAt, lastUsableLba };
  putHeader(device, primary, { ...old, ...there });
  if (old.alternateLba !== last) putHeader(device, primary, { ...old, alternateLba: last, lastUsableLba });
  return ['restored the backup of the partition table from the primary one'];
}

type Fields = RecordOf<typeof GptHeader.fields>;

function fieldsOf({ header }: GptParts): Fields {
  const fields = GptHeader.read(new DataView(header.buffer, header.byteOffset), 0);
  return { ...fields, signature: fields.signature.slice(), diskGuid: fields.diskGuid.slice() };
}

/** Both checksums anew; what stands behind the known fields stays. */
function putHeader(device: BlockDevice, { blockSize, header, entries }: GptParts, fields: Fields): void {
  const block = header.slice();
  const view = new DataView(block.buffer);
  GptHeader.write(view, 0, { ...fields, entriesCrc32: crc32(entries), headerCrc32: 0 });
  view.setUint32(GptHeader.at.headerCrc32, crc32(block.subarray(0, fields.headerSize)), true);
  device.write(fields.myLba * blockSize, block);
}
