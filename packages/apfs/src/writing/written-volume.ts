// A volume that is written, as `WritableVolume`. It is read by the code that reads volumes of a disk, over the trees in memory.

import {
  type AttributeChange,
  assert,
  type FileExtent,
  type Item,
  type ItemId,
  type ItemKind,
  type NewItem,
  type SnapshotEntry,
  type VolumeTraits,
  type WritableVolume,
  type XattrEntry,
} from '@tintype/core';
import { Blocks } from '../reading/blocks.js';
import { ContainerReader } from '../reading/container-reader.js';
import { ApfsVolume } from '../reading/volume.js';
import { VolumeHead } from '../reading/volume-head.js';
import { type VolumeParts, volumeParts } from '../reading/volume-parts.js';
import { StreamRecords } from '../records/stream-records.js';
import { BLOCK_SIZE } from '../structs/container.js';
import { INODE_FLAGS, InodeValue } from '../structs/records.js';
import { Catalog } from './catalog.js';
import { DataStreams } from './data-streams.js';
import { putAttributes, TYPE } from './inode-draft.js';
import type { Mounted } from './mounted.js';
import { Structure } from './structure.js';
import { RESOURCE_FORK, XattrWriter } from './xattr-writer.js';

const UF_COMPRESSED = 0x20;
const DECMPFS = 'com.apple.decmpfs';
const COPY_BYTES = 1 << 20;

export class WrittenVolume implements WritableVolume {
  readonly traits: VolumeTraits;
  readonly #volume: Mounted;
  readonly #catalog: Catalog;
  readonly #streams: DataStreams;
  readonly #xattrs: XattrWriter;
  readonly #structure: Structure;
  readonly #reader: ApfsVolume;

  constructor(volume: Mounted) {
    this.#volume = volume;
    const catalog = new Catalog(volume);
    const records = new StreamRecords(volume, catalog);
    this.#catalog = catalog;
    this.#streams = new DataStreams(volume, catalog, records);
    this.#xattrs = new XattrWriter(volume, catalog, records);
    this.#structure = new Structure({ volume, catalog, records, streams: this.#streams, xattrs: this.#xattrs });
    this.#reader = new ApfsVolume(partsOf(volume));
    this.traits = { ...this.#reader.traits, clones: true };
  }

  get name(): string {
    return this.#reader.name;
  }
  get uuid(): string {
    return this.#reader.uuid;
  }
  get root(): Item {
    return this.#records.root;
  }
  nameKey(name: string): string {
    return this.#reader.nameKey(name);
  }
  nameAsStored(name: string): string | null {
    return this.#reader.nameAsStored(name);
  }
  list(folder: ItemId): Item[] {
    return this.#records.list(folder);
  }
  lookup(folder: ItemId, name: string): Item | null {
    return this.#records.lookup(folder, name);
  }
  stat(id: ItemId): Item {
    return this.#records.stat(id);
  }
  read(id: ItemId, position: number, target: Uint8Array): number {
    if (this.#isCompressed(id)) return this.#current.read(id, position, target);
    return this.#streams.read(id, position, target);
  }
  extents(id: ItemId): FileExtent[] {
    if (this.#isCompressed(id)) return this.#current.extents(id);
    return this.#streams.shape(id);
  }
  readlink(id: ItemId): string {
    return this.#current.readlink(id);
  }
  xattrs(id: ItemId): XattrEntry[] {
    return this.#current.xattrs(id);
  }
  xattr(id: ItemId, name: string): Uint8Array | null {
    return this.#current.xattr(id, name);
  }
  xattrAsStored(kind: ItemKind, name: string, value: Uint8Array): Uint8Array | null {
    return this.#reader.xattrAsStored(kind, name, value);
  }
  get snapshots(): readonly SnapshotEntry[] {
    return this.#reader.snapshots;
  }
  /** The volume as it was, read-only. */
  openSnapshot(xid: number): WritableVolume {
    return this.#reader.openSnapshot(xid);
  }
  release(_id: ItemId): void {}

  create(folder: ItemId, items: readonly NewItem[]): ItemId[] {
    return this.#structure.create(folder, items);
  }
  link(folder: ItemId, name: string, id: ItemId): void {
    this.#structure.link(folder, name, id);
  }
  remove(folder: ItemId, name: string): void {
    this.#structure.remove(folder, name);
  }
  rename(folder: ItemId, name: string, toFolder: ItemId, toName: string): void {
    this.#structure.rename(folder, name, toFolder, toName);
  }
  clone(folder: ItemId, name: string, id: ItemId): ItemId {
    return this.#structure.clone(folder, name, id);
  }
  setAttributes(id: ItemId, change: AttributeChange): void {
    this.#volume.require({ catalog: 2 });
    this.#streams.flushOf(id);
    const { view, at } = this.#catalog.inodeToChange(id);
    putAttributes(view, at, change);
  }
  write(id: ItemId, position: number, source: Uint8Array): void {
    this.#makePlain(id, 'kept');
    this.#streams.write(id, position, source);
  }
  truncate(id: ItemId, size: number): void {
    this.#makePlain(id, size > 0 ? 'kept' : 'dropped');
    this.#streams.truncate(id, size);
  }
  setXattr(id: ItemId, name: string, value: Uint8Array | null): void {
    this.#streams.flushOf(id);
    if (name === RESOURCE_FORK) this.#makePlain(id, 'kept');
    if (value && !(name === RESOURCE_FORK && value.length === 0)) this.#xattrs.set(id, name, value);
    else this.#xattrs.remove(id, name);
  }

  /** Puts what is pending into the trees: before a commit. */
  flush(): void {
    this.#streams.flush();
    this.#streams.flushData();
  }

  /** What reads, with everything in the trees. */
  get #current(): ApfsVolume {
    this.#streams.flushData();
    return this.#records;
  }
  /** The same for what the trees say alone: data that waits to be written in one piece goes on waiting. */
  get #records(): ApfsVolume {
    this.#streams.flush();
    return this.#reader;
  }
  #isCompressed(id: ItemId): boolean {
    if (this.#streams.isOpen(id)) return false;
    const { view, at } = this.#catalog.inode(id);
    const isFile = view.getUint16(at + InodeValue.at.mode, true) >>> 12 === TYPE.file;
    assert(isFile, 'only files are read and written');
    return (view.getUint32(at + InodeValue.at.bsd_flags, true) & UF_COMPRESSED) !== 0;
  }
  /** A compressed file that is about to be changed becomes a plain one. */
  #makePlain(id: ItemId, content: 'kept' | 'dropped'): void {
    if (!this.#isCompressed(id)) return;
    const { size } = this.#current.stat(id);
    const buffer = new Uint8Array(Math.min(size, COPY_BYTES));
    for (let position = 0; content === 'kept' && position < size; position += buffer.length) {
      const length = this.#current.read(id, position, buffer);
      this.#streams.write(id, position, buffer.subarray(0, length));
    }
    this.#streams.flushOf(id);
    this.#xattrs.remove(id, DECMPFS);
    this.#xattrs.remove(id, RESOURCE_FORK);
    const { view, at } = this.#catalog.inodeToChange(id);
    const flags = at + InodeValue.at.bsd_flags;
    view.setUint32(flags, (view.getUint32(flags, true) & ~UF_COMPRESSED) >>> 0, true);
    const internal = at + InodeValue.at.internal_flags;
    view.setUint32(internal, (view.getUint32(internal, true) & ~INODE_FLAGS.hasUncompressedSize) >>> 0, true);
    view.setUint32(at + InodeValue.at.uncompressed_size, 0, true);
    view.setUint32(at + InodeValue.at.uncompressed_size + 4, 0, true);
  }
}

/** Trees in memory as the reading volume takes them; snapshots are those of the last commit. */
function partsOf(volume: Mounted): VolumeParts {
  const { device, spaceman } = volume.place;
  const blocks = new Blocks(device, BLOCK_SIZE, spaceman.blocks);
  const tree = volume.catalog.source;
  const head = new VolumeHead(volume.view);
  const committed = (): VolumeParts => {
    const reader = new ContainerReader(device);
    const slot = reader.volumes().find(({ oid }) => oid === volume.oid);
    if (!(slot?.head instanceof VolumeHead)) throw slot?.head ?? new Error('the volume is there');
    return volumeParts(reader, slot.head, undefined, volume.omap);
  };
  return {
    head,
    tree,
    streams: { blocks, tree, form: 'records', cipher: null, isFrozen: false },
    withoutContents: null,
    snapshots: () => (volume.hasSnapshots ? committed().snapshots() : []),
    snapshot: (snapshot) => committed().snapshot(snapshot),
  };
}
