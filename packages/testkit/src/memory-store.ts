// A host in memory: a plain `FileStore`. Files are sparse (one of 1 TB is no trouble), a clone of the whole store costs
// nothing until one of the two is written, and what the host lacks (space, long files, hole punching) can be set.

import {
  assert,
  type EntryKind,
  type FileStore,
  type LockKind,
  type OpenMode,
  type StoreEntry,
  StoreError,
  type StoreFacts,
  type StoreFile,
} from '@tintype/core';
import { PAGE_SIZE, SparseBytes } from './sparse-bytes.js';
import type { NodeId, StoreCall } from './store-call.js';

export class FileNode {
  readonly kind = 'file';
  /** Open handles that hold a lock. */
  readonly locks = new Map<object, LockKind>();
  opens = 0;
  /** How many names it has. */
  names = 1;

  constructor(
    readonly id: NodeId,
    readonly bytes: SparseBytes,
  ) {}
}

export class FolderNode {
  readonly kind = 'directory';
  readonly entries = new Map<string, FileNode | FolderNode>();

  constructor(readonly id: NodeId) {}
}

/** What the host has and can do. Change them at any time: `store.limits.fileSizeLimit = 2 ** 32 - 1`. */
export interface StoreLimits {
  /** Bytes of all files together; `ENOSPC` beyond. */
  capacity: number;
  /** Longest file; `EFBIG` beyond. */
  fileSizeLimit: number | null;
  canPunch: boolean;
  canLink: boolean;
  isNetwork: boolean;
  kind: string;
}

const ROOT: NodeId = 1;

/** A host in memory: sparse files, and limits that a test can set. */
export class MemoryStore implements FileStore {
  readonly limits: StoreLimits;
  readonly root: FolderNode;
  #nextId: NodeId = ROOT + 1;
  #used = 0;
  /** Told of every change and sync after it was done. */
  readonly #record: ((call: StoreCall) => void) | null;

  constructor(options: { limits?: Partial<StoreLimits>; root?: FolderNode; record?: (call: StoreCall) => void } = {}) {
    this.limits = {
      capacity: 2 ** 50,
      fileSizeLimit: null,
      canPunch: true,
      canLink: true,
      isNetwork: false,
      kind: 'memory',
      ...options.limits,
    };
    this.root = options.root ?? new FolderNode(ROOT);
    this.#record = options.record ?? null;
    for (const node of new Set(walk(this.root))) {
      this.#nextId = Math.max(this.#nextId, node.id + 1);
      if (node.kind === 'file') this.#used += node.bytes.stored;
    }
  }

  /** The same files in a store of their own; nothing is open or locked there. */
  clone(): MemoryStore {
    return new MemoryStore({ limits: this.limits, root: cloneTree(this.root) });
  }

  open(path: string, mode: OpenMode): StoreFile {
    const { folder, name } = this.#parent('open', path);
    const there = folder.entries.get(name);
    if (there?.kind === 'directory' || name === '')
      throw new StoreError(mode === 'create' ? 'EEXIST' : 'EISDIR', 'open', path);
    if (mode !== 'create') {
      if (!there) throw new StoreError('ENOENT', 'open', path);
      return new MemoryFile(this, there, path, mode === 'write');
    }
    if (there) throw new StoreError('EEXIST', 'open', path);
    const node = new FileNode(this.#newId(), new SparseBytes());
    folder.entries.set(name, node);
    this.record({ kind: 'create', path, folder: folder.id, name, node: node.id });
    return new MemoryFile(this, node, path, true);
  }
  kind(path: string): EntryKind | null {
    let node: FileNode | FolderNode | undefined = this.root;
    for (const name of namesOf(path)) node = node?.kind === 'directory' ? node.entries.get(name) : undefined;
    return node?.kind ?? null;
  }
  list(path: string): StoreEntry[] {
    return [...this.#folder('list', path).entries].map(([name, { kind }]) => ({ name, kind }));
  }
  rename(from: string, to: string): void {
    const source = this.#parent('rename', from);
    const target = this.#parent('rename', to);
    const node = source.folder.entries.get(source.name);
    if (!node) throw new StoreError('ENOENT', 'rename', from);
    const over = target.folder.entries.get(target.name);
    if (over === node) return;
    if (node.kind === 'directory' && this.#isWithin(node, to)) throw new StoreError('EINVAL', 'rename', to);
    if (over) this.#requireReplaceable(node, over, to);
    source.folder.entries.delete(source.name);
    target.folder.entries.set(target.name, node);
    if (over?.kind === 'file') this.#unlink(over);
    this.record({
      kind: 'rename',
      path: from,
      folder: source.folder.id,
      name: source.name,
      toFolder: target.folder.id,
      toName: target.name,
      node: node.id,
    });
  }
  link(from: string, to: string): boolean {
    const source = this.#parent('link', from);
    const target = this.#parent('link', to);
    const node = source.folder.entries.get(source.name);
    if (!node) throw new StoreError('ENOENT', 'link', from);
    if (!this.limits.canLink || node.kind === 'directory') return false;
    if (target.folder.entries.has(target.name)) throw new StoreError('EEXIST', 'link', to);
    target.folder.entries.set(target.name, node);
    node.names += 1;
    this.record({ kind: 'link', path: to, folder: target.folder.id, name: target.name, node: node.id });
    return true;
  }
  remove(path: string): void {
    const { folder, name } = this.#parent('remove', path);
    const node = folder.entries.get(name);
    if (!node) throw new StoreError('ENOENT', 'remove', path);
    if (node.kind === 'directory' && node.entries.size > 0) throw new StoreError('ENOTEMPTY', 'remove', path);
    folder.entries.delete(name);
    if (node.kind === 'file') this.#unlink(node);
    this.record({ kind: 'remove', path, folder: folder.id, name, node: node.id });
  }
  makeFolder(path: string): void {
    const { folder, name } = this.#parent('makeFolder', path);
    if (name === '' || folder.entries.has(name)) throw new StoreError('EEXIST', 'makeFolder', path);
    const node = new FolderNode(this.#newId());
    folder.entries.set(name, node);
    this.record({ kind: 'makeFolder', path, folder: folder.id, name, node: node.id });
  }
  syncFolder(path: string): void {
    this.record({ kind: 'syncFolder', path, node: this.#folder('syncFolder', path).id });
  }
  facts(path: string): StoreFacts {
    this.#folder('facts', path);
    const { capacity, fileSizeLimit, canPunch, isNetwork, kind } = this.limits;
    return { free: Math.max(0, capacity - this.#used), capacity, fileSizeLimit, canPunch, isNetwork, kind };
  }

  /** For the store's own open files. */
  record(call: StoreCall): void {
    this.#record?.(call);
  }
  /** For the store's own open files: changes `node` by `act`, if the host has room for its writing to the range. */
  change(
    node: FileNode,
    path: string,
    operation: string,
    range: { start: number; length: number },
    act: () => void,
  ): void {
    const limit = this.limits.fileSizeLimit ?? Number.MAX_SAFE_INTEGER;
    if (range.start + range.length > limit) throw new StoreError('EFBIG', operation, path);
    const needed = node.bytes.missing(range.start, range.length);
    if (this.#used + needed > this.limits.capacity) throw new StoreError('ENOSPC', operation, path);
    act();
    this.#used += needed;
  }
  /** For the store's own open files: `act` gives space back. */
  shrink(node: FileNode, act: () => void): void {
    const before = node.bytes.stored;
    act();
    this.#used += node.bytes.stored - before;
  }
  /** For the store's own open files: the last handle of a removed file frees its space. */
  closed(node: FileNode): void {
    node.opens -= 1;
    if (node.opens === 0 && node.names === 0) this.#used -= node.bytes.stored;
  }

  #newId(): NodeId {
    this.#nextId += 1;
    return this.#nextId - 1;
  }
  #unlink(node: FileNode): void {
    node.names -= 1;
    if (node.opens === 0 && node.names === 0) this.#used -= node.bytes.stored;
  }
  #folder(operation: string, path: string): FolderNode {
    let node = this.root;
    for (const name of namesOf(path)) {
      const next = node.entries.get(name);
      if (!next) throw new StoreError('ENOENT', operation, path);
      if (next.kind === 'file') throw new StoreError('ENOTDIR', operation, path);
      node = next;
    }
    return node;
  }
  /** The folder that holds the path's last name; of the root: itself and an empty name. */
  #parent(operation: string, path: string): { folder: FolderNode; name: string } {
    const names = namesOf(path);
    const name = names.pop() ?? '';
    return { folder: this.#folder(operation, names.join('/')), name };
  }
  #isWithin(folder: FolderNode, path: string): boolean {
    let node: FileNode | FolderNode | undefined = this.root;
    for (const name of namesOf(path)) {
      if (node === folder) return true;
      node = node?.kind === 'directory' ? node.entries.get(name) : undefined;
    }
    return false;
  }
  #requireReplaceable(node: FileNode | FolderNode, over: FileNode | FolderNode, path: string): void {
    if (over.kind === 'file' && node.kind === 'directory') throw new StoreError('ENOTDIR', 'rename', path);
    if (over.kind === 'directory' && node.kind === 'file') throw new StoreError('EISDIR', 'rename', path);
    if (over.kind === 'directory' && over.entries.size > 0) throw new StoreError('ENOTEMPTY', 'rename', path);
  }
}

class MemoryFile implements StoreFile {
  readonly #store: MemoryStore;
  readonly #node: FileNode;
  readonly #writable: boolean;
  #open = true;

  constructor(
    store: MemoryStore,
    node: FileNode,
    readonly path: string,
    writable: boolean,
  ) {
    this.#store = store;
    this.#node = node;
    this.#writable = writable;
    node.opens += 1;
  }
  size(): number {
    return this.#bytes().length;
  }
  allocated(position: number, length: number): number {
    const bytes = this.#bytes();
    return bytes.allocated(
      position,
      Math.max(0, Math.min(length, Math.ceil(bytes.length / PAGE_SIZE) * PAGE_SIZE - position)),
    );
  }
  read(position: number, target: Uint8Array): number {
    return this.#bytes().read(position, target);
  }
  write(position: number, source: Uint8Array): void {
    const bytes = this.#changeable('write');
    const range = { start: position, length: source.length };
    this.#store.change(this.#node, this.path, 'write', range, () => bytes.write(position, source));
    this.#store.record({ kind: 'write', path: this.path, node: this.#node.id, position, bytes: source });
  }
  allocate(position: number, length: number): void {
    const bytes = this.#changeable('allocate');
    const range = { start: position, length };
    this.#store.change(this.#node, this.path, 'allocate', range, () => bytes.allocate(position, length));
    this.#store.record({ kind: 'allocate', path: this.path, node: this.#node.id, position, length });
  }
  truncate(length: number): void {
    const bytes = this.#changeable('truncate');
    if (length > (this.#store.limits.fileSizeLimit ?? Number.MAX_SAFE_INTEGER)) {
      throw new StoreError('EFBIG', 'truncate', this.path);
    }
    this.#store.shrink(this.#node, () => bytes.truncate(length));
    this.#store.record({ kind: 'truncate', path: this.path, node: this.#node.id, length });
  }
  punch(position: number, length: number): boolean {
    const bytes = this.#changeable('punch');
    if (!this.#store.limits.canPunch) return false;
    this.#store.shrink(this.#node, () => bytes.punch(position, length));
    this.#store.record({ kind: 'punch', path: this.path, node: this.#node.id, position, length });
    return true;
  }
  lock(kind: LockKind): boolean {
    this.#bytes();
    for (const [holder, held] of this.#node.locks) {
      if (holder !== this && (kind === 'exclusive' || held === 'exclusive')) return false;
    }
    this.#node.locks.set(this, kind);
    return true;
  }
  sync(): void {
    this.#bytes();
    this.#store.record({ kind: 'sync', path: this.path, node: this.#node.id });
  }
  close(): void {
    this.#bytes();
    this.#open = false;
    this.#node.locks.delete(this);
    this.#store.closed(this.#node);
  }

  #bytes(): SparseBytes {
    assert(this.#open, 'a closed file is not used');
    return this.#node.bytes;
  }
  #changeable(operation: string): SparseBytes {
    if (!this.#writable) throw new StoreError('EBADF', operation, this.path);
    return this.#bytes();
  }
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

/** All nodes below and including `root`. */
export function* walk(root: FileNode | FolderNode): Generator<FileNode | FolderNode> {
  const waiting: (FileNode | FolderNode)[] = [root];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    yield node;
    if (node.kind === 'directory') waiting.push(...node.entries.values());
  }
}

function cloneTree(root: FolderNode): FolderNode {
  const copy = new FolderNode(root.id);
  const files = new Map<NodeId, FileNode>();
  const waiting: [FolderNode, FolderNode][] = [[root, copy]];
  for (let pair = waiting.pop(); pair; pair = waiting.pop()) {
    for (const [name, node] of pair[0].entries) {
      const twin = node.kind === 'file' ? twinOf(node, files) : new FolderNode(node.id);
      pair[1].entries.set(name, twin);
      if (node.kind === 'directory' && twin.kind === 'directory') waiting.push([node, twin]);
    }
  }
  return copy;
}

/** A file with several names stays one. */
function twinOf(file: FileNode, files: Map<NodeId, FileNode>): FileNode {
  const known = files.get(file.id);
  if (known) known.names += 1;
  const twin = known ?? new FileNode(file.id, file.bytes.clone());
  files.set(file.id, twin);
  return twin;
}
