// What a file record is to hard links: the private folders that hold the inodes, and the records that stand for them.

import { CatalogFile, RECORD_FLAGS } from '../structs/catalog.js';
import { FILE_LINK, FILE_LINKS_FOLDER, FOLDER_LINK, FOLDER_LINKS_FOLDER } from '../structs/hard-links.js';
import { CNID } from '../structs/volume-header.js';
import { flagsOf, idOf, itemKind, type LeafRecord, parentOf } from './leaf-record.js';
import { nameOf, type RepairCatalog } from './repair-catalog.js';

export class LinkFolders {
  readonly files: LeafRecord | null;
  readonly folders: LeafRecord | null;

  constructor(catalog: RepairCatalog) {
    const find = (name: string) => {
      const found = catalog.find(CNID.rootFolder, name);
      return found && itemKind(found) === 'folder' ? found : null;
    };
    this.files = find(FILE_LINKS_FOLDER);
    this.folders = find(FOLDER_LINKS_FOLDER);
  }
}

export type LinkRole = 'none' | 'inode' | 'file' | 'directory';

export function linkRole(record: LeafRecord, { files }: LinkFolders): LinkRole {
  if (files && parentOf(record) === idOf(files) && referenceOf(record, 'iNode') > 0) return 'inode';
  if (isFileLink(record)) return 'file';
  return isFolderLink(record) ? 'directory' : 'none';
}

export function isFileLink(record: LeafRecord): boolean {
  return itemKind(record) === 'file' && hasType(record, FILE_LINK);
}
export function isFolderLink(record: LeafRecord): boolean {
  const isChained = (flagsOf(record) & RECORD_FLAGS.hasLinkChain) !== 0;
  return itemKind(record) === 'file' && isChained && hasType(record, FOLDER_LINK);
}

function hasType({ view, data }: LeafRecord, [type, creator]: readonly [number, number]): boolean {
  const at = data + CatalogFile.at.userInfo;
  return view.getUint32(at) === type && view.getUint32(at + 4) === creator;
}

/** The number behind `start` in the name, or -1. */
export function referenceOf(record: LeafRecord, start: 'iNode' | 'dir_'): number {
  const name = nameOf(record);
  const digits = name.startsWith(start) ? name.slice(start.length) : '';
  const value = /^\d{1,10}$/.test(digits) ? Number(digits) : -1;
  return value <= 0xffff_ffff ? value : -1;
}
