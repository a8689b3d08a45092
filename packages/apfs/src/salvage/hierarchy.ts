// How the items that were found hang together: those that no name leads to hang where their own record says, or in the lost
// folder; folders of which only the contents are left are made up.

import { TintypeError } from '@tintype/core';
import { Cursor, type NodeSource } from '../btree/cursor.js';
import { type NameRule, readEntry } from '../records/directory.js';
import { idAt, SYSTEM_ROOT, typeAt } from '../records/ids.js';
import { readInode } from '../records/inodes.js';
import { INODE_FLAGS, RECORD_TYPE } from '../structs/records.js';
import { INODE } from '../structs/volume.js';
import { LIMITS } from './limits.js';

/** Of the folder for what has no way to the root: no id on disk is as large. */
export const LOST_ID = Number.MAX_SAFE_INTEGER;

export interface ExtraEntry {
  readonly id: number;
  readonly name: string;
}

interface Known {
  readonly parent: number;
  readonly isFolder: boolean;
}

export class Hierarchy {
  readonly root: number;
  /** Entries that no record of a folder has. */
  readonly #extra = new Map<number, ExtraEntry[]>();
  readonly #inodes = new Map<number, Known>();
  /** By id of what is named. */
  readonly #named = new Map<number, number>();
  /** Folders below folders, by records of names. */
  readonly #folders = new Map<number, number[]>();
  readonly #parents = new Set<number>();
  /** Names of what has no inode. */
  readonly #missing: { readonly folder: number; readonly name: string; readonly id: number }[] = [];
  /** Names of inodes that nothing else names. */
  readonly #ownNames = new Map<number, string>();

  constructor(tree: NodeSource, rule: NameRule) {
    this.#read(tree, rule);
    this.root = !this.#inodes.has(INODE.root) && this.#inodes.has(SYSTEM_ROOT) ? SYSTEM_ROOT : INODE.root;
    this.#hangUnnamed();
    this.#makeUpFolders();
    this.#reachAll();
  }

  get inodes(): Iterable<number> {
    return this.#inodes.keys();
  }
  get isEmpty(): boolean {
    return this.#inodes.size === 0 && this.#named.size === 0;
  }
  hasInode(id: number): boolean {
    return this.#inodes.has(id);
  }
  extra(folder: number): readonly ExtraEntry[] {
    return this.#extra.get(folder) ?? [];
  }
  /** True for a folder of which only the contents are left. */
  isMadeUp(id: number): boolean {
    return id === LOST_ID || (!this.#inodes.has(id) && (this.#parents.has(id) || id === this.root));
  }
  /** What is named, without an inode and without contents. */
  *namesOnly(): Generator<{ readonly folder: number; readonly name: string }> {
    for (const each of this.#missing) if (!this.#parents.has(each.id)) yield each;
  }
  parentOf(id: number): number | undefined {
    return this.#named.get(id) ?? this.#inodes.get(id)?.parent;
  }

  #read(tree: NodeSource, rule: NameRule): void {
    const cursor = new Cursor(tree);
    for (let isThere = cursor.first(); isThere; isThere = cursor.next()) {
      const type = typeAt(cursor.view, cursor.keyAt);
      if (type === RECORD_TYPE.inode) tolerant(() => this.#inode(cursor));
      if (type === RECORD_TYPE.directory) tolerant(() => this.#entry(cursor, rule));
    }
    for (const [id, { name, folder }] of this.#unresolved)
      if (!this.#inodes.has(id)) this.#missing.push({ id, name, folder });
    this.#unresolved.clear();
  }
  /** Names whose inode comes later in the tree. */
  readonly #unresolved = new Map<number, { readonly name: string; readonly folder: number }>();

  #inode(cursor: Cursor): void {
    const inode = readInode(cursor);
    if ((inode.internalFlags & INODE_FLAGS.isPrivate) !== 0 || inode.id === INODE.privateFolder) return;
    this.#inodes.set(inode.id, { parent: inode.parent, isFolder: inode.kind === 'directory' });
    this.#ownNames.set(inode.id, inode.name);
    this.#unresolved.delete(inode.id);
  }
  #entry(cursor: Cursor, rule: NameRule): void {
    const folder = idAt(cursor.view, cursor.keyAt);
    const { id, name } = readEntry(cursor, rule);
    if (folder === INODE.rootParent) return;
    this.#parents.add(folder);
    this.#named.set(id, folder);
    const below = this.#folders.get(folder);
    if (below) below.push(id);
    else this.#folders.set(folder, [id]);
    if (!this.#inodes.has(id)) this.#unresolved.set(id, { name, folder });
  }

  #hangUnnamed(): void {
    for (const [id, { parent }] of this.#inodes) {
      if (id < INODE.firstUser || this.#isRoot(id) || this.#named.has(id)) continue;
      if (parent === INODE.privateFolder) continue;
      const isThere = this.#inodes.get(parent)?.isFolder === true || this.#parents.has(parent);
      this.#hang(isThere ? parent : LOST_ID, id, this.#ownNames.get(id) || `item-${id}`);
    }
    this.#ownNames.clear();
  }
  #makeUpFolders(): void {
    for (const id of this.#parents)
      if (!this.#inodes.has(id) && !this.#named.has(id) && !this.#isRoot(id) && id !== INODE.privateFolder)
        this.#hang(LOST_ID, id, `folder-${id}`);
  }
  #isRoot(id: number): boolean {
    return id === INODE.root || id === SYSTEM_ROOT || id === INODE.rootParent;
  }
  #hang(folder: number, id: number, name: string): void {
    const entries = this.#extra.get(folder);
    if (entries) entries.push({ id, name });
    else this.#extra.set(folder, [{ id, name }]);
    this.#named.set(id, folder);
  }

  /** Folders that lie in each other are hung into the lost folder. */
  #reachAll(): void {
    const reached = new Set<number>([INODE.privateFolder]);
    this.#reach(this.root, reached);
    this.#reach(LOST_ID, reached);
    for (const id of [...this.#parents].sort((a, b) => a - b)) {
      if (reached.has(id) || this.#isRoot(id)) continue;
      this.#hang(LOST_ID, id, `folder-${id}`);
      this.#reach(id, reached);
    }
  }
  #reach(from: number, reached: Set<number>): void {
    const waiting = [from];
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      if (reached.has(id)) continue;
      reached.add(id);
      for (const below of this.#folders.get(id) ?? []) waiting.push(below);
      for (const entry of this.extra(id)) waiting.push(entry.id);
    }
  }

  /** Names from the root down; `nameOf`: of an item in a folder. */
  pathOf(id: number, nameOf: (id: number) => string): string {
    const names: string[] = [];
    for (let at = id; at !== this.root && names.length < LIMITS.depth; ) {
      names.unshift(nameOf(at));
      const parent = this.parentOf(at);
      if (parent === undefined || parent === LOST_ID) break;
      at = parent;
    }
    return names.join('/');
  }
}

function tolerant(call: () => void): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof TintypeError)) throw error;
  }
}
