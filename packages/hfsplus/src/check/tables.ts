// What the catalog's records say, a few bytes for each id; filled in key order, judged when the tree is through.

import { IdTable, u8Column, u16Column, u32Column } from './id-table.js';

/** Bits of `CatalogTables.seen`. */
export const SEEN = {
  record: 0x1,
  thread: 0x2,
  folder: 0x4,
  folderThread: 0x8,
  attributesFlag: 0x10,
  securityFlag: 0x20,
  attribute: 0x40,
  security: 0x80,
  compressed: 0x100,
  compressionAttribute: 0x200,
  duplicate: 0x400,
  resourceFork: 0x800,
} as const;

/** Bits of `FolderTable.state`. */
export const FOLDER = {
  record: 0x1,
  /** Record flags 0x10 and 0x40. */
  countValid: 0x2,
  childLink: 0x4,
  /** Reaches the root. */
  sound: 0x8,
  /** On the path that is followed just now. */
  onPath: 0x10,
  /** Tested for directory links below. */
  linkAbove: 0x20,
} as const;

export class CatalogTables {
  readonly ids = new IdTable();
  /** Fingerprint of (kind, parent, name), record and thread combined by XOR: 0 when they agree. */
  readonly fingerprint = u32Column();
  readonly seen = u16Column();
  readonly folders = new FolderTable();
  files = 0;
  /** The root included. */
  folderRecords = 0;
  largestId = 0;
  /** False once a record could not be entered: then what is absent here may well be on the volume. */
  complete = true;
  /** Text encodings met, bits 0 to 31 and 32 to 63. */
  encodingsLow = 0;
  encodingsHigh = 0;

  meet(id: number, bits: number, fingerprint: number): void {
    const row = this.ids.row(id);
    const before = this.seen.get(row);
    const twice = before & bits & (SEEN.record | SEEN.thread);
    this.seen.set(row, before | bits | (twice === 0 ? 0 : SEEN.duplicate));
    this.fingerprint.set(row, (this.fingerprint.get(row) ^ fingerprint) >>> 0);
    if (id > this.largestId) this.largestId = id;
  }
}

/** Folders that have a record, and those that records name as their parent. */
export class FolderTable {
  readonly ids = new IdTable();
  readonly parent = u32Column();
  readonly valence = u32Column();
  readonly children = u32Column();
  readonly folderCount = u32Column();
  readonly childFolders = u32Column();
  readonly state = u8Column();
}

/** Of a record's kind, parent and counted name; equal for equal ones, and as good as never for others. */
export function fingerprint(folder: boolean, parent: number, view: DataView, nameAt: number): number {
  const units = view.getUint16(nameAt);
  let hash = Math.imul(parent ^ (folder ? 0x9e37_79b9 : 0x7f4a_7c15), 0x85eb_ca6b) ^ units;
  for (let at = nameAt + 2, end = nameAt + 2 + 2 * units; at < end; at += 2) {
    hash = Math.imul(hash ^ view.getUint16(at), 0x5bd1_e995);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}
