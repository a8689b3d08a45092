// Fields of files and folders that follow from other ones: flags, modes, and at the end what folders hold.

import { LINK_TARGET_LIMIT } from '../limits.js';
import { BsdInfo, CatalogFile, CatalogFolder, RECORD_FLAGS } from '../structs/catalog.js';
import { CNID, ForkData } from '../structs/volume-header.js';
import { flagsOf, itemKind, type LeafRecord, parentOf, setFlags } from './leaf-record.js';
import { isFolderLink, LinkFolders, linkRole } from './link-folders.js';
import { type RepairCatalog, shown } from './repair-catalog.js';

const MODE = CatalogFile.at.bsdInfo + BsdInfo.at.fileMode;
const SPECIAL = CatalogFile.at.bsdInfo + BsdInfo.at.special;
const FORMAT = 0o170000;
const FOLDER = 0o040000;
const REGULAR = 0o100000;
const SYMLINK = 0o120000;
const FILE_FORMATS: readonly number[] = [0o010000, 0o020000, 0o060000, REGULAR, SYMLINK, 0o140000, 0o160000];
const SLNK_RHAP = 'slnkrhap';

export function mendFields(catalog: RepairCatalog, caseSensitiveAllowed: boolean): void {
  const links = new LinkFolders(catalog);
  for (const record of catalog.items.values())
    if (itemKind(record) === 'folder') mendFolder(catalog, record, caseSensitiveAllowed);
    else mendFile(catalog, record, links);
}

function mendFolder(catalog: RepairCatalog, record: LeafRecord, caseSensitiveAllowed: boolean): void {
  const flags = flagsOf(record);
  let wanted = flags & ~(RECORD_FLAGS.locked | RECORD_FLAGS.threadExists);
  if (caseSensitiveAllowed) wanted |= RECORD_FLAGS.hasFolderCount;
  if (wanted !== flags) {
    setFlags(record, wanted);
    catalog.acts.note('corrected the flags of folders', shown(record));
  }
  const mode = record.view.getUint16(record.data + MODE);
  if (mode !== 0 && (mode & FORMAT) !== FOLDER) setMode(catalog, record, FOLDER | (mode & ~FORMAT));
}

function mendFile(catalog: RepairCatalog, record: LeafRecord, links: LinkFolders): void {
  const { view, data } = record;
  const flags = flagsOf(record);
  const role = linkRole(record, links);
  let wanted = flags | RECORD_FLAGS.threadExists;
  if (role === 'none') wanted &= ~RECORD_FLAGS.hasLinkChain;
  if (wanted !== flags) {
    setFlags(record, wanted);
    catalog.acts.note('corrected the flags of files', shown(record));
  }
  if (view.getUint32(data + CatalogFile.at.reserved2) !== 0) {
    view.setUint32(data + CatalogFile.at.reserved2, 0);
    catalog.acts.note('cleared reserved fields', shown(record));
  }
  let mode = view.getUint16(data + MODE);
  if (mode !== 0 && !FILE_FORMATS.includes(mode & FORMAT)) {
    mode = (isLinkType(record) ? SYMLINK : REGULAR) | (mode & ~FORMAT);
    setMode(catalog, record, mode);
  }
  if (role !== 'none') return;
  if ((mode & FORMAT) === REGULAR && view.getUint32(data + SPECIAL) > 1) {
    view.setUint32(data + SPECIAL, 1);
    catalog.acts.note('set the link count of files without hard links to 1', shown(record));
  }
  if ((mode & FORMAT) === SYMLINK) mendSymlink(catalog, record);
}

function mendSymlink(catalog: RepairCatalog, record: LeafRecord): void {
  const { view, data } = record;
  const length = forkBytes(view, data + CatalogFile.at.dataFork);
  const resource = forkBytes(view, data + CatalogFile.at.resourceFork);
  if (isLinkType(record) || length === 0 || length > LINK_TARGET_LIMIT || resource !== 0) return;
  for (let i = 0; i < SLNK_RHAP.length; i += 1)
    view.setUint8(data + CatalogFile.at.userInfo + i, SLNK_RHAP.charCodeAt(i));
  catalog.acts.note('set type and creator of symbolic links', shown(record));
}

function isLinkType({ view, data }: LeafRecord): boolean {
  for (let i = 0; i < SLNK_RHAP.length; i += 1)
    if (view.getUint8(data + CatalogFile.at.userInfo + i) !== SLNK_RHAP.charCodeAt(i)) return false;
  return true;
}

function setMode(catalog: RepairCatalog, record: LeafRecord, mode: number): void {
  record.view.setUint16(record.data + MODE, mode);
  catalog.acts.note('corrected the kind in the mode of items', shown(record));
}

export function forkBytes(view: DataView, at: number): number {
  return (
    view.getUint32(at + ForkData.at.logicalSize) * 0x1_0000_0000 + view.getUint32(at + ForkData.at.logicalSize + 4)
  );
}

interface Held {
  items: number;
  folders: number;
}

/** After everything that moves items. */
export function mendCounts(catalog: RepairCatalog): void {
  if (!catalog.isComplete) return;
  const held = new Map<number, Held>();
  for (const record of catalog.items.values()) {
    const parent = parentOf(record);
    if (parent === CNID.rootParent) continue;
    let count = held.get(parent);
    if (!count) {
      count = { items: 0, folders: 0 };
      held.set(parent, count);
    }
    count.items += 1;
    if (itemKind(record) === 'folder' || isFolderLink(record)) count.folders += 1;
  }
  for (const [id, record] of catalog.items) {
    if (itemKind(record) !== 'folder') continue;
    const { items, folders } = held.get(id) ?? { items: 0, folders: 0 };
    const { view, data } = record;
    if (view.getUint32(data + CatalogFolder.at.valence) !== items) {
      view.setUint32(data + CatalogFolder.at.valence, items);
      catalog.acts.note('set the number of items in folders', shown(record));
    }
    const isCounted = (flagsOf(record) & RECORD_FLAGS.hasFolderCount) !== 0;
    if (!isCounted || view.getUint32(data + CatalogFolder.at.folderCount) === folders) continue;
    view.setUint32(data + CatalogFolder.at.folderCount, folders);
    catalog.acts.note('set the number of folders in folders', shown(record));
  }
}
