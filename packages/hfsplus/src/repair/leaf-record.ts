// A leaf record in memory, in the copy of its node or in bytes of its own, and the fields that mending looks at.

import { CatalogFile, CatalogFolder, CatalogThread, RECORD_TYPE } from '../structs/catalog.js';

/** Positions in `view`: of the key's length, of the data, and behind the data. */
export interface LeafRecord {
  readonly view: DataView;
  readonly key: number;
  readonly data: number;
  readonly end: number;
}

/** A record that lies alone in its bytes. */
export function recordIn(bytes: Uint8Array): LeafRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { view, key: 0, data: 2 + view.getUint16(0), end: bytes.length };
}

/** The record's own bytes, key first: not a copy. */
export function bytesOf({ view, key, end }: LeafRecord): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + key, end - key);
}

/** The same data under another key. */
export function withKey(record: LeafRecord, key: Uint8Array): LeafRecord {
  const bytes = new Uint8Array(key.length + record.end - record.data);
  bytes.set(key);
  bytes.set(bytesOf(record).subarray(record.data - record.key), key.length);
  return recordIn(bytes);
}

/** 0 if there is no room for a type. */
export function typeOf({ view, data, end }: LeafRecord): number {
  return end - data >= 2 ? view.getUint16(data) : 0;
}

export type ItemKind = 'folder' | 'file';

/** Null for threads, and for what is neither. */
export function itemKind(record: LeafRecord): ItemKind | null {
  const length = record.end - record.data;
  const type = typeOf(record);
  if (type === RECORD_TYPE.folder && length === CatalogFolder.size) return 'folder';
  return type === RECORD_TYPE.file && length === CatalogFile.size ? 'file' : null;
}

/** The kind that a thread tells of; null for what is no sound thread. */
export function threadKind(record: LeafRecord): ItemKind | null {
  const { view, data, end } = record;
  const type = typeOf(record);
  if (type !== RECORD_TYPE.folderThread && type !== RECORD_TYPE.fileThread) return null;
  const units = end - data >= CatalogThread.size + 2 ? view.getUint16(data + CatalogThread.size) : 0;
  if (units === 0 || units > 255 || CatalogThread.size + 2 + 2 * units > end - data) return null;
  return type === RECORD_TYPE.folderThread ? 'folder' : 'file';
}

/** Of a folder or file: the same place in both. */
export function idOf({ view, data }: LeafRecord): number {
  return view.getUint32(data + CatalogFile.at.fileID);
}
export function setId({ view, data }: LeafRecord, id: number): void {
  view.setUint32(data + CatalogFile.at.fileID, id);
}
/** Of a catalog key: the folder; of a thread's: its own id. */
export function parentOf({ view, key }: LeafRecord): number {
  return view.getUint32(key + 2);
}
/** Where the counted name of a catalog key lies. */
export function nameAt({ key }: LeafRecord): number {
  return key + 6;
}
export function flagsOf({ view, data }: LeafRecord): number {
  return view.getUint16(data + CatalogFile.at.flags);
}
export function setFlags({ view, data }: LeafRecord, flags: number): void {
  view.setUint16(data + CatalogFile.at.flags, flags);
}
