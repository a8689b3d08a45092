// Leaf records of the catalog, one by one (hfsplus.md 5, 11.3). What takes more than one record to judge goes to tables
// (tables.ts, judged by hierarchy.ts) and to the link check.

import { LINK_TARGET_LIMIT } from '../limits.js';
import { BsdInfo, CatalogFile, CatalogFolder, CatalogThread, RECORD_FLAGS, RECORD_TYPE } from '../structs/catalog.js';
import { FORK_TYPE } from '../structs/extents.js';
import { CNID, ForkData } from '../structs/volume-header.js';
import type { ExtentCheck, Placed } from './extents.js';
import { readExtents } from './extents.js';
import type { LinkCheck } from './links.js';
import { nameProblem, shownName, undecomposed } from './names.js';
import type { Report } from './report.js';
import { type CatalogTables, FOLDER, fingerprint, SEEN } from './tables.js';
import { CATALOG_NAME } from './tree-keys.js';

/** A file of the root folder that the volume itself uses. */
export interface OwnFile {
  readonly size: number;
  readonly extents: readonly number[];
}

/** Where fields lie that are nested in a record, from its start. */
const AT = {
  mode: CatalogFile.at.bsdInfo + BsdInfo.at.fileMode,
  ownerFlags: CatalogFile.at.bsdInfo + BsdInfo.at.ownerFlags,
  special: CatalogFile.at.bsdInfo + BsdInfo.at.special,
  finderType: CatalogFile.at.userInfo,
  finderCreator: CatalogFile.at.userInfo + 4,
} as const;

const MODE = { format: 0o170000, fifo: 0o010000, folder: 0o040000, regular: 0o100000, symlink: 0o120000 } as const;
/** Types that a file's mode may have: fifo, character, block, regular, link, socket, whiteout. */
const FILE_MODES: readonly number[] = [0o010000, 0o020000, 0o060000, 0o100000, 0o120000, 0o140000, 0o160000];
const UF_COMPRESSED = 0x20;
const TYPE_SLNK = 0x736c_6e6b;
const CREATOR_RHAP = 0x7268_6170;
const BLOATED_THREAD = 520;

export class CatalogCheck implements Placed {
  rootCreateDate = 0;
  /** The root's record was met. */
  hasRoot = false;
  journalFile: OwnFile | null = null;
  journalInfoFile: OwnFile | null = null;
  #view: DataView = new DataView(new ArrayBuffer(0));
  #keyAt = 0;
  #id = 0;
  #kind = '';
  #part = '';
  #group = -1;
  #groupParent = 0;

  constructor(
    private readonly tables: CatalogTables,
    private readonly extents: ExtentCheck,
    private readonly links: LinkCheck,
    private readonly report: Report,
    private readonly caseSensitive: boolean,
  ) {}

  /** Of the record that is being looked at. */
  place(): string {
    const name = shownName(this.#view, this.#keyAt + CATALOG_NAME);
    const parent = this.#view.getUint32(this.#keyAt + 2);
    return `catalog ${this.#kind} ${this.#id} ${name} in folder ${parent}${this.#part}`;
  }

  visit(view: DataView, keyAt: number, dataAt: number, endAt: number): void {
    this.#view = view;
    this.#keyAt = keyAt;
    this.#part = '';
    this.#kind = 'record';
    this.#id = 0;
    const type = endAt - dataAt >= 2 ? view.getUint16(dataAt) : 0;
    const length = endAt - dataAt;
    switch (type) {
      case RECORD_TYPE.folder:
        this.#kind = 'folder';
        if (length === CatalogFolder.size) this.#folder(view, keyAt, dataAt);
        else this.#wrongLength(length, CatalogFolder.size);
        break;
      case RECORD_TYPE.file:
        this.#kind = 'file';
        if (length === CatalogFile.size) this.#file(view, keyAt, dataAt);
        else this.#wrongLength(length, CatalogFile.size);
        break;
      case RECORD_TYPE.folderThread:
      case RECORD_TYPE.fileThread:
        this.#kind = 'thread';
        this.#thread(view, keyAt, dataAt, length, type === RECORD_TYPE.folderThread);
        break;
      default:
        this.tables.complete = false;
        this.extents.complete = false;
        this.report.add('catalog-record-type', this.place(), `the record type is ${type}`);
    }
  }

  #wrongLength(length: number, wanted: number): void {
    this.tables.complete = false;
    if (this.#kind === 'file') this.extents.complete = false;
    this.report.add('catalog-record-length', this.place(), `the record has ${length} bytes, not ${wanted}`);
  }

  #folder(view: DataView, keyAt: number, at: number): void {
    const id = view.getUint32(at + CatalogFolder.at.folderID);
    const parent = view.getUint32(keyAt + 2);
    this.#id = id;
    const flags = view.getUint16(at + CatalogFolder.at.flags);
    if (!this.#common(view, keyAt, at, id, parent, true, flags)) return;
    const { folders } = this.tables;
    this.tables.folderRecords += 1;
    const row = folders.ids.row(id);
    const valid = (flags & RECORD_FLAGS.hasFolderCount) !== 0;
    folders.parent.set(row, parent);
    folders.valence.set(row, view.getUint32(at + CatalogFolder.at.valence));
    folders.folderCount.set(row, view.getUint32(at + CatalogFolder.at.folderCount));
    const childLink = (flags & RECORD_FLAGS.hasChildLink) !== 0 ? FOLDER.childLink : 0;
    folders.state.add(row, FOLDER.record | (valid ? FOLDER.countValid : 0) | childLink);
    if (parent !== CNID.rootParent) this.#count(parent, true);
    if (!valid && this.caseSensitive)
      this.report.add('catalog-folder-count-flag', this.place(), 'the flag 0x10 (folder count) is not set');
    if ((flags & (RECORD_FLAGS.locked | RECORD_FLAGS.threadExists)) !== 0)
      this.report.add('catalog-folder-flags', this.place(), `the flags 0x${flags.toString(16)} are not for folders`);
    const mode = view.getUint16(at + AT.mode);
    if (mode !== 0 && (mode & MODE.format) !== MODE.folder) this.#wrongMode(mode);
    if (id === CNID.rootFolder) this.rootCreateDate = view.getUint32(at + CatalogFolder.at.createDate);
    this.links.folder(view, keyAt, at, this);
  }

  #file(view: DataView, keyAt: number, at: number): void {
    const id = view.getUint32(at + CatalogFile.at.fileID);
    const parent = view.getUint32(keyAt + 2);
    this.#id = id;
    const flags = view.getUint16(at + CatalogFile.at.flags);
    const sound = this.#common(view, keyAt, at, id, parent, false, flags);
    this.#fork(view, at + CatalogFile.at.dataFork, id, FORK_TYPE.data);
    this.#fork(view, at + CatalogFile.at.resourceFork, id, FORK_TYPE.resource);
    this.#part = '';
    if (!sound) return;
    this.tables.files += 1;
    const mode = view.getUint16(at + AT.mode);
    if (mode !== 0 && !FILE_MODES.includes(mode & MODE.format)) this.#wrongMode(mode);
    if ((flags & RECORD_FLAGS.threadExists) === 0)
      this.report.add('catalog-thread-flag', this.place(), 'the flag 0x2 (thread exists) is not set');
    if (view.getUint32(at + CatalogFile.at.reserved2) !== 0)
      this.report.add('catalog-reserved', this.place(), 'reserved2 is not 0');
    const compressed = (view.getUint8(at + AT.ownerFlags) & UF_COMPRESSED) !== 0;
    if (compressed) this.#compressed(view, at, id);
    const link = this.links.file(view, keyAt, at, this);
    this.#count(parent, link === 'directory');
    if (link === 'none') this.#plainFile(view, at, mode, flags);
    if (parent === CNID.rootFolder) this.#ownFile(view, keyAt, at);
  }

  #refuse(kind: 'catalog-id' | 'catalog-root' | 'catalog-thread-key', problem: string): false {
    this.tables.complete = false;
    this.report.add(kind, this.place(), problem);
    return false;
  }

  /** What files and folders have in common; false if the record cannot be entered in the tables. */
  #common(
    view: DataView,
    keyAt: number,
    at: number,
    id: number,
    parent: number,
    folder: boolean,
    flags: number,
  ): boolean {
    const root = folder && id === CNID.rootFolder && parent === CNID.rootParent;
    if (root) this.hasRoot = true;
    else if (id < CNID.firstUser) return this.#refuse('catalog-id', `${id} is not for ${folder ? 'folders' : 'files'}`);
    else if (parent === CNID.rootParent)
      return this.#refuse('catalog-root', 'only the root folder may lie in folder 1');
    const problem = nameProblem(view, keyAt + CATALOG_NAME);
    if (problem !== '') this.report.add('catalog-name', this.place(), problem);
    const form = undecomposed(view, keyAt + CATALOG_NAME);
    if (form !== '') this.report.add('catalog-name-form', this.place(), form);
    const bits =
      SEEN.record |
      (folder ? SEEN.folder : 0) |
      ((flags & RECORD_FLAGS.hasAttributes) !== 0 ? SEEN.attributesFlag : 0) |
      ((flags & RECORD_FLAGS.hasSecurity) !== 0 ? SEEN.securityFlag : 0);
    this.tables.meet(id, bits, fingerprint(folder, parent, view, keyAt + CATALOG_NAME));
    this.#encoding(view.getUint32(at + CatalogFolder.at.textEncoding));
    return true;
  }

  #thread(view: DataView, keyAt: number, at: number, length: number, folder: boolean): void {
    const id = view.getUint32(keyAt + 2);
    this.#id = id;
    const nameAt = at + CatalogThread.size;
    const units = length >= CatalogThread.size + 2 ? view.getUint16(nameAt) : -1;
    const exact = CatalogThread.size + 2 + 2 * units;
    if (units < 0 || exact > length) {
      this.#wrongLength(length, exact);
      return;
    }
    if (units === 0 || units > 255) {
      this.#refuse('catalog-thread-key', `the thread's name has ${units} units`);
      return;
    }
    if (length === BLOATED_THREAD && exact !== length)
      this.report.add('catalog-thread-bloated', this.place(), `the record has ${length} bytes for a name of ${units}`);
    else if (length !== exact) this.#wrongLength(length, exact);
    if (view.getUint16(keyAt + CATALOG_NAME) !== 0) {
      this.#refuse('catalog-thread-key', 'the key of a thread has a name');
      return;
    }
    if (id < CNID.firstUser && !(folder && id === CNID.rootFolder)) {
      this.#refuse('catalog-id', `${id} is not for ${folder ? 'folders' : 'files'}`);
      return;
    }
    const parent = view.getUint32(at + CatalogThread.at.parentID);
    const bits = SEEN.thread | (folder ? SEEN.folderThread : 0);
    this.tables.meet(id, bits, fingerprint(folder, parent, view, nameAt));
  }

  #fork(view: DataView, at: number, id: number, forkType: number): void {
    this.#part = forkType === FORK_TYPE.data ? ', data fork' : ', resource fork';
    this.extents.fork(view, at, id, forkType, this);
  }

  #wrongMode(mode: number): void {
    this.report.add('catalog-mode', this.place(), `the mode is 0${mode.toString(8)}, which is no ${this.#kind}'s`);
  }

  #compressed(view: DataView, at: number, id: number): void {
    const inFork = forkBytes(view, at + CatalogFile.at.resourceFork) > 0 ? SEEN.resourceFork : 0;
    this.tables.seen.add(this.tables.ids.row(id), SEEN.compressed | inFork);
  }

  /** Records of one folder come in a row, so its line in the table is looked up once. */
  #count(parent: number, folder: boolean): void {
    const { folders } = this.tables;
    if (parent !== this.#groupParent) {
      this.#groupParent = parent;
      this.#group = folders.ids.row(parent);
    }
    folders.children.set(this.#group, folders.children.get(this.#group) + 1);
    if (folder) folders.childFolders.set(this.#group, folders.childFolders.get(this.#group) + 1);
  }

  /** Files that are neither links nor inodes of links. */
  #plainFile(view: DataView, at: number, mode: number, flags: number): void {
    const format = mode & MODE.format;
    if (format === MODE.regular && view.getUint32(at + AT.special) > 1)
      this.report.add('catalog-link-count', this.place(), `the link count is ${view.getUint32(at + AT.special)}`);
    if ((flags & RECORD_FLAGS.hasLinkChain) !== 0)
      this.report.add('catalog-link-flag', this.place(), 'the flag 0x20 (link chain) is set, but the file is no link');
    if (format === MODE.regular || !FILE_MODES.includes(format)) return;
    const data = forkBytes(view, at + CatalogFile.at.dataFork);
    const resource = forkBytes(view, at + CatalogFile.at.resourceFork);
    if (format !== MODE.symlink) {
      if (data + resource !== 0) this.report.add('catalog-special-file', this.place(), 'a special file has data');
      return;
    }
    const type = view.getUint32(at + AT.finderType);
    const creator = view.getUint32(at + AT.finderCreator);
    if (type !== TYPE_SLNK || creator !== CREATOR_RHAP)
      this.report.add('catalog-symlink', this.place(), 'type and creator are not slnk and rhap');
    if (data === 0 || data > LINK_TARGET_LIMIT || resource !== 0)
      this.report.add('catalog-symlink', this.place(), `the target has ${data} bytes, the resource fork ${resource}`);
  }

  #encoding(encoding: number): void {
    const bit = encoding & 0x7f;
    if (bit < 32) this.tables.encodingsLow = (this.tables.encodingsLow | (1 << bit)) >>> 0;
    else if (bit < 48) this.tables.encodingsHigh = (this.tables.encodingsHigh | (1 << (bit - 32))) >>> 0;
  }

  #ownFile(view: DataView, keyAt: number, at: number): void {
    const nameAt = keyAt + CATALOG_NAME;
    const units = view.getUint16(nameAt);
    if (units !== JOURNAL_NAME.length && units !== JOURNAL_INFO_NAME.length) return;
    const fork = at + CatalogFile.at.dataFork;
    const file = { size: forkBytes(view, fork), extents: readExtents(view, fork + ForkData.at.extents) };
    if (isName(view, nameAt, JOURNAL_NAME)) this.journalFile = file;
    if (isName(view, nameAt, JOURNAL_INFO_NAME)) this.journalInfoFile = file;
  }
}

const JOURNAL_NAME = '.journal';
const JOURNAL_INFO_NAME = '.journal_info_block';

export function forkBytes(view: DataView, at: number): number {
  return view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
}

export function isName(view: DataView, nameAt: number, name: string): boolean {
  if (view.getUint16(nameAt) !== name.length) return false;
  for (let i = 0; i < name.length; i += 1) if (view.getUint16(nameAt + 2 + 2 * i) !== name.charCodeAt(i)) return false;
  return true;
}
