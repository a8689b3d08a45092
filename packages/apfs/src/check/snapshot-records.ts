// The records of a volume's snapshots: each has one by its transaction and one by its name, and stands in the object map.
// See docs/formats/apfs.md.

import { nameFromBytes } from '@tintype/core';
import { type RecordPlace, recordAt } from '../btree/cursor.js';
import type { DiskNode } from '../btree/disk-node.js';
import { idAt, typeAt } from '../records/ids.js';
import { OBJECT_TYPE, STORAGE } from '../structs/object.js';
import { RECORD_TYPE, SnapshotMetadataValue } from '../structs/records.js';
import type { CheckedMap } from './object-maps.js';
import type { Report } from './report.js';

const at = SnapshotMetadataValue.at;
const NAME_KEY = 10;
/** Its contents are to go, or it goes, and what it holds is handed over to the next one. */
const MERGING = 2;
const KNOWN_FLAGS = 1 | MERGING;
const PHYSICAL_TREE = STORAGE.physical + OBJECT_TYPE.btree;
/** What stands for the id in the key of a name: all ones, below the type. */
const NO_ID_HIGH = 0x0fff_ffff;
const NO_ID_LOW = 0xffff_ffff;

export class SnapshotRecords {
  /** Names by transaction, as the two kinds of records have them; null: it cannot be read. */
  readonly #told = new Map<number, string | null>();
  readonly #named = new Map<number, string | null>();
  readonly #inodes = new Set<number>();
  readonly #nextId: number;
  readonly #bad: (message: string) => void;
  readonly #merging: (message: string) => void;
  /** One is being merged with another: its references are not what they were, or are not yet what they will be. */
  isMerging = false;

  /** `nextId`: the next number that the volume gives. */
  constructor(report: Report, place: string, nextId: number) {
    this.#nextId = nextId;
    this.#bad = (message) => report.add('snapshot', place, message);
    this.#merging = (message) => {
      this.isMerging = true;
      report.add('reaper-busy', place, message);
    };
  }

  visit(node: DiskNode, index: number): void {
    const record = recordAt(node, index);
    const type = typeAt(record.view, record.keyAt);
    if (type === RECORD_TYPE.snapshotMetadata) this.#metadata(record);
    else if (type === RECORD_TYPE.snapshotName) this.#name(record);
    else this.#bad(`a record of type ${type}`);
  }

  #metadata({ view, keyAt, valueAt, valueLength }: RecordPlace): void {
    const xid = idAt(view, keyAt);
    if (valueLength < SnapshotMetadataValue.size) {
      this.#bad(`the record of snapshot ${xid} has ${valueLength} bytes`);
      return;
    }
    const length = view.getUint16(valueAt + at.name_len, true);
    const isWhole = SnapshotMetadataValue.size + length === valueLength;
    const name = isWhole ? nameAt(view, valueAt + SnapshotMetadataValue.size, length) : null;
    if (name === null) this.#bad(`the name in the record of snapshot ${xid} does not end where it should`);
    this.#told.set(xid, name);
    const type = view.getUint32(valueAt + at.extentref_tree_type, true);
    if (type !== PHYSICAL_TREE) this.#bad(`the references of snapshot ${xid} are of type ${type.toString(16)}`);
    const flags = view.getUint32(valueAt + at.flags, true);
    if ((flags & ~KNOWN_FLAGS) !== 0) this.#bad(`snapshot ${xid} has flags ${flags.toString(16)}`);
    if ((flags & MERGING) !== 0) this.#merging(`snapshot ${xid} is being merged with another`);
    const inode = idAt(view, valueAt + at.inum);
    if (inode === 0 || inode >= this.#nextId || this.#inodes.has(inode))
      this.#bad(`snapshot ${xid} has number ${inode}, which it cannot have`);
    this.#inodes.add(inode);
  }

  #name({ view, keyAt, keyLength, valueAt, valueLength }: RecordPlace): void {
    if (valueLength !== 8) {
      this.#bad(`the record of a name has ${valueLength} bytes`);
      return;
    }
    const xid = idAt(view, valueAt);
    const isHeader =
      (view.getUint32(keyAt + 4, true) & NO_ID_HIGH) === NO_ID_HIGH && view.getUint32(keyAt, true) === NO_ID_LOW;
    if (!isHeader) this.#bad(`the name of snapshot ${xid} stands in a wrong place`);
    const length = view.getUint16(keyAt + 8, true);
    const name = NAME_KEY + length === keyLength ? nameAt(view, keyAt + NAME_KEY, length) : null;
    if (name === null) this.#bad(`the name of snapshot ${xid} does not end where it should`);
    this.#named.set(xid, name);
  }

  /** All three places against each other; those that are being deleted may be gone from some. */
  finish({ snapshots: inMap, leaving }: Pick<CheckedMap, 'snapshots' | 'leaving'>): void {
    for (const xid of new Set([...this.#told.keys(), ...this.#named.keys(), ...inMap])) {
      if (leaving.has(xid)) continue;
      const told = this.#told.get(xid);
      const named = this.#named.get(xid);
      if (told === undefined || named === undefined || !inMap.has(xid))
        this.#bad(`snapshot ${xid} is not in the tree, by its name and in the map`);
      else if (told !== named && told !== null && named !== null)
        this.#bad(`snapshot ${xid} is named ${JSON.stringify(told)} and ${JSON.stringify(named)}`);
    }
  }
}

/** A name of `length` bytes, of which the last alone is NUL; else null. */
function nameAt(view: DataView, start: number, length: number): string | null {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + start, length);
  return length > 1 && bytes.indexOf(0) === length - 1 ? nameFromBytes(bytes.subarray(0, length - 1)) : null;
}
