// Volumes to damage: real ones from the fixtures, opened as bytes, with just enough reading and rewriting of nodes to
// reach any field. Only tests import this.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { MemoryDevice } from '@tintype/core';
import { fixture, withOracle } from '@tintype/testkit';
import { test } from 'vitest';
import { HEADER_MAP_AT, HEADER_RECORD_AT, HeaderRecord, NODE_KIND, NodeDescriptor } from '../structs/btree.js';
import { ForkData, VolumeHeader } from '../structs/volume-header.js';
import { check } from './check.js';

export type TreeName = 'extents' | 'catalog' | 'attributes';

/** Where one leaf record lies, as positions in the volume. */
export interface Place {
  readonly node: number;
  readonly record: number;
  readonly key: number;
  readonly data: number;
  readonly end: number;
}

export class Sample {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly blockSize: number;

  constructor(bytes: Uint8Array) {
    this.bytes = Uint8Array.from(bytes);
    this.view = new DataView(this.bytes.buffer);
    this.blockSize = this.view.getUint32(1024 + VolumeHeader.at.blockSize);
  }
  kinds(): string[] {
    return [...new Set([...check(new MemoryDevice(this.bytes), {})].map((finding) => finding.kind))].sort();
  }
  /** Writes a field of the volume header and of its alternate. */
  putHeader(at: number, value: number): void {
    this.view.setUint32(1024 + at, value);
    this.view.setUint32(this.bytes.length - 1024 + at, value);
  }
  header(at: number): number {
    return this.view.getUint32(1024 + at);
  }
  /** Start of a tree's file; these volumes have every tree in one extent. */
  tree(name: TreeName): number {
    return this.header(VolumeHeader.at[`${name}File`] + ForkData.at.extents) * this.blockSize;
  }
  nodeSize(name: TreeName): number {
    return this.view.getUint16(this.record(name) + HeaderRecord.at.nodeSize);
  }
  /** The header record. */
  record(name: TreeName): number {
    return this.tree(name) + HEADER_RECORD_AT;
  }
  node(name: TreeName, node: number): number {
    return this.tree(name) + node * this.nodeSize(name);
  }
  addTo(position: number, value: number): void {
    this.view.setUint32(position, this.view.getUint32(position) + value);
  }
  *leaves(name: TreeName): Generator<Place> {
    const size = this.nodeSize(name);
    let node = this.view.getUint32(this.record(name) + HeaderRecord.at.firstLeafNode);
    for (; node !== 0; node = this.view.getUint32(this.node(name, node))) {
      const at = this.node(name, node);
      const count = this.view.getUint16(at + NodeDescriptor.at.numRecords);
      for (let record = 0; record < count; record += 1) {
        const key = at + this.view.getUint16(at + size - 2 * (record + 1));
        const end = at + this.view.getUint16(at + size - 2 * (record + 2));
        yield { node, record, key, data: key + 2 + this.view.getUint16(key), end };
      }
    }
  }
  /** A catalog record by name, wherever it lies; a thread by id. */
  find(name: string | number): Place {
    for (const place of this.leaves('catalog')) {
      const units = this.view.getUint16(place.key + 6);
      let text = '';
      for (let i = 0; i < units; i += 1) text += String.fromCharCode(this.view.getUint16(place.key + 8 + 2 * i));
      if (text === name || (text === '' && this.view.getUint32(place.key + 2) === name)) return place;
    }
    throw new Error(`no record ${name}`);
  }
  attribute(id: number, name: string): Place {
    for (const place of this.leaves('attributes')) {
      const units = this.view.getUint16(place.key + 12);
      let text = '';
      for (let i = 0; i < units; i += 1) text += String.fromCharCode(this.view.getUint16(place.key + 14 + 2 * i));
      if (text === name && this.view.getUint32(place.key + 4) === id) return place;
    }
    throw new Error(`no attribute ${name}`);
  }
  /** Rewrites a leaf with other records; the header's count follows. */
  edit(name: TreeName, node: number, change: (records: Uint8Array[]) => Uint8Array[]): void {
    const size = this.nodeSize(name);
    const at = this.node(name, node);
    const count = this.view.getUint16(at + NodeDescriptor.at.numRecords);
    const records: Uint8Array[] = [];
    for (let record = 0; record < count; record += 1) {
      const from = this.view.getUint16(at + size - 2 * (record + 1));
      records.push(this.bytes.slice(at + from, at + this.view.getUint16(at + size - 2 * (record + 2))));
    }
    const after = change(records);
    this.bytes.fill(0, at + NodeDescriptor.size, at + size);
    let offset = NodeDescriptor.size;
    for (const [i, record] of after.entries()) {
      this.bytes.set(record, at + offset);
      this.view.setUint16(at + size - 2 * (i + 1), offset);
      offset += record.length;
    }
    this.view.setUint16(at + size - 2 * (after.length + 1), offset);
    if (offset > size - 2 * (after.length + 1)) throw new Error('the records do not fit');
    this.view.setUint16(at + NodeDescriptor.at.numRecords, after.length);
    this.addTo(this.record(name) + HeaderRecord.at.leafRecords, after.length - count);
  }
  /** Gives an empty tree a first leaf (node 1). */
  plant(name: TreeName, records: Uint8Array[]): void {
    const header = this.record(name);
    this.view.setUint16(header + HeaderRecord.at.treeDepth, 1);
    for (const field of ['rootNode', 'firstLeafNode', 'lastLeafNode'] as const)
      this.view.setUint32(header + HeaderRecord.at[field], 1);
    this.addTo(header + HeaderRecord.at.freeNodes, -1);
    const map = this.tree(name) + HEADER_MAP_AT;
    this.bytes[map] = (this.bytes[map] ?? 0) | 0x40;
    const at = this.node(name, 1);
    this.bytes[at + NodeDescriptor.at.kind] = NODE_KIND.leaf;
    this.bytes[at + NodeDescriptor.at.height] = 1;
    this.edit(name, 1, () => records);
  }
  /** Marks blocks in the bitmap and takes them from freeBlocks (negative count: gives them back). */
  mark(start: number, count: number, used = true): void {
    const bitmap = this.header(VolumeHeader.at.allocationFile + ForkData.at.extents) * this.blockSize;
    for (let block = start; block < start + count; block += 1) {
      const at = bitmap + (block >> 3);
      const mask = 0x80 >> (block & 7);
      this.bytes[at] = used ? (this.bytes[at] ?? 0) | mask : (this.bytes[at] ?? 0) & ~mask;
    }
    this.addTo(1024 + VolumeHeader.at.freeBlocks, used ? -count : count);
  }
}

/** Bytes from parts: a number is a u32, a pair is [value, width]; text is UTF-16BE. */
export function pack(...parts: (number | readonly [number, number] | string | Uint8Array)[]): Uint8Array {
  const pieces = parts.map((part) => {
    if (part instanceof Uint8Array) return part;
    if (typeof part === 'string') return Buffer.from(part, 'utf16le').swap16();
    const [value, width] = typeof part === 'number' ? [part, 4] : part;
    const piece = Buffer.alloc(width);
    piece.writeUIntBE(value, 0, width);
    return piece;
  });
  return new Uint8Array(Buffer.concat(pieces));
}

const fixtures = fixture('.').path;
/** False where fixtures, or the programs that unpack them, are missing; on a build server they are needed. */
export const hasSamples =
  !fixture('hfsplus').skip && (['7zz', 'unzip', 'xz'] as const).every((name) => !withOracle(name).skip);
/** A test that needs them. */
export const sampleTest: ReturnType<typeof test.skipIf> = test.skipIf(!hasSamples);

const expanded = new Map<string, Uint8Array>();

/** A fresh copy of a fixture's HFS+ volume. */
export function sample(name: keyof typeof sources): Sample {
  let bytes = expanded.get(name);
  if (!bytes) {
    bytes = sources[name]();
    expanded.set(name, bytes);
  }
  return new Sample(bytes);
}

const sources = {
  basic: () => udif('hfsplus/basic-udzo.dmg'),
  resized: () => udif('hfsplus/dfvfs-udzo.dmg'),
  old: () => udif('udif/hfsplus-apm-data-offset.dmg'),
  apm: () => {
    const disk = gunzipSync(readFileSync(join(fixtures, 'hfsplus/apm.img.gz')));
    return new Uint8Array(disk.subarray(32_768, 32_768 + 12_550_144));
  },
  small: () => new Uint8Array(run('xz', '-dc', join(fixtures, 'hfsplus/small.img.xz'))),
  bare: () => new Uint8Array(gunzipSync(readFileSync(join(fixtures, 'hfsplus/small-nolayout.raw.gz')))),
  journaled: () => new Uint8Array(run('unzip', '-p', join(fixtures, 'sparse/raw-dmg.zip'), 'aj_dmg.dmg')),
};

export const sampleNames = Object.keys(sources) as (keyof typeof sources)[];

function udif(path: string): Uint8Array {
  return new Uint8Array(run('7zz', 'x', '-tdmg', '-so', join(fixtures, path), '*.hfs'));
}

function run(program: string, ...options: string[]): Buffer {
  return execFileSync(program, options, { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });
}

/** The path of a foreign program, or null where its tests are skipped. */
export function oracle(name: 'fsck.hfsplus' | 'mkfs.hfsplus'): string | null {
  const { skip, path } = withOracle(name);
  return skip ? null : path;
}

/** What `fsck.hfsplus -fn` thinks of a volume: true if it is OK. */
export function fsckAccepts(bytes: Uint8Array, keep = false): boolean {
  const program = oracle('fsck.hfsplus');
  if (!program) throw new Error('fsck.hfsplus is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'tintype-check-'));
  try {
    const file = join(folder, 'volume');
    writeFileSync(file, bytes);
    const { status, stdout } = spawnSync(program, ['-fdn', file], { encoding: 'utf8' });
    if (keep) throw new Error(stdout);
    return status === 0 && stdout.includes('appears to be OK');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A volume as mkfs.hfsplus makes it. */
export function made(size: number, ...options: string[]): Sample {
  const program = oracle('mkfs.hfsplus');
  if (!program) throw new Error('mkfs.hfsplus is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'tintype-check-'));
  try {
    const file = join(folder, 'volume');
    writeFileSync(file, new Uint8Array(size));
    execFileSync(program, [...options, file], { stdio: 'ignore' });
    return new Sample(readFileSync(file));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
