// The journal: what waits in it is replayed, a ruined one is emptied, and one that cannot be found is looked for among the
// files of the root folder.

import { type BlockDevice, CorruptError } from '@tintype/core';
import { journalHeaderBytes, journalInfo, readJournalHeader, unusedJournal } from '../journal/header.js';
import { Journal } from '../journal.js';
import { fileRecord, putKey } from '../records/catalog-records.js';
import { CatalogFile } from '../structs/catalog.js';
import { JOURNAL_INFO_FLAGS, JournalInfoBlock } from '../structs/journal.js';
import { CNID, ForkData, VOLUME_ATTRIBUTES, VolumeHeader } from '../structs/volume-header.js';
import type { Acts } from './acts.js';
import type { Headers } from './headers.js';
import { forkBytes } from './item-fields.js';
import { itemKind, type LeafRecord } from './leaf-record.js';
import { putSlot, slotsAt } from './overflow.js';
import { nameOf, type RepairCatalog } from './repair-catalog.js';

const SMALLEST = 2048;
const SECTOR = 512;
const FSK_FAILED = 0x4653_4b21;
/** `HFSJ` and `10.0`, as macOS leaves them. */
const MOUNTED = { journaled: 0x4846_534a, plain: 0x3130_2e30 } as const;

/** Bytes of the volume. */
interface Place {
  readonly offset: number;
  readonly size: number;
}

/** Before anything else is read: afterwards nothing waits, unless the journal cannot be found. */
export function settleJournal(device: BlockDevice, headers: Headers, acts: Acts): void {
  if (!headers.isJournaled) return;
  const { at } = VolumeHeader;
  const volume = {
    attributes: headers.get(at.attributes),
    blockSize: headers.blockSize,
    journalInfoBlock: headers.get(at.journalInfoBlock),
  };
  const place = placeIn(device, headers, volume.journalInfoBlock);
  if (place === 'elsewhere') return;
  try {
    const journal = Journal.open(device, volume);
    if (!journal || journal.isEmpty) return;
    journal.replay(device);
    journal.retire();
    acts.note('replayed the journal');
  } catch (error) {
    if (!(error instanceof CorruptError)) throw error;
    if (place) emptyJournal(device, place, acts);
  }
}

/** After a replay the header may be another one. */
export function mendMountMarks(headers: Headers, acts: Acts): void {
  const { at } = VolumeHeader;
  if (headers.get(at.lastMountedVersion) !== FSK_FAILED) return;
  headers.set(at.lastMountedVersion, headers.isJournaled ? MOUNTED.journaled : MOUNTED.plain);
  acts.note('removed the mark of a replay that failed');
}

function emptyJournal(device: BlockDevice, { offset, size }: Place, acts: Acts): void {
  device.write(offset, journalHeaderBytes(unusedJournal(size, 1)));
  acts.note('emptied the journal, which was ruined');
}

/** Info block, `.journal_info_block` and `.journal` must tell of one place. */
export function mendJournalFiles(device: BlockDevice, headers: Headers, catalog: RepairCatalog): void {
  if (!headers.isJournaled) return;
  const { acts } = catalog;
  const { blockSize } = headers;
  const stated = headers.get(VolumeHeader.at.journalInfoBlock);
  if (placeIn(device, headers, stated) === 'elsewhere') return;
  const info = fileOf(catalog, '.journal_info_block');
  const file = fileOf(catalog, '.journal');
  const listed = file ? extentOf(file, headers) : null;
  let block = stated;
  const infoExtent = info ? extentOf(info, headers) : null;
  if (!placeIn(device, headers, stated)) {
    if (!infoExtent) {
      giveUp(headers, acts);
      return;
    }
    block = infoExtent.offset / blockSize;
    headers.set(VolumeHeader.at.journalInfoBlock, block);
    if (block !== stated) acts.note('led the volume header to the journal info block again');
  }
  let place = placeIn(device, headers, block);
  if (place === 'elsewhere') return;
  if (place && listed && place.offset !== listed.offset && !hasHeader(device, place) && hasHeader(device, listed))
    place = null;
  if (!place) {
    if (!listed || listed.size < SMALLEST) {
      giveUp(headers, acts);
      return;
    }
    place = listed;
    device.write(block * blockSize, journalInfo(place.offset, place.size));
    acts.note('wrote the journal info block anew');
  }
  putFile(catalog, headers, '.journal_info_block', { offset: block * blockSize, size: blockSize });
  putFile(catalog, headers, '.journal', place);
}

/** Without a journal a volume is sound too. */
function giveUp(headers: Headers, acts: Acts): void {
  headers.setAttributes(VOLUME_ATTRIBUTES.unmounted, VOLUME_ATTRIBUTES.journaled);
  headers.set(VolumeHeader.at.journalInfoBlock, 0);
  acts.note('turned off the journal, which is not to be found');
}

function placeIn(device: BlockDevice, headers: Headers, block: number): Place | 'elsewhere' | null {
  if (block === 0 || block >= headers.totalBlocks) return null;
  const bytes = new Uint8Array(JournalInfoBlock.size);
  device.read(block * headers.blockSize, bytes);
  const view = new DataView(bytes.buffer);
  const { at } = JournalInfoBlock;
  const flags = view.getUint32(at.flags);
  if ((flags & JOURNAL_INFO_FLAGS.otherDevice) !== 0) return 'elsewhere';
  const wide = (offset: number) => view.getUint32(offset) * 0x1_0000_0000 + view.getUint32(offset + 4);
  const place = { offset: wide(at.offset), size: wide(at.size) };
  const isSound =
    (flags & JOURNAL_INFO_FLAGS.inVolume) !== 0 &&
    place.size >= SMALLEST &&
    place.offset % SECTOR === 0 &&
    place.size % SECTOR === 0 &&
    place.offset + place.size <= device.size;
  return isSound ? place : null;
}

function hasHeader(device: BlockDevice, { offset, size }: Place): boolean {
  try {
    readJournalHeader(device, offset, size);
    return true;
  } catch (error) {
    if (error instanceof CorruptError) return false;
    throw error;
  }
}

function fileOf(catalog: RepairCatalog, name: string): LeafRecord | null {
  const found = catalog.find(CNID.rootFolder, name);
  return found && itemKind(found) === 'file' ? found : null;
}

/** The first extent of a file, if it can be one. */
function extentOf({ view, data }: LeafRecord, { blockSize, totalBlocks }: Headers): Place | null {
  const [first] = slotsAt(view, data + CatalogFile.at.dataFork + ForkData.at.extents);
  if (!first || first.start === 0 || first.count === 0 || first.start + first.count >= totalBlocks) return null;
  return { offset: first.start * blockSize, size: first.count * blockSize };
}

/** The file must begin there and reach as far. */
function putFile(catalog: RepairCatalog, headers: Headers, name: string, place: Place): void {
  const { blockSize } = headers;
  const start = place.offset / blockSize;
  const count = Math.ceil(place.size / blockSize);
  if (!Number.isInteger(start)) return;
  let file = fileOf(catalog, name);
  if (file && nameOf(file) !== name) {
    file = catalog.move(file, CNID.rootFolder, name);
    catalog.putThread(file);
    catalog.acts.note('gave the file of the journal its name again', name);
  }
  const present = file ? extentOf(file, headers) : null;
  if (present && present.offset === place.offset && present.size >= place.size) return;
  if (!file) {
    const record = fileRecord({ id: catalog.newId(), now: catalog.now, mode: 0o100000, uid: 0, gid: 0 });
    file = catalog.add(putKey(CNID.rootFolder, name, record));
    catalog.putThread(file);
  }
  const fork = file.data + CatalogFile.at.dataFork;
  const { view } = file;
  slotsAt(view, fork + ForkData.at.extents).forEach((slot, i) => {
    putSlot(slot, i === 0 ? start : 0, i === 0 ? count : 0);
  });
  view.setUint32(fork + ForkData.at.totalBlocks, count);
  if (forkBytes(view, fork) > count * blockSize || forkBytes(view, fork) === 0) {
    view.setUint32(fork, 0);
    view.setUint32(fork + 4, place.size);
  }
  catalog.acts.note('corrected the file of the journal in the catalog', name);
}
