// A bare disk with a journal and nothing else, for tests of the journal.

import { type Random, SparseDevice } from '@tintype/testkit';
import { Journal, type JournalBlock } from '../journal.js';
import type { HeaderFields } from '../mounted.js';
import { JournalHeader } from '../structs/journal.js';
import { VolumeHeader } from '../structs/volume-header.js';
import { journalInfo } from './header.js';

export const JOURNAL_AT = 8192;
export const JOURNAL_SIZE = 512 << 10;
/** Where the metadata lives that transactions change. */
export const HOME_AT = 768 << 10;
export const HOME_SIZE = 256 << 10;
export const DISK_SIZE = 1100 << 10;
export const INFO_AT = 4096;

export const volume: Pick<HeaderFields, 'attributes' | 'blockSize' | 'journalInfoBlock'> = {
  attributes: 0x2100,
  blockSize: 4096,
  journalInfoBlock: 1,
};

export function journaledDisk(): SparseDevice {
  const disk = new SparseDevice(DISK_SIZE);
  const header = new DataView(new ArrayBuffer(512));
  header.setUint32(VolumeHeader.at.attributes, volume.attributes);
  header.setUint32(VolumeHeader.at.journalInfoBlock, volume.journalInfoBlock);
  header.setUint32(VolumeHeader.at.blockSize, volume.blockSize);
  disk.write(1024, new Uint8Array(header.buffer));
  disk.write(INFO_AT, journalInfo(JOURNAL_AT, JOURNAL_SIZE));
  return disk;
}

export function openJournal(disk: Parameters<typeof Journal.open>[0]): Journal {
  const journal = Journal.open(disk, volume);
  if (!journal) throw new Error('the disk has a journal');
  return journal;
}

/** Blocks of random sizes at random places of the home area; later ones may lie over earlier ones. */
export function randomBlocks(random: Random, count: number, largest = 8): JournalBlock[] {
  return Array.from({ length: count }, () => {
    const length = 512 * random.between(1, largest);
    return { position: HOME_AT + 512 * random.below((HOME_SIZE - length) / 512), bytes: random.bytes(length) };
  });
}

export function writeHome(disk: { write(position: number, bytes: Uint8Array): void }, blocks: readonly JournalBlock[]) {
  for (const { position, bytes } of blocks) disk.write(position, bytes);
}

export function homeOf(disk: SparseDevice): Buffer {
  const bytes = Buffer.alloc(HOME_SIZE);
  disk.read(HOME_AT, bytes);
  return bytes;
}

export function readBytes(disk: SparseDevice, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  disk.read(position, bytes);
  return bytes;
}

/** The header's fields as they stand, little endian. */
export function headerOf(disk: SparseDevice) {
  return JournalHeader.read(new DataView(readBytes(disk, JOURNAL_AT, 512).buffer), 0);
}
