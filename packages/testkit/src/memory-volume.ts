// The model: a volume as plainly as it can be written. Property tests compare drivers with it, and engine tests take it
// as a source or target that needs no disk. Nothing is fast, nothing is shared, nothing is lost.

import {
  type AttributeChange,
  type Attributes,
  assert,
  type FileExtent,
  type Item,
  type ItemId,
  type ItemKind,
  type NewItem,
  type SnapshotEntry,
  UnsupportedError,
  type VolumeTraits,
  type WritableVolume,
  type XattrEntry,
} from '@tintype/core';
import { SparseBytes } from './sparse-bytes.js';

interface Node {
  readonly id: ItemId;
  readonly kind: ItemKind;
  attributes: Attributes;
  /** The name by which the item was reached last. */
  name: string;
  nlink: number;
  bytes: SparseBytes;
  readonly target: string;
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  readonly xattrs: Map<string, Uint8Array>;
  /** Of a folder: its items by their name's key. */
  readonly entries: Map<string, { readonly name: string; readonly node: Node }>;
}

/** What the model volume can keep. */
export interface MemoryVolumeOptions {
  readonly name?: string;
  readonly uuid?: string;
  /** What differs from a volume that can keep everything. */
  readonly traits?: Partial<VolumeTraits>;
  /** Default: the name itself, or in small letters and composed form if not case sensitive. */
  readonly nameKey?: (name: string) => string;
  /** Default: every name but the empty one, `.`, `..` and those with `/` or NUL, unchanged. */
  readonly nameAsStored?: (name: string) => string | null;
  /** Default: every value, unchanged. */
  readonly xattrAsStored?: WritableVolume['xattrAsStored'];
}

const everything: VolumeTraits = {
  caseSensitive: true,
  timeUnit: 1,
  timeRange: { first: -(2 ** 33), last: 2 ** 33 },
  hardLinks: 'all',
  holes: true,
  flags: 0xffffffff,
  deviceNumbers: { major: 0xffff_ffff, minor: 0xffff_ffff },
  linkTarget: 1 << 16,
  ownRootNames: [],
  kinds: ['file', 'directory', 'symlink', 'fifo', 'socket', 'char', 'block'],
  xattrs: true,
  xattrLimits: { value: 1 << 24, name: 255 },
  owners: true,
  birthTimes: true,
  changeTimes: true,
  clones: true,
};

/** Attributes of an item nobody cares about: changed at noon of the first day of 2020. */
export const plainAttributes: Attributes = {
  mode: 0o644,
  uid: 501,
  gid: 20,
  flags: 0,
  mtime: 1577880000,
  mtimeNanos: 0,
  ctime: 1577880000,
  ctimeNanos: 0,
  btime: 1577880000,
  btimeNanos: 0,
};

/** The model volume: the plainest that keeps the promises of `WritableVolume`. */
export class MemoryVolume implements WritableVolume {
  readonly name: string;
  readonly uuid: string;
  readonly traits: VolumeTraits;
  readonly snapshots: readonly SnapshotEntry[] | null = null;
  readonly #nodes = new Map<ItemId, Node>();
  readonly #root: Node;
  readonly #nameKey: (name: string) => string;
  readonly #nameAsStored: (name: string) => string | null;
  readonly #xattrAsStored: WritableVolume['xattrAsStored'];
  #nextId = 1;

  constructor(options: MemoryVolumeOptions = {}) {
    this.name = options.name ?? 'model';
    this.uuid = options.uuid ?? '00000000-0000-0000-0000-000000000001';
    this.traits = { ...everything, ...options.traits };
    const fold = (name: string): string => name.normalize('NFC').toLowerCase();
    this.#nameKey = options.nameKey ?? (this.traits.caseSensitive ? (name) => name : fold);
    this.#nameAsStored = options.nameAsStored ?? ((name) => (isPosixName(name) ? name : null));
    this.#xattrAsStored = options.xattrAsStored ?? ((_kind, _name, value) => value);
    this.#root = this.#add({ ...emptyFolder, ...plainAttributes, mode: 0o755 });
  }
  /** An empty model that keeps what `volume` keeps, and holds names for equal where `volume` does. */
  static like(volume: WritableVolume): MemoryVolume {
    return new MemoryVolume({
      name: volume.name,
      uuid: volume.uuid,
      traits: volume.traits,
      nameKey: (name) => volume.nameKey(name),
      nameAsStored: (name) => volume.nameAsStored(name),
      xattrAsStored: (kind, name, value) => volume.xattrAsStored(kind, name, value),
    });
  }

  get root(): Item {
    return this.#item(this.#root, '');
  }
  nameKey(name: string): string {
    return this.#nameKey(name);
  }
  nameAsStored(name: string): string | null {
    return this.#nameAsStored(name);
  }
  list(folder: ItemId): Item[] {
    return [...this.#folder(folder).entries.values()].map(({ name, node }) => this.#item(node, name));
  }
  lookup(folder: ItemId, name: string): Item | null {
    const entry = this.#folder(folder).entries.get(this.nameKey(name));
    return entry ? this.#item(entry.node, entry.name) : null;
  }
  stat(id: ItemId): Item {
    const node = this.#node(id);
    return this.#item(node, node.name);
  }
  read(id: ItemId, position: number, target: Uint8Array): number {
    return this.#file(id).bytes.read(position, target);
  }
  extents(id: ItemId): FileExtent[] {
    const { bytes } = this.#file(id);
    const extents: FileExtent[] = [];
    for (let position = 0; position < bytes.length; ) {
      const { length, kind } = bytes.extent(position);
      extents.push({ position, length, kind: kind === 'zero' && this.traits.holes ? 'hole' : 'data' });
      position += length;
    }
    return extents;
  }
  readlink(id: ItemId): string {
    const node = this.#node(id);
    assert(node.kind === 'symlink', 'only a symbolic link has a target');
    return node.target;
  }
  xattrs(id: ItemId): XattrEntry[] {
    return [...this.#node(id).xattrs].map(([name, value]) => ({ name, size: value.length }));
  }
  xattr(id: ItemId, name: string): Uint8Array | null {
    return this.#node(id).xattrs.get(name)?.slice() ?? null;
  }
  xattrAsStored(kind: ItemKind, name: string, value: Uint8Array): Uint8Array | null {
    return this.#xattrAsStored(kind, name, value);
  }
  openSnapshot(): WritableVolume {
    throw new UnsupportedError('the model has no snapshots');
  }
  release(_id: ItemId): void {}

  create(folder: ItemId, items: readonly NewItem[]): ItemId[] {
    return items.map((item) => {
      assert(this.traits.kinds.includes(item.kind), 'this volume can keep items of that kind');
      const node = this.#add(item);
      this.#enter(this.#folder(folder), item.name, node);
      return node.id;
    });
  }
  link(folder: ItemId, name: string, id: ItemId): void {
    const node = this.#node(id);
    assert(node.kind !== 'directory', 'a folder has one name');
    this.#enter(this.#folder(folder), name, node);
    node.nlink += 1;
  }
  remove(folder: ItemId, name: string): void {
    const { entries } = this.#folder(folder);
    const entry = entries.get(this.nameKey(name));
    assert(entry !== undefined, 'the name to remove is there');
    assert(entry.node.entries.size === 0, 'a folder to remove is empty');
    entries.delete(this.nameKey(name));
    entry.node.nlink -= 1;
    if (entry.node.nlink === 0) this.#nodes.delete(entry.node.id);
  }
  rename(folder: ItemId, name: string, toFolder: ItemId, toName: string): void {
    const from = this.#folder(folder);
    const entry = from.entries.get(this.nameKey(name));
    assert(entry !== undefined, 'the name to change is there');
    from.entries.delete(this.nameKey(name));
    this.#enter(this.#folder(toFolder), toName, entry.node);
  }
  setAttributes(id: ItemId, change: AttributeChange): void {
    const node = this.#node(id);
    node.attributes = this.#rounded({ ...node.attributes, ...change });
  }
  write(id: ItemId, position: number, source: Uint8Array): void {
    this.#file(id).bytes.write(position, source);
  }
  truncate(id: ItemId, size: number): void {
    this.#file(id).bytes.truncate(size);
  }
  setXattr(id: ItemId, name: string, value: Uint8Array | null): void {
    const { xattrs } = this.#node(id);
    if (value) xattrs.set(name, value.slice());
    else xattrs.delete(name);
  }
  clone(folder: ItemId, name: string, id: ItemId): ItemId {
    assert(this.traits.clones, 'this volume can clone');
    const original = this.#file(id);
    const node = this.#add({ ...this.#item(original, name), target: '' });
    node.bytes = original.bytes.clone();
    for (const [key, value] of original.xattrs) node.xattrs.set(key, value);
    this.#enter(this.#folder(folder), name, node);
    return node.id;
  }

  #add(item: Omit<NewItem, 'size'>): Node {
    const { mode, uid, gid, flags, mtime, mtimeNanos, ctime, ctimeNanos, btime, btimeNanos } = item;
    const node: Node = {
      id: this.#nextId,
      kind: item.kind,
      attributes: this.#rounded({ mode, uid, gid, flags, mtime, mtimeNanos, ctime, ctimeNanos, btime, btimeNanos }),
      name: '',
      nlink: 1,
      bytes: new SparseBytes(),
      target: item.target,
      rdevMajor: item.rdevMajor,
      rdevMinor: item.rdevMinor,
      xattrs: new Map(),
      entries: new Map(),
    };
    this.#nextId += 1;
    this.#nodes.set(node.id, node);
    return node;
  }
  #enter(folder: Node, name: string, node: Node): void {
    const stored = this.nameAsStored(name);
    assert(stored !== null, 'a new name can be stored');
    const key = this.nameKey(name);
    assert(!folder.entries.has(key), 'a new name is free');
    folder.entries.set(key, { name: stored, node });
    node.name = stored;
  }
  #node(id: ItemId): Node {
    const node = this.#nodes.get(id);
    assert(node !== undefined, 'the item exists');
    return node;
  }
  #folder(id: ItemId): Node {
    const node = this.#node(id);
    assert(node.kind === 'directory', 'the item is a folder');
    return node;
  }
  #file(id: ItemId): Node {
    const node = this.#node(id);
    assert(node.kind === 'file', 'the item is a file');
    return node;
  }
  #item(node: Node, name: string): Item {
    node.name = name;
    const size = node.kind === 'symlink' ? Buffer.byteLength(node.target) : node.bytes.length;
    return {
      ...node.attributes,
      id: node.id,
      name,
      kind: node.kind,
      inode: node.id,
      device: 0,
      nlink: node.nlink,
      size,
      allocated: this.traits.holes ? node.bytes.stored : size,
      rdevMajor: node.rdevMajor,
      rdevMinor: node.rdevMinor,
      hasXattrs: node.xattrs.size > 0,
    };
  }
  #rounded(attributes: Attributes): Attributes {
    const round = (nanos: number): number => nanos - (nanos % this.traits.timeUnit);
    return {
      ...attributes,
      mtimeNanos: round(attributes.mtimeNanos),
      ctimeNanos: round(attributes.ctimeNanos),
      btimeNanos: round(attributes.btimeNanos),
    };
  }
}

const emptyFolder = { name: '', kind: 'directory' as const, target: '', rdevMajor: 0, rdevMinor: 0 };

function isPosixName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name) && Buffer.byteLength(name) <= 765;
}
