// A small container of our own with two snapshots, to be damaged in one place. Only tests import this.

import { MemoryDevice, type WritableVolume } from '@tintype/core';
import { plainAttributes } from '@tintype/testkit';
import { formatOptions, mountOptions } from '../container.testing.js';
import { apfs } from '../driver.js';
import { format } from '../format.js';
import { ContainerReader } from '../reading/container-reader.js';
import { readSnapshots, type Snapshot } from '../reading/snapshots.js';
import { VolumeHead } from '../reading/volume-head.js';
import { edit } from '../sample.testing.js';
import { check } from './check.js';

type Edit = (block: number, change: (view: DataView) => void) => void;

const SIZE = 4 << 20;

export class WithSnapshots {
  readonly #bytes: Uint8Array;
  readonly container: ContainerReader;
  readonly head: VolumeHead;
  /** Oldest first. */
  readonly snapshots: readonly Snapshot[];

  constructor() {
    const device = new MemoryDevice(new Uint8Array(SIZE));
    format(device, formatOptions);
    fill(device);
    this.#bytes = new Uint8Array(SIZE);
    device.read(0, this.#bytes);
    this.container = new ContainerReader(new MemoryDevice(this.#bytes));
    const head = this.container.volumes()[0]?.head;
    if (!(head instanceof VolumeHead)) throw head;
    this.head = head;
    const { blocks, xid } = this.container;
    const root = head.number('apfs_snap_meta_tree_oid');
    this.snapshots = readSnapshots({ blocks, omap: this.container.mapOf(head), root, xid });
  }

  /** What the check finds after changes to a copy. */
  kindsAfter(damage: (edit: Edit) => void): string[] {
    const bytes = this.#bytes.slice();
    damage((block, change) => edit(bytes, block, change));
    return [...new Set([...check(new MemoryDevice(bytes), {})].map(({ kind }) => kind))].sort();
  }
}

/** One item of each kind, a hard link and a hole; a snapshot; less; another one; more. */
function fill(device: MemoryDevice): void {
  const fileSystem = apfs.open(device, mountOptions);
  const volume = fileSystem.volumes[0] as WritableVolume;
  const root = volume.root.id;
  const make = (name: string, kind: 'file' | 'directory' | 'symlink' | 'fifo' | 'char'): number => {
    const item = { ...plainAttributes, name, kind, size: 0, target: 'file', rdevMajor: 1, rdevMinor: 3 };
    const [id] = volume.create(root, [item]);
    if (id === undefined) throw new Error('one item was made');
    return id;
  };
  const file = make('file', 'file');
  volume.write(file, 20_000, Buffer.alloc(9000, 'content'));
  volume.link(root, 'another name', file);
  for (const kind of ['directory', 'symlink', 'fifo', 'char'] as const) make(kind, kind);
  volume.setXattr(file, 'com.example.large', Buffer.alloc(9000, 'x'));
  fileSystem.commit();
  fileSystem.createSnapshot(volume, 'first');
  volume.write(file, 0, Buffer.from('changed'));
  fileSystem.createSnapshot(volume, 'second');
  volume.remove(root, 'fifo');
  fileSystem.close();
}
