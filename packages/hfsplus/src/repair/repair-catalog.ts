// The catalog while it is mended: items and threads by id, and the changes that keep both in step.

import { foldName } from '../names.js';
import { folderRecord, key, keySize, putKey, readName, threadRecord } from '../records/catalog-records.js';
import { KEY_COMPARE } from '../structs/btree.js';
import { BsdInfo, CatalogFolder, CatalogThread } from '../structs/catalog.js';
import { CNID, EPOCH_OFFSET } from '../structs/volume-header.js';
import type { Acts } from './acts.js';
import {
  type ItemKind,
  idOf,
  itemKind,
  type LeafRecord,
  nameAt,
  parentOf,
  setId,
  threadKind,
  withKey,
} from './leaf-record.js';
import type { RepairTree } from './repair-tree.js';

export interface ThreadTarget {
  readonly kind: ItemKind;
  readonly parent: number;
  readonly name: string;
}

export interface CatalogOptions {
  /** Seconds since 1970. */
  readonly now: number;
  /** As the volume header has it. */
  readonly nextId: number;
  /** The volume is HFSX. */
  readonly caseSensitive: boolean;
}

const LOST_FOUND = 'lost+found';
const NAME_LIMIT = 255;

export class RepairCatalog {
  readonly tree: RepairTree;
  readonly acts: Acts;
  /** By id; of two with the same one, the first. */
  readonly items = new Map<number, LeafRecord>();
  readonly threads = new Map<number, LeafRecord>();
  /** Items whose id another one has too. */
  readonly doubles: LeafRecord[] = [];
  /** Neither items nor threads. */
  readonly odd: LeafRecord[] = [];
  /** Seconds since 1904. */
  readonly now: number;
  readonly #hasFolderCounts: boolean;
  readonly #isFolding: boolean;
  #nextId: number;
  #names: Map<string, LeafRecord> | null = null;
  #lostFound = 0;

  constructor(tree: RepairTree, acts: Acts, options: CatalogOptions) {
    this.tree = tree;
    this.acts = acts;
    this.now = Math.floor(options.now) + EPOCH_OFFSET;
    this.#hasFolderCounts = options.caseSensitive;
    this.#isFolding = !(options.caseSensitive && tree.form.keyCompareType === KEY_COMPARE.binary);
    for (const record of tree.records) this.#enter(record);
    let largest = CNID.firstUser - 1;
    for (const id of [...this.items.keys(), ...this.threads.keys()]) if (id > largest) largest = id;
    this.#nextId = Math.max(options.nextId, largest + 1);
  }

  #enter(record: LeafRecord): void {
    if (itemKind(record)) {
      if (this.items.has(idOf(record))) this.doubles.push(record);
      else this.items.set(idOf(record), record);
    } else if (threadKind(record) && nameOf(record) === '' && !this.threads.has(parentOf(record)))
      this.threads.set(parentOf(record), record);
    else this.odd.push(record);
  }

  /** Every record could be understood: what is not here is not on the volume. */
  get isComplete(): boolean {
    return this.odd.every((record) => !this.tree.has(record));
  }

  get nextId(): number {
    return this.#nextId;
  }
  newId(): number {
    const id = this.#nextId;
    this.#nextId += 1;
    return id;
  }

  /** Where the thread of this id leads. */
  target(id: number): ThreadTarget | null {
    const thread = this.threads.get(id);
    const kind = thread ? threadKind(thread) : null;
    if (!thread || !kind) return null;
    const { view, data } = thread;
    const parent = view.getUint32(data + CatalogThread.at.parentID);
    return { kind, parent, name: readName(view, data + CatalogThread.size) };
  }

  #nameKey(parent: number, name: string): string {
    return `${parent} ${this.#isFolding ? foldName(name) : name}`;
  }

  /** An item by folder and stored name, as the volume compares names. */
  find(parent: number, name: string): LeafRecord | null {
    if (!this.#names) {
      this.#names = new Map();
      for (const record of this.tree.live())
        if (itemKind(record)) this.#names.set(this.#nameKey(parentOf(record), nameOf(record)), record);
    }
    const found = this.#names.get(this.#nameKey(parent, name));
    return found && this.tree.has(found) ? found : null;
  }

  /** Gives an item another id: its thread must follow. */
  renumber(record: LeafRecord, id: number): void {
    if (this.items.get(idOf(record)) === record) this.items.delete(idOf(record));
    setId(record, id);
    this.items.set(id, record);
  }

  /** Puts an item elsewhere, or under another name; its thread must follow. Answers the record that took its place. */
  move(record: LeafRecord, parent: number, name: string): LeafRecord {
    const wanted = key(parent, name);
    const moved = withKey(record, new Uint8Array(wanted.buffer.slice(0, keySize(name))));
    const bytes = new Uint8Array(moved.view.buffer);
    this.tree.remove(record);
    const added = this.tree.add(bytes);
    if (this.items.get(idOf(added)) === record) this.items.set(idOf(added), added);
    this.#names?.set(this.#nameKey(parent, name), added);
    return added;
  }

  remove(record: LeafRecord): void {
    this.tree.remove(record);
    if (this.items.get(idOf(record)) === record) this.items.delete(idOf(record));
  }

  add(bytes: Uint8Array): LeafRecord {
    const record = this.tree.add(bytes);
    this.items.set(idOf(record), record);
    this.#names?.set(this.#nameKey(parentOf(record), nameOf(record)), record);
    return record;
  }

  removeThread(id: number): void {
    const thread = this.threads.get(id);
    if (thread) this.tree.remove(thread);
    this.threads.delete(id);
  }

  /** The item's thread as it must be. */
  putThread(record: LeafRecord): void {
    const id = idOf(record);
    this.removeThread(id);
    const thread = threadRecord(itemKind(record) ?? 'file', parentOf(record), nameOf(record));
    this.threads.set(id, this.tree.add(putKey(id, '', thread)));
  }

  /** A new folder; its thread is made with those that are missing. */
  addFolder(id: number, parent: number, name: string, mode: number): LeafRecord {
    const root = this.items.get(CNID.rootFolder);
    const owner = (at: number) => root?.view.getUint32(root.data + CatalogFolder.at.bsdInfo + at) ?? 0;
    const [uid, gid] = [owner(BsdInfo.at.ownerID), owner(BsdInfo.at.groupID)];
    const { now } = this;
    const folder = folderRecord({ id, now, mode, uid, gid, hasFolderCount: this.#hasFolderCounts });
    return this.add(putKey(parent, name, folder));
  }

  /** Puts an item into the folder `lost+found` of the root. */
  rescue(record: LeafRecord, why: string): LeafRecord {
    const folder = this.lostFound();
    const name = this.freeName(folder, nameOf(record) || `item ${idOf(record)}`, idOf(record));
    this.acts.note(`moved ${why} to ${LOST_FOUND}`, shown(record));
    return this.move(record, folder, name);
  }

  lostFound(): number {
    if (this.#lostFound !== 0) return this.#lostFound;
    const present = this.find(CNID.rootFolder, LOST_FOUND);
    if (present && itemKind(present) === 'folder') this.#lostFound = idOf(present);
    else {
      const name = this.freeName(CNID.rootFolder, LOST_FOUND, 1);
      this.#lostFound = idOf(this.addFolder(this.newId(), CNID.rootFolder, name, 0o40700));
      this.acts.note('made the folder lost+found');
    }
    return this.#lostFound;
  }

  /** The name, or one like it that no item of the folder has. */
  freeName(folder: number, name: string, id: number): string {
    if (!this.find(folder, name)) return name;
    for (let turn = 0; ; turn += 1) {
      const tail = turn === 0 ? ` ${id}` : ` ${id}-${turn}`;
      const other = name.slice(0, NAME_LIMIT - tail.length) + tail;
      if (!this.find(folder, other)) return other;
    }
  }
}

/** The name in a record's key, as stored. */
export function nameOf(record: LeafRecord): string {
  return readName(record.view, nameAt(record));
}

/** For messages. */
export function shown(record: LeafRecord): string {
  return `${JSON.stringify(nameOf(record))}, id ${itemKind(record) ? idOf(record) : parentOf(record)}`;
}
