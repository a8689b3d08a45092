// Records of the catalog as bytes: keys, threads, new folders and files.

import type { RecordOf } from '@tintype/core';
import { EMPTY_FORK } from '../extent.js';
import { CatalogFile, CatalogFolder, RECORD_FLAGS, RECORD_TYPE } from '../structs/catalog.js';

export type FolderRecord = RecordOf<typeof CatalogFolder.fields>;
export type FileRecord = RecordOf<typeof CatalogFile.fields>;

/** Bytes of a key with its length: u16 length, u32 parent, u16 count, units. */
export function keySize(name: string): number {
  return 8 + 2 * name.length;
}

/** Writes a key; answers where its record's data begins. */
export function writeKey(view: DataView, at: number, parent: number, name: string): number {
  view.setUint16(at, 6 + 2 * name.length);
  view.setUint32(at + 2, parent);
  return writeName(view, at + 6, name);
}

/** A counted name; answers the offset behind it. */
export function writeName(view: DataView, at: number, name: string): number {
  view.setUint16(at, name.length);
  for (let i = 0; i < name.length; i += 1) view.setUint16(at + 2 + 2 * i, name.charCodeAt(i));
  return at + 2 + 2 * name.length;
}

/** The counted name at `at`; the caller has checked that it lies in the record. */
export function readName(view: DataView, at: number): string {
  const length = view.getUint16(at);
  let name = '';
  for (let i = 0; i < length; i += 1) name += String.fromCharCode(view.getUint16(at + 2 + 2 * i));
  return name;
}

const LONGEST_KEY = 8 + 2 * 255;
/** Keys that are looked for, and records that are inserted, are put together here, one at a time: there are millions. */
const keyBytes = new DataView(new ArrayBuffer(LONGEST_KEY));
const draftBytes = new Uint8Array(2 * LONGEST_KEY);
const draftView = new DataView(draftBytes.buffer);

/** A key to look for. Good until the next call. */
export function key(parent: number, name: string): DataView {
  writeKey(keyBytes, 0, parent, name);
  return keyBytes;
}

/** A whole record in memory that the next call uses again. */
export interface Draft {
  readonly record: Uint8Array;
  readonly view: DataView;
  /** Where the data begins. */
  readonly at: number;
}

/** A thread with its key. */
export function draftThread(kind: 'folder' | 'file', id: number, parent: number, name: string): Draft {
  const at = writeKey(draftView, 0, id, '');
  draftView.setUint16(at, kind === 'folder' ? RECORD_TYPE.folderThread : RECORD_TYPE.fileThread);
  draftView.setUint16(at + 2, 0);
  draftView.setUint32(at + 4, parent);
  const end = writeName(draftView, at + 8, name);
  return { record: draftBytes.subarray(0, end), view: draftView, at };
}

/** A new folder or file with its key; id, mode, owners and dates are 0. */
export function draftItem(kind: 'folder' | 'file', parent: number, name: string): Draft {
  const data = kind === 'folder' ? newFolder : newFile;
  const at = writeKey(draftView, 0, parent, name);
  draftBytes.set(data, at);
  return { record: draftBytes.subarray(0, at + data.length), view: draftView, at };
}

/** A whole record: key, then data. */
export function putKey(parent: number, name: string, data: FolderRecord | FileRecord | Uint8Array): Uint8Array {
  const struct = data instanceof Uint8Array ? null : 'valence' in data ? CatalogFolder : CatalogFile;
  const size =
    data instanceof Uint8Array ? data.length : struct === CatalogFolder ? CatalogFolder.size : CatalogFile.size;
  const bytes = new Uint8Array(keySize(name) + size);
  const view = new DataView(bytes.buffer);
  const at = writeKey(view, 0, parent, name);
  if (data instanceof Uint8Array) bytes.set(data, at);
  else if ('valence' in data) CatalogFolder.write(view, at, data);
  else CatalogFile.write(view, at, data);
  return bytes;
}

export function threadRecord(kind: 'folder' | 'file', parent: number, name: string): Uint8Array {
  const bytes = new Uint8Array(10 + 2 * name.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, kind === 'folder' ? RECORD_TYPE.folderThread : RECORD_TYPE.fileThread);
  view.setUint32(4, parent);
  writeName(view, 8, name);
  return bytes;
}

export interface NewRecord {
  readonly id: number;
  /** Seconds since 1904. */
  readonly now: number;
  /** Type and permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export function folderRecord(record: NewRecord & { readonly hasFolderCount: boolean }): FolderRecord {
  const { id, hasFolderCount } = record;
  return {
    recordType: RECORD_TYPE.folder,
    flags: hasFolderCount ? RECORD_FLAGS.hasFolderCount : 0,
    valence: 0,
    folderID: id,
    ...newItemFields(record),
    folderCount: 0,
  };
}

export function fileRecord(record: NewRecord): FileRecord {
  return {
    recordType: RECORD_TYPE.file,
    flags: RECORD_FLAGS.threadExists,
    reserved1: 0,
    fileID: record.id,
    ...newItemFields(record),
    reserved2: 0,
    dataFork: EMPTY_FORK,
    resourceFork: EMPTY_FORK,
  };
}

/** What new files and folders have alike. */
function newItemFields({ now, mode, uid, gid }: NewRecord) {
  return {
    createDate: now,
    contentModDate: now,
    attributeModDate: now,
    accessDate: now,
    backupDate: 0,
    bsdInfo: { ownerID: uid, groupID: gid, adminFlags: 0, ownerFlags: 0, fileMode: mode, special: 1 },
    userInfo: new Uint8Array(16),
    finderInfo: new Uint8Array(16),
    textEncoding: 0,
  };
}

const nothing = { id: 0, now: 0, mode: 0, uid: 0, gid: 0 };
const newFile = putKey(0, '', fileRecord(nothing)).subarray(keySize(''));
const newFolder = putKey(0, '', folderRecord({ ...nothing, hasFolderCount: false })).subarray(keySize(''));
