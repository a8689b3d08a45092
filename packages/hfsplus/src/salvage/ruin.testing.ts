// Volumes to ruin, and what was on them. Only tests import this.

import { type BlockDevice, type Item, RangeSet, type Volume } from '@tintype/core';
import type { Random, SparseDevice } from '@tintype/testkit';
import { openFileSystem } from '../file-system.js';
import { Journal } from '../journal.js';
import { Mounted, readVolumeHeader } from '../mounted.js';
import { forkExtents } from '../records/extent-records.js';
import { CatalogFile, RECORD_TYPE } from '../structs/catalog.js';
import { FORK_TYPE } from '../structs/extents.js';
import { FILE_LINK } from '../structs/hard-links.js';
import { CNID, ForkData } from '../structs/volume-header.js';
import { formatted, mount, newItem } from '../volume.testing.js';
import { hasType } from './link-records.js';

const SIZE = 64 << 20;

export interface FilePlace {
  readonly path: string;
  /** Bytes of the device. */
  readonly start: number;
  readonly length: number;
}

export class Expected {
  readonly paths: string[] = [];
  /** Of files, by path. */
  readonly contents = new Map<string, Uint8Array>();

  /** Where files lie, and everything else that is in use. */
  places(device: BlockDevice): { readonly files: FilePlace[]; readonly metadata: RangeSet } {
    const mounted = new Mounted(device);
    const files: FilePlace[] = [];
    const metadata = new RangeSet();
    for (const range of usedRanges(mounted, device.size)) metadata.add(range.start, range.length);
    const reader = openFileSystem(device, { ...mount, writable: false }).volume;
    for (const { path, item } of found(reader)) {
      if (item.kind !== 'file') continue;
      for (const { start, count } of dataExtents(mounted, item.id)) {
        const place = { start: start * mounted.blockSize, length: count * mounted.blockSize };
        metadata.remove(place.start, place.length);
        files.push({ path, start: place.start, length: Math.min(place.length, item.size) });
      }
    }
    return { files, metadata };
  }
}

/** A file by its record: `ID FORK`, the fork in hex. */
type FileRecord = string;

/** Where the leaves of the catalog lie on the device. */
export function leafPositions(device: BlockDevice): number[] {
  const { tree, file } = new Mounted(device).catalog;
  const positions: number[] = [];
  for (let node = tree.firstLeaf; node !== 0; node = tree.node(node).fLink)
    positions.push(file.position(tree.node(node)));
  return positions;
}

/** What the catalog says of the files of a sound volume, with their contents. */
export function catalogFiles(
  device: BlockDevice,
): Map<FileRecord, { readonly id: number; readonly bytes: Uint8Array }> {
  const mounted = new Mounted(device);
  const reader = openFileSystem(device, { ...mount, writable: false }).volume;
  const files = new Map<FileRecord, { id: number; bytes: Uint8Array }>();
  const { tree } = mounted.catalog;
  for (let node = tree.firstLeaf; node !== 0; node = tree.node(node).fLink) {
    const leaf = tree.node(node);
    for (let i = 0; i < leaf.count; i += 1) {
      const at = leaf.dataAt(i);
      const type = leaf.view.getUint16(at);
      if (type !== RECORD_TYPE.file || hasType({ node: leaf, index: i, at, type }, FILE_LINK)) continue;
      const id = leaf.view.getUint32(at + CatalogFile.at.fileID);
      const item = reader.stat(id);
      if (item.kind !== 'file' || /^\.journal/.test(item.name)) continue;
      const bytes = new Uint8Array(item.size);
      reader.read(id, 0, bytes);
      files.set(fileRecord(leaf.bytes, at), { id, bytes });
    }
  }
  return files;
}

/**
 * File records in all that looks like a leaf, wherever it lies: in the catalog, the journal, freed blocks. By a reading of its
 * own, from TN1150 alone.
 */
export function recordsAnywhere(device: BlockDevice, nodeSize: number): Set<FileRecord> {
  const sector = 512;
  const records = new Set<FileRecord>();
  const node = Buffer.alloc(nodeSize);
  for (let position = 0; position + nodeSize <= device.size; position += sector) {
    if (device.extent(position).kind === 'zero') continue;
    device.read(position, node);
    const count = node.readUInt16BE(10);
    if (node[8] !== 0xff || node[9] !== 1 || count === 0 || 2 * (count + 1) > nodeSize - 14) continue;
    const starts = Array.from({ length: count + 1 }, (_, i) => node.readUInt16BE(nodeSize - 2 * (i + 1)));
    if (starts[0] !== 14 || starts.some((start, i) => start > nodeSize || start <= (starts[i - 1] ?? 0))) continue;
    for (const start of starts.slice(0, -1)) {
      const at = start + 2 + node.readUInt16BE(start);
      if (at + CatalogFile.size <= nodeSize && node.readUInt16BE(at) === RECORD_TYPE.file)
        records.add(fileRecord(node, at));
    }
  }
  return records;
}

function fileRecord(node: Uint8Array, at: number): FileRecord {
  const bytes = Buffer.from(node.buffer, node.byteOffset + at, CatalogFile.size);
  const fork = bytes.subarray(CatalogFile.at.dataFork, CatalogFile.at.dataFork + ForkData.size);
  return `${bytes.readUInt32BE(CatalogFile.at.fileID)} ${fork.toString('hex')}`;
}

function dataExtents(mounted: Mounted, id: number) {
  const thread = openedRecord(mounted, id);
  return forkExtents(mounted.extents.tree, { id, forkType: FORK_TYPE.data }, thread, mounted.header.totalBlocks);
}
function openedRecord(mounted: Mounted, id: number) {
  const { tree } = mounted.catalog;
  for (let node = tree.firstLeaf; node !== 0; node = tree.node(node).fLink) {
    const leaf = tree.node(node);
    for (let i = 0; i < leaf.count; i += 1) {
      const at = leaf.dataAt(i);
      if (leaf.view.getUint16(at) !== RECORD_TYPE.file || leaf.view.getUint32(at + CatalogFile.at.fileID) !== id)
        continue;
      return ForkData.read(leaf.view, at + CatalogFile.at.dataFork);
    }
  }
  throw new Error(`file ${id} has a record`);
}

function* usedRanges(mounted: Mounted, size: number) {
  let free = 0;
  for (const { start, length } of mounted.allocation.freeRanges()) {
    if (start > free) yield { start: free, length: start - free };
    free = start + length;
  }
  if (free < size) yield { start: free, length: size - free };
}

/** A volume with folders, files, links, attributes, made in two runs with removals between. */
export function filled(random: Random, files: number) {
  const device = formatted(SIZE);
  const expected = new Expected();
  const folders: { path: string; id: number }[] = [{ path: '', id: CNID.rootFolder }];
  for (const run of [0, 1]) {
    const fileSystem = openFileSystem(device, mount);
    const { volume } = fileSystem;
    for (let i = 0; i < files / 2; i += 1) {
      const folder = random.pick(folders);
      const name = `${run}-${i}${random.oneIn(5) ? ' ä long name that takes some room in its node'.repeat(2) : ''}`;
      const size = random.oneIn(6) ? random.below(200_000) : random.below(9000);
      const [id = 0] = volume.create(folder.id, [newItem(name, 'file', { size })]);
      const bytes = random.bytes(size);
      volume.write(id, 0, bytes);
      if (random.oneIn(4)) volume.setXattr(id, 'user.note', random.bytes(1 + random.below(3000)));
      expected.contents.set(`${folder.path}/${name}`, bytes);
      if (random.oneIn(12)) {
        volume.link(folders[0]?.id ?? 0, `link-${name}`, id);
        expected.contents.set(`/link-${name}`, bytes);
      }
      if (random.oneIn(10)) {
        const [made = 0] = volume.create(folder.id, [newItem(`d${name}`, 'directory')]);
        folders.push({ path: `${folder.path}/d${name}`, id: made });
      }
      if (random.oneIn(20)) volume.create(folder.id, [newItem(`s${name}`, 'symlink', { target: name })]);
      if (random.oneIn(15)) fileSystem.commit();
    }
    fileSystem.close();
  }
  const reader = openFileSystem(device, { ...mount, writable: false });
  expected.paths.push(...found(reader.volume).map(({ path }) => path));
  return { device, expected };
}

/** A file with more extents than its record holds, in the gaps of a full volume. */
export function fragmented(random: Random) {
  const device = formatted(16 << 20);
  const fileSystem = openFileSystem(device, mount);
  const { volume } = fileSystem;
  const names: string[] = [];
  for (let i = 0; fileSystem.free > 1 << 20; i += 1) {
    const [id = 0] = volume.create(CNID.rootFolder, [newItem(`between-${i}`, 'file', { size: 65_536 })]);
    volume.write(id, 0, random.bytes(65_536));
    names.push(`between-${i}`);
    if (i % 8 === 0) fileSystem.commit();
  }
  for (const [i, name] of names.entries()) if (i % 2 === 0) volume.remove(CNID.rootFolder, name);
  fileSystem.commit();
  const bytes = random.bytes(3 << 20);
  const [id = 0] = volume.create(CNID.rootFolder, [newItem('fragmented', 'file', { size: bytes.length })]);
  volume.write(id, 0, bytes);
  fileSystem.close();
  return { device, bytes };
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

/** Where the first extent of a tree's file lies. */
export function treeRange(device: BlockDevice, id: number): { start: number; length: number } {
  const mounted = new Mounted(device);
  const tree = mounted.treeFiles.find((each) => each.id === id);
  const [first] = tree?.fork.extents ?? [];
  if (!first) throw new Error('the tree has a file');
  return { start: first.start * mounted.blockSize, length: first.count * mounted.blockSize };
}

/** One of `share` bands that have nothing of `spare` is gone. */
export function punched(
  device: SparseDevice,
  random: Random,
  { size, spare, share }: { size: number; spare: RangeSet; share: number },
): { device: SparseDevice; gone: RangeSet } {
  const gone = new RangeSet();
  for (let start = 0; start < device.size; start += size) {
    const length = Math.min(size, device.size - start);
    if (spare.overlaps(start, length) || !random.oneIn(share)) continue;
    gone.add(start, length);
    device.bytes.punch(start, length);
  }
  return { device, gone };
}

export function journalRange(device: SparseDevice): { readonly offset: number; readonly size: number } {
  const journal = Journal.open(device, readVolumeHeader(device));
  if (!journal) throw new Error('the volume has a journal');
  return journal.place;
}

/** The journal holds copies of nodes: it goes, too. */
export function punchJournal(device: SparseDevice): void {
  const { offset, size } = journalRange(device);
  device.bytes.punch(offset, size);
}
