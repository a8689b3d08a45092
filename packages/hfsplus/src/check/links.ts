// Hard links: records, inodes, chains (hfsplus.md 6).

import { CatalogFile, CatalogFolder, RECORD_FLAGS } from '../structs/catalog.js';
import {
  FILE_LINK,
  FILE_LINKS_FOLDER,
  FINDER_ALIAS,
  FOLDER_LINK,
  FOLDER_LINKS_FOLDER,
  LINK_FIELDS,
  STICKY,
  UF_IMMUTABLE,
} from '../structs/hard-links.js';
import { CNID, ForkData } from '../structs/volume-header.js';
import type { Placed } from './extents.js';
import { IdTable, u8Column, u32Column } from './id-table.js';
import type { Report } from './report.js';
import { type CatalogTables, FOLDER, type FolderTable } from './tables.js';
import { CATALOG_NAME } from './tree-keys.js';

/** What the link check takes a file record for. */
export type LinkRole = 'none' | 'inode' | 'file' | 'directory';

const CHAINED = 1;

/** Links and inodes of one kind. An inode is named by the reference that its links hold. */
class LinkSet {
  readonly links = new IdTable();
  readonly previous = u32Column();
  readonly next = u32Column();
  readonly reference = u32Column();
  readonly createDate = u32Column();
  readonly parent = u32Column();
  readonly linkState = u8Column();
  readonly inodes = new IdTable();
  readonly inodeId = u32Column();
  readonly first = u32Column();
  readonly stated = u32Column();
  readonly found = u32Column();
  readonly inodeState = u8Column();
  /** CNID of the private folder, 0 if there is none, and what its record says. */
  folder = 0;
  folderCreateDate = 0;
  folderMode = 0;
  folderFlags = 0;

  constructor(
    readonly folderName: string,
    readonly what: string,
  ) {}

  addLink(view: DataView, at: number, parent: number): void {
    const row = this.links.row(view.getUint32(at + CatalogFile.at.fileID));
    this.previous.set(row, view.getUint32(at + LINK_FIELDS.previous));
    this.next.set(row, view.getUint32(at + LINK_FIELDS.next));
    this.reference.set(row, view.getUint32(at + LINK_FIELDS.special));
    this.createDate.set(row, view.getUint32(at + CatalogFile.at.createDate));
    this.parent.set(row, parent);
    if (isChained(view, at)) this.linkState.add(row, CHAINED);
  }

  addInode(view: DataView, at: number, reference: number): void {
    const row = this.inodes.row(reference);
    this.inodeId.set(row, view.getUint32(at + CatalogFile.at.fileID));
    this.first.set(row, view.getUint32(at + CatalogFile.at.reserved1));
    this.stated.set(row, view.getUint32(at + LINK_FIELDS.special));
    if (isChained(view, at)) this.inodeState.add(row, CHAINED);
  }
}

export class LinkCheck {
  readonly #files = new LinkSet(FILE_LINKS_FOLDER, 'file');
  readonly #directories = new LinkSet(FOLDER_LINKS_FOLDER, 'directory');

  constructor(private readonly report: Report) {}

  /** Takes note of private folders, and of the inodes of directory links. */
  folder(view: DataView, keyAt: number, at: number, placed: Placed): void {
    const parent = view.getUint32(keyAt + 2);
    const nameAt = keyAt + CATALOG_NAME;
    if (parent === CNID.rootFolder)
      for (const set of [this.#files, this.#directories])
        if (isCalled(view, nameAt, set.folderName)) open(set, view, at);
    if (parent !== this.#directories.folder || parent === 0) return;
    const id = view.getUint32(at + CatalogFolder.at.folderID);
    if (numberAfter(view, nameAt, 'dir_') !== id) {
      this.report.add('directory-inode-name', placed.place(), `the name must be dir_${id}`);
      return;
    }
    if (!isChained(view, at))
      this.report.add('directory-inode-flags', placed.place(), 'the flag 0x20 (link chain) is not set');
    this.#directories.addInode(view, at, id);
    this.#directories.first.set(this.#directories.inodes.row(id), 0);
  }

  file(view: DataView, keyAt: number, at: number, placed: Placed): LinkRole {
    const parent = view.getUint32(keyAt + 2);
    const type = view.getUint32(at + CatalogFile.at.userInfo);
    const creator = view.getUint32(at + CatalogFile.at.userInfo + 4);
    if (parent === this.#files.folder && parent !== 0) {
      const reference = numberAfter(view, keyAt + CATALOG_NAME, 'iNode');
      if (reference > 0) {
        this.#files.addInode(view, at, reference);
        return 'inode';
      }
      if (numberAfter(view, keyAt + CATALOG_NAME, 'temp') >= 0)
        this.report.add('link-temporary', placed.place(), 'a file that was deleted while open was left behind');
    }
    if (type === FILE_LINK[0] && creator === FILE_LINK[1]) {
      this.#files.addLink(view, at, parent);
      if (blocks(view, at + CatalogFile.at.dataFork) + blocks(view, at + CatalogFile.at.resourceFork) > 0)
        this.report.add('link-data', placed.place(), 'a hard link record has data of its own');
      return 'file';
    }
    if (type !== FOLDER_LINK[0] || creator !== FOLDER_LINK[1] || !isChained(view, at)) return 'none';
    this.#directories.addLink(view, at, parent);
    if (blocks(view, at + CatalogFile.at.dataFork) > 0)
      this.report.add('link-data', placed.place(), 'a directory link record has a data fork');
    if ((view.getUint8(at + LINK_FIELDS.ownerFlags) & UF_IMMUTABLE) === 0)
      this.report.add('directory-link-flags', placed.place(), 'the owner flag 2 (immutable) is not set');
    if ((view.getUint16(at + LINK_FIELDS.finderFlags) & FINDER_ALIAS) === 0)
      this.report.add('directory-link-flags', placed.place(), 'the Finder flag 0x8000 (alias) is not set');
    return 'directory';
  }

  /** After the whole catalog: file links. */
  finishFiles(tables: CatalogTables, rootCreateDate: number, complete: boolean): void {
    const set = this.#files;
    for (let row = 0; row < set.links.count; row += 1) {
      const date = set.createDate.get(row);
      if (date === rootCreateDate || (set.folder !== 0 && date === set.folderCreateDate)) continue;
      const place = `catalog file ${set.links.ids.get(row)}`;
      this.report.add('link-date', place, 'the creation date of a hard link is not that of the private folder');
    }
    if (complete && tables.complete) this.#finish(set);
  }

  /** The attribute that holds the first link of a directory inode. */
  firstLink(inode: number, first: number): void {
    const row = this.#directories.inodes.find(inode);
    if (row >= 0) this.#directories.first.set(row, first);
  }

  /** After the attributes: directory links. */
  finishDirectories(tables: CatalogTables, complete: boolean): void {
    const set = this.#directories;
    if (set.links.count === 0 && set.inodes.count === 0) return;
    if (set.folder !== 0 && ((set.folderMode & STICKY) === 0 || (set.folderFlags & UF_IMMUTABLE) === 0))
      this.report.add('link-private-folder', `catalog folder ${set.folder}`, 'it must be sticky and immutable');
    if (!complete || !tables.complete) return;
    for (let row = 0; row < set.inodes.count; row += 1) {
      if (set.first.get(row) !== 0) continue;
      const place = `catalog folder ${set.inodeId.get(row)}`;
      this.report.add('directory-inode-first', place, 'the attribute with the first link is missing or no number');
    }
    this.#finish(set);
    this.#checkAncestors(tables.folders);
  }

  #finish(set: LinkSet): void {
    for (let row = 0; row < set.links.count; row += 1) {
      const reference = set.reference.get(row);
      const inode = set.inodes.find(reference);
      const place = `catalog ${set.what} link ${set.links.ids.get(row)}`;
      if (inode < 0) {
        this.report.add('link-target', place, `the inode ${reference} that the link stands for does not exist`);
        continue;
      }
      set.found.set(inode, set.found.get(inode) + 1);
      if ((set.inodeState.get(inode) & CHAINED) !== 0 && (set.linkState.get(row) & CHAINED) === 0)
        this.report.add('link-flag', place, 'the flag 0x20 (link chain) is not set');
    }
    for (let row = 0; row < set.inodes.count; row += 1) this.#checkInode(set, row);
  }

  #checkInode(set: LinkSet, row: number): void {
    const place = `catalog ${set.what} inode ${set.inodeId.get(row)}`;
    const found = set.found.get(row);
    if (found === 0) {
      this.report.add('link-inode-orphan', place, 'no link stands for it');
      return;
    }
    const stated = set.stated.get(row);
    if (stated !== found)
      this.report.add('link-count', place, `the link count is ${stated}, but there are ${found} links`);
    if ((set.inodeState.get(row) & CHAINED) === 0 || set.first.get(row) === 0) {
      // Before Mac OS X 10.5 there were no chains; directory inodes without a first link have a finding already.
      if (set === this.#files && set.first.get(row) === 0 && (set.inodeState.get(row) & CHAINED) !== 0)
        this.report.add('link-chain', place, 'the first link is not given');
      return;
    }
    const problem = chainProblem(set, row);
    if (problem !== '') this.report.add('link-chain', place, problem);
  }

  /** Every folder above a directory link, but the root and the private folder, must say so. */
  #checkAncestors(folders: FolderTable): void {
    const set = this.#directories;
    for (let link = 0; link < set.links.count; link += 1) {
      for (let id = set.parent.get(link); id !== CNID.rootFolder && id !== set.folder; ) {
        const row = folders.ids.find(id);
        if (row < 0 || (folders.state.get(row) & FOLDER.linkAbove) !== 0) break;
        if ((folders.state.get(row) & FOLDER.childLink) === 0)
          this.report.add('directory-link-ancestor', `catalog folder ${id}`, 'the flag 0x40 (link below) is not set');
        folders.state.add(row, FOLDER.linkAbove);
        id = folders.parent.get(row);
      }
    }
  }
}

function chainProblem(set: LinkSet, inode: number): string {
  const reference = set.inodes.ids.get(inode);
  const count = set.found.get(inode);
  let previous = 0;
  let met = 0;
  for (let id = set.first.get(inode); id !== 0; met += 1) {
    const row = set.links.find(id);
    if (row < 0) return `the chain leads to ${id}, which is no link`;
    if (met >= count) return 'the chain does not end';
    if (set.reference.get(row) !== reference) return `the chain leads to ${id}, a link to another inode`;
    if (set.previous.get(row) !== previous)
      return `link ${id} gives ${set.previous.get(row)} as the one before, not ${previous}`;
    previous = id;
    id = set.next.get(row);
  }
  return met === count ? '' : `the chain has ${met} links of ${count}`;
}

function open(set: LinkSet, view: DataView, at: number): void {
  set.folder = view.getUint32(at + CatalogFolder.at.folderID);
  set.folderCreateDate = view.getUint32(at + CatalogFolder.at.createDate);
  set.folderMode = view.getUint16(at + LINK_FIELDS.mode);
  set.folderFlags = view.getUint8(at + LINK_FIELDS.ownerFlags);
}

function isChained(view: DataView, at: number): boolean {
  return (view.getUint16(at + CatalogFile.at.flags) & RECORD_FLAGS.hasLinkChain) !== 0;
}

function blocks(view: DataView, at: number): number {
  return view.getUint32(at + ForkData.at.totalBlocks);
}

function isCalled(view: DataView, nameAt: number, name: string): boolean {
  return view.getUint16(nameAt) === name.length && startsWith(view, nameAt, name);
}

function startsWith(view: DataView, nameAt: number, start: string): boolean {
  if (view.getUint16(nameAt) < start.length) return false;
  for (let i = 0; i < start.length; i += 1)
    if (view.getUint16(nameAt + 2 + 2 * i) !== start.charCodeAt(i)) return false;
  return true;
}

/** The decimal number that is all of the name behind `start`, or -1. */
function numberAfter(view: DataView, nameAt: number, start: string): number {
  const units = view.getUint16(nameAt);
  if (units <= start.length || units > start.length + 10 || !startsWith(view, nameAt, start)) return -1;
  let value = 0;
  for (let i = start.length; i < units; i += 1) {
    const digit = view.getUint16(nameAt + 2 + 2 * i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value <= 0xffff_ffff ? value : -1;
}
