// Directory records: a name in a folder. See docs/formats/apfs.md.

import type { RecordBuffer } from '../btree/node.js';
import { put64 } from '../object.js';
import { DirectoryValue, RECORD_TYPE } from '../structs/records.js';
import { KEY_HEADER, putFields, putKeyHeader } from './inode-record.js';

export const SIBLING_FIELD = 1;
const SIBLING_FLAGS = 0x02;
/** Longest key of a directory record: header, hash and length, name and NUL. */
export const LONGEST_NAME_KEY = KEY_HEADER + 4 + 256;

/** How a folder's keys are made: with a hash of the canonical name, or without. */
export interface NameKey {
  readonly folder: number;
  /** UTF-8, without NUL. */
  readonly name: Uint8Array;
  /** Null on volumes with plain keys. */
  readonly hash: number | null;
}

/** Puts the key into a record; the value is the caller's. */
export function putNameKey(record: RecordBuffer, { folder, name, hash }: NameKey): void {
  const { view, bytes } = record;
  putKeyHeader(view, 0, folder, RECORD_TYPE.directory);
  const length = name.length + 1;
  let at = KEY_HEADER;
  if (hash === null) {
    view.setUint16(at, length, true);
    at += 2;
  } else {
    view.setUint32(at, ((hash << 10) | length) >>> 0, true);
    at += 4;
  }
  bytes.set(name, at);
  bytes[at + name.length] = 0;
  record.keyLength = at + length;
}

/** Puts the value behind the key. `sibling`: of an item with several names, else 0. Returns where the value begins. */
export function putNameValue(record: RecordBuffer, file: number, type: number, sibling: number): number {
  const { view, keyLength } = record;
  const at = keyLength;
  put64(view, at + DirectoryValue.at.file_id, file);
  put64(view, at + DirectoryValue.at.date_added, 0);
  view.setUint16(at + DirectoryValue.at.flags, type, true);
  record.valueLength = DirectoryValue.size;
  if (sibling > 0) {
    const bytes = new Uint8Array(8);
    put64(new DataView(bytes.buffer), 0, sibling);
    record.valueLength += putFields(view, at + DirectoryValue.size, [
      { type: SIBLING_FIELD, flags: SIBLING_FLAGS, bytes },
    ]);
  }
  return at;
}
