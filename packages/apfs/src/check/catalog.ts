// The records of a volume's tree, one by one; what belongs together is kept for `links.ts`. See docs/formats/apfs.md.

import { CorruptError, nameFromBytes, u64le } from '@tintype/core';
import { type RecordPlace, recordAt } from '../btree/cursor.js';
import type { DiskNode } from '../btree/disk-node.js';
import { canonical, nameHash } from '../names.js';
import { viewOf } from '../object.js';
import { type NameRule, readEntry } from '../records/directory.js';
import { FieldPlaces } from '../records/extended-fields.js';
import { idAt, isSystemId, typeAt } from '../records/ids.js';
import { type Inode, readInode } from '../records/inodes.js';
import { readXattr, type XattrPlace } from '../records/xattrs.js';
import { INODE_FIELD } from '../structs/extended-fields.js';
import {
  DirectoryValue,
  Dstream,
  INODE_FLAGS,
  InodeValue,
  RECORD_TYPE,
  SiblingValue,
  XATTR_FLAGS,
  XattrValue,
} from '../structs/records.js';
import { INODE } from '../structs/volume.js';
import { entryProblem, inodeProblem, numberProblem, siblingProblem } from './record-forms.js';
import { hashProblem, judgeCryptoState, sizeProblem, type VolumeForm } from './record-sizes.js';
import type { Report } from './report.js';
import { StreamCheck } from './streams.js';

/** What is known of an inode when all records were seen. */
export interface ItemFacts {
  readonly inode: Inode;
  /** Null: none, as nearly all have. */
  xattrs: Set<string> | null;
  /** Names that lead to it. */
  names: number;
  /** Folder and name of the last of them. */
  entry: { readonly folder: number; readonly name: string; readonly sibling: number } | null;
  /** Entries of a folder. */
  children: number;
  /** How it is compressed, as its attribute says; 0: it has none that could be read. */
  compression: number;
  /** Sibling ids of its hard links, ascending. */
  siblings: { readonly id: number; readonly folder: number; readonly name: string }[] | null;
}

export interface DirectoryEntry {
  readonly folder: number;
  readonly name: string;
  readonly id: number;
  /** POSIX type >> 12. */
  readonly type: number;
  readonly sibling: number;
}

/** How records of a volume are to be read. */
export interface CatalogForm extends VolumeForm {
  readonly names: NameRule;
  /** Bytes. */
  readonly blockSize: number;
  /** It is the System volume of a group, whose ids begin at 2^59. */
  readonly hasSystemIds: boolean;
}

export class CatalogCheck {
  readonly items = new Map<number, ItemFacts>();
  readonly entries: DirectoryEntry[] = [];
  /** Inode of each sibling id. */
  readonly siblingMaps = new Map<number, number>();
  readonly streams: StreamCheck;
  readonly name: string;
  /** Folders with statistics that are kept in a record of their own, by the number of that record. */
  readonly withStatistics = new Map<number, number>();
  readonly statistics = new Set<number>();
  /** Of all objects that have records or entries. */
  largestId = 0;
  /** The first inode with an id that only another volume of a group may have; 0: none. */
  misplaced = 0;
  /** Of all files that are known as documents. */
  largestDocument = 0;
  readonly #report: Report;
  readonly #form: CatalogForm;
  readonly #twins = new Twins();

  constructor(name: string, form: CatalogForm, report: Report) {
    this.name = name;
    this.#form = form;
    this.#report = report;
    this.streams = new StreamCheck(name, form, report);
  }

  visit(node: DiskNode, index: number): void {
    const record = recordAt(node, index);
    const type = typeAt(record.view, record.keyAt);
    const id = idAt(record.view, record.keyAt);
    if (id > this.largestId) this.largestId = id;
    const problem = sizeProblem(type, record, this.#form);
    if (problem !== null) this.#report.add('record', this.name, `object ${id} has ${problem}`);
    if (type === RECORD_TYPE.inode) this.#inode(record);
    else if (type === RECORD_TYPE.xattr) this.#xattr(id, record);
    else if (type === RECORD_TYPE.directory) this.#entry(id, record);
    else if (type === RECORD_TYPE.siblingLink) this.#sibling(id, record);
    else if (type === RECORD_TYPE.siblingMap) this.siblingMaps.set(id, idAt(record.view, requireValue(record, 8)));
    else if (type === RECORD_TYPE.fileExtent) this.streams.extent(id, record);
    else if (type === RECORD_TYPE.dstreamId)
      this.streams.count(id, record.view.getUint32(requireValue(record, 4), true));
    else if (type === RECORD_TYPE.directoryStats) this.statistics.add(id);
    else if (type === RECORD_TYPE.cryptoState)
      judgeCryptoState(id, record, (message) => this.#report.add('crypto-state', this.name, message));
    else if (type === RECORD_TYPE.fileInfo) this.#hash(id, record);
    else this.#report.add('record', this.name, `object ${id} has a record of type ${type}`);
  }

  #hash(id: number, record: RecordPlace): void {
    const problem = hashProblem(record);
    if (problem !== null) this.#report.add('integrity', this.name, `object ${id} has ${problem}`);
  }

  #inode(record: RecordPlace): void {
    const inode = readInode(record);
    const problem = inodeProblem(record) ?? numberProblem(inode);
    if (problem !== null) this.#report.add('inode-record', `${this.name}, inode ${inode.id}`, problem);
    this.items.set(inode.id, {
      inode,
      xattrs: null,
      names: 0,
      entry: null,
      children: 0,
      compression: 0,
      siblings: null,
    });
    const isMisplaced = !isReserved(inode.id) && isSystemId(inode.id) !== this.#form.hasSystemIds;
    if (isMisplaced && this.misplaced === 0) this.misplaced = inode.id;
    const hasStatistics = (inode.internalFlags & STATISTICS) !== 0;
    if (hasStatistics || (inode.flags & UF_TRACKED) !== 0) this.#rareFields(inode.id, record);
  }

  #rareFields(inode: number, { view, valueAt, valueLength }: RecordPlace): void {
    const fields = new FieldPlaces().read(view, valueAt + InodeValue.size, valueAt + valueLength);
    const statistics = fields.at(INODE_FIELD.directoryStats);
    if (statistics >= 0) this.withStatistics.set(idAt(view, statistics), inode);
    const document = fields.at(INODE_FIELD.documentId);
    if (document >= 0) this.largestDocument = Math.max(this.largestDocument, view.getUint32(document, true));
  }

  #xattr(id: number, record: RecordPlace): void {
    const xattr = readXattr(record);
    const facts = this.items.get(id);
    if (!facts)
      this.#report.add('xattr-orphan', this.name, `attribute ${xattr.name} belongs to ${id}, which is no inode`);
    if (facts) {
      facts.xattrs ??= new Set();
      facts.xattrs.add(xattr.name);
      if (xattr.name === DECMPFS) facts.compression = compressionOf(xattr);
    }
    this.#checkXattr(id, xattr, record.valueLength);
    if (!(xattr.value instanceof Uint8Array)) this.#attributeStream(id, xattr.value.stream, xattr.size, record);
  }

  #attributeStream(inode: number, stream: number, size: number, { view, valueAt }: RecordPlace): void {
    const alloced = u64le(view, valueAt + ATTRIBUTE_STREAM, Dstream.at.alloced_size);
    this.streams.attribute(stream, { size, alloced }, inode);
  }

  #checkXattr(id: number, { name, size, flags, value }: XattrPlace, length: number): void {
    const place = `${this.name}, inode ${id}`;
    const rule = (holds: boolean, message: string): void =>
      this.#report.expect(holds, 'xattr-record', place, `attribute ${name}: ${message}`);
    rule((flags & ~KNOWN_XATTR_FLAGS) === 0, `flags ${flags} are not all known`);
    const isOwned = (flags & XATTR_FLAGS.fileSystemOwned) !== 0;
    rule(!(isOwned && OF_USERS.includes(name)), 'is said to be of the file system');
    if (!(value instanceof Uint8Array)) return;
    rule(length === size + 4, `${length} bytes hold a value of ${size}`);
    rule(size <= XATTR_EMBEDDED, `${size} bytes are too many for a record`);
    if (name === DECMPFS) rule(size >= DECMPFS_HEADER, `${size} bytes do not tell how it is compressed`);
    if (name === FINDER_INFO) rule(size === 32, `${size} bytes are no Finder info`);
    if (name === SYMLINK) rule(size > 1 && value[size - 1] === 0, 'the target does not end');
  }

  #entry(folder: number, record: RecordPlace): void {
    const { names } = this.#form;
    const { name, id } = readEntry(record, names);
    const problem = entryProblem(record);
    if (problem !== null)
      this.#report.add('entry-record', `${this.name}, folder ${folder}`, `${JSON.stringify(name)} has ${problem}`);
    if (id > this.largestId) this.largestId = id;
    if (names !== 'plain') {
      const stored = record.view.getUint32(record.keyAt + 8, true) >>> 10;
      const compared = canonical(name, names);
      if (stored !== nameHash(compared))
        this.#report.add('name-hash', `${this.name}, folder ${folder}`, `${JSON.stringify(name)} has another hash`);
      if (this.#twins.has(folder, stored, compared))
        this.#report.add('entry-record', `${this.name}, folder ${folder}`, `${JSON.stringify(name)} is there twice`);
    }
    const type = record.view.getUint16(record.valueAt + DirectoryValue.at.flags, true) & TYPE_MASK;
    this.entries.push({ folder, name, id, type, sibling: siblingOf(record) });
  }

  #sibling(inode: number, record: RecordPlace): void {
    const at = requireValue(record, SiblingValue.size);
    const length = record.view.getUint16(at + SiblingValue.at.name_len, true);
    if (length < 2 || SiblingValue.size + length > record.valueLength)
      throw new CorruptError('j_sibling_val', 'name_len', inode, `${length} bytes of a name`);
    const problem = siblingProblem(record);
    if (problem !== null) this.#report.add('link-record', `${this.name}, inode ${inode}`, problem);
    const bytes = new Uint8Array(record.view.buffer, record.view.byteOffset + at + SiblingValue.size, length - 1);
    const facts = this.items.get(inode);
    if (!facts) {
      this.#report.add('link-siblings', this.name, `a link belongs to ${inode}, which is no inode`);
      return;
    }
    facts.siblings ??= [];
    facts.siblings.push({
      id: idAt(record.view, record.keyAt + 8),
      folder: idAt(record.view, at),
      name: nameFromBytes(bytes),
    });
  }
}

/** Names of one hash that are compared with each other; two are rare. */
const TWINS = 64;

/** Names that are compared as equal lie side by side, under one hash. */
class Twins {
  #folder = 0;
  #hash = -1;
  #last = '';
  readonly #others: string[] = [];

  /** True if a name of the folder that was told before is compared as this one. */
  has(folder: number, hash: number, compared: string): boolean {
    const isNew = folder !== this.#folder || hash !== this.#hash;
    if (isNew) this.#others.length = 0;
    else if (this.#others.length < TWINS) this.#others.push(this.#last);
    this.#folder = folder;
    this.#hash = hash;
    this.#last = compared;
    return !isNew && this.#others.includes(compared);
  }
}

const STATISTICS = INODE_FLAGS.maintainDirectoryStats | INODE_FLAGS.directoryStatsOrigin;
/** Of a file that is known as a document, by a number of its own. */
const UF_TRACKED = 0x40;
const DECMPFS = 'com.apple.decmpfs';
const DECMPFS_HEADER = 16;
const KNOWN_XATTR_FLAGS = 0x17;
const XATTR_EMBEDDED = 3804;
/** From the start of a value to the sizes of its stream, behind the stream's id. */
const ATTRIBUTE_STREAM = XattrValue.size + 8;
/** Attributes that users can set, whatever the system does with them. */
const OF_USERS: readonly string[] = [
  'com.apple.FinderInfo',
  'com.apple.ResourceFork',
  DECMPFS,
  'com.apple.system.Security',
];
const TYPE_MASK = 0xf;
const FINDER_INFO = 'com.apple.FinderInfo';
const SYMLINK = 'com.apple.fs.symlink';
/** Of the one extended field that an entry may have: blob, descriptor, value. */
const SIBLING_AT = DirectoryValue.size + 8;

/** Where a value of at least `size` bytes lies. @throws CorruptError */
function requireValue({ valueAt, valueLength, view, keyAt }: RecordPlace, size: number): number {
  if (valueLength < size) throw new CorruptError('j_val', 'size', idAt(view, keyAt), `only ${valueLength} bytes`);
  return valueAt;
}

/** Of an attribute that lies in its record; 0 of others. */
function compressionOf({ value }: XattrPlace): number {
  const isThere = value instanceof Uint8Array && value.length >= DECMPFS_HEADER;
  return isThere ? viewOf(value).getUint32(4, true) : 0;
}

function siblingOf({ view, valueAt, valueLength }: RecordPlace): number {
  return valueLength >= SIBLING_AT + 8 ? idAt(view, valueAt + SIBLING_AT) : 0;
}

/** Numbers that no item of a user has. */
export function isReserved(id: number): boolean {
  return id < INODE.firstUser;
}
