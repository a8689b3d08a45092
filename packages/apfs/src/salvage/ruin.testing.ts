// Containers to ruin, and what was on them. Only tests import this.

import { type Item, type NewItem, RangeSet, type Volume } from '@tintype/core';
import { plainAttributes, type Random, type SparseDevice } from '@tintype/testkit';
import { recordAt } from '../btree/cursor.js';
import { DiskNode } from '../btree/disk-node.js';
import { fileSystemTree } from '../btree/kinds.js';
import { formatted, mountOptions } from '../container.testing.js';
import { apfs } from '../driver.js';
import { ApfsFileSystem } from '../file-system.js';
import { idAt, typeAt } from '../records/ids.js';
import { readInode } from '../records/inodes.js';
import { RECORD_TYPE } from '../structs/records.js';
import { ObjectScan } from './scan.js';

const SIZE = 64 << 20;
export const BLOCK = 4096;

export interface Filled {
  readonly device: SparseDevice;
  /** Of files, by path. */
  readonly contents: ReadonlyMap<string, Uint8Array>;
  readonly paths: readonly string[];
}

export function newItem(name: string, more: Partial<NewItem> = {}): NewItem {
  return {
    ...plainAttributes,
    mode: 0o644,
    kind: 'file',
    name,
    size: 0,
    target: '',
    rdevMajor: 0,
    rdevMinor: 0,
    ...more,
  };
}

/** A container with folders, files, links, attributes, made by several commits with changes between. */
export function filled(random: Random, files: number): Filled {
  const device = formatted(SIZE);
  const contents = new Map<string, Uint8Array>();
  const fileSystem = new ApfsFileSystem(device, mountOptions);
  const [volume] = fileSystem.volumes;
  if (!volume) throw new Error('there is a volume');
  const folders: { path: string; id: number }[] = [{ path: '', id: volume.root.id }];
  const made: { path: string; id: number; size: number }[] = [];
  for (let i = 0; i < files; i += 1) {
    const folder = random.pick(folders);
    const name = `${i}${random.oneIn(5) ? ' ä long name that takes some room in its node'.repeat(2) : ''}`;
    const bytes = random.bytes(random.oneIn(6) ? random.below(200_000) : random.below(9000));
    const [id = 0] = volume.create(folder.id, [newItem(name, { size: bytes.length })]);
    volume.write(id, 0, bytes);
    if (random.oneIn(4)) volume.setXattr(id, 'user.note', random.bytes(1 + random.below(3000)));
    const path = `${folder.path}/${name}`;
    contents.set(path, bytes);
    made.push({ path, id, size: bytes.length });
    if (i === 3 || random.oneIn(12)) {
      volume.link(volume.root.id, `link-${i}`, id);
      contents.set(`/link-${i}`, bytes);
    }
    if (random.oneIn(10)) {
      const [below = 0] = volume.create(folder.id, [newItem(`d${i}`, { kind: 'directory', mode: 0o755 })]);
      folders.push({ path: `${folder.path}/d${i}`, id: below });
    }
    if (random.oneIn(20)) volume.create(folder.id, [newItem(`s${i}`, { kind: 'symlink', target: name })]);
    if (random.oneIn(20)) fileSystem.commit();
  }
  fileSystem.close();
  const reader = apfs.open(device, { ...mountOptions, writable: false }).volumes[0] as Volume;
  return { device, contents, paths: found(reader).map(({ path }) => path) };
}

/** All items below the root, by path. */
export function found(volume: Volume): { path: string; item: Item }[] {
  const all: { path: string; item: Item }[] = [];
  const waiting = [{ path: '', id: volume.root.id }];
  for (let next = waiting.pop(); next; next = waiting.pop())
    for (const item of volume.list(next.id)) {
      const path = `${next.path}/${item.name}`;
      all.push({ path, item });
      if (item.kind === 'directory') waiting.push({ path, id: item.id });
    }
  return all.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Blocks of nodes of the tree, all versions. */
export function nodeBlocks(device: SparseDevice): { block: number; level: number; isNewest: boolean }[] {
  const scan = new ObjectScan(device, BLOCK);
  scan.run([], () => {});
  return [...scan.nodes.values()].flatMap((versions) =>
    versions.map(({ block, level }, i) => ({ block, level, isNewest: i === 0 })),
  );
}

/** What leaves say of files, as text, by inode. */
type FileRecords = ReadonlyMap<number, ReadonlySet<string>>;

/** Of all leaves that can be found, or of the newest version of each. */
export function fileRecords(device: SparseDevice, which: 'newest' | 'all'): FileRecords {
  const kind = fileSystemTree('hashed');
  const records = new Map<number, Set<string>>();
  for (const { block, level, isNewest } of nodeBlocks(device)) {
    if (level > 0 || (which === 'newest' && !isNewest)) continue;
    const bytes = new Uint8Array(BLOCK);
    device.read(block * BLOCK, bytes);
    const isRoot = (new DataView(bytes.buffer).getUint16(32, true) & 1) !== 0;
    const node = new DiskNode(kind, bytes, { place: block * BLOCK, level: isRoot ? null : 0 });
    for (let i = 0; i < node.count; i += 1) {
      const record = recordAt(node, i);
      const type = typeAt(record.view, record.keyAt);
      const id = idAt(record.view, record.keyAt);
      const said = records.get(id) ?? new Set();
      if (type === RECORD_TYPE.inode) said.add(`${readInode(record).size} bytes`);
      if (type === RECORD_TYPE.fileExtent)
        said.add(
          `extent ${Buffer.from(bytes.subarray(record.keyAt, record.keyAt + 16)).toString('hex')} at ${Buffer.from(
            bytes.subarray(record.valueAt, record.valueAt + 24),
          ).toString('hex')}`,
        );
      if (said.size > 0) records.set(id, said);
    }
  }
  return records;
}

/** Inodes of which all that `before` says still stands in some leaf, of whatever checkpoint. */
export function survivorsOf(before: FileRecords, device: SparseDevice): Set<number> {
  const left = fileRecords(device, 'all');
  const isThere = ([id, said]: readonly [number, ReadonlySet<string>]): boolean =>
    [...said].every((each) => left.get(id)?.has(each));
  return new Set([...before].filter(isThere).map(([id]) => id));
}

/** Where contents of files lie, and their paths. */
export function dataRanges(device: SparseDevice, volume: Volume): { path: string; ranges: RangeSet }[] {
  return found(volume).flatMap(({ path, item }) => {
    if (item.kind !== 'file') return [];
    const ranges = new RangeSet();
    const bytes = new Uint8Array(item.size);
    volume.read(item.id, 0, bytes);
    // Contents are noise: their first bytes are nowhere else.
    for (let at = 0; at < item.size; at += BLOCK) {
      const block = blockOf(device, bytes.subarray(at, at + BLOCK));
      if (block !== null) ranges.add(block, Math.min(BLOCK, item.size - at));
    }
    return [{ path, ranges }];
  });
}

const places = new WeakMap<SparseDevice, Map<string, number>>();

function blockOf(device: SparseDevice, bytes: Uint8Array): number | null {
  let index = places.get(device);
  if (!index) {
    index = new Map();
    const block = new Uint8Array(BLOCK);
    for (let at = 0; at + BLOCK <= device.size; at += BLOCK) {
      if (device.extent(at).kind === 'zero') continue;
      device.read(at, block);
      index.set(Buffer.from(block.subarray(0, 16)).toString('hex'), at);
    }
    places.set(device, index);
  }
  const head = new Uint8Array(16);
  head.set(bytes.subarray(0, 16));
  return index.get(Buffer.from(head).toString('hex')) ?? null;
}
