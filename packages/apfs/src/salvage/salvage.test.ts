// Containers with nodes, superblocks or data gone: what comes back, and that nothing wrong is called whole.

import type { Item, SalvagedVolume, WritableVolume } from '@tintype/core';
import { count, Random, type SparseDevice } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { formatted, mountOptions } from '../container.testing.js';
import { apfs } from '../driver.js';
import { isSealed } from '../object.js';
import { BLOCK, dataRanges, fileRecords, filled, found, newItem, nodeBlocks, survivorsOf } from './ruin.testing.js';

function only(device: SparseDevice): SalvagedVolume {
  const [volume, ...others] = apfs.salvage(device, {});
  if (!volume || others.length > 0) throw new Error('one volume was found');
  return volume;
}

/** Every file that is called whole has the bytes it had; answers their paths. */
function wholeOnes({ volume, lost }: SalvagedVolume, contents: ReadonlyMap<string, Uint8Array>): string[] {
  const whole: string[] = [];
  for (const { path, item } of found(volume)) {
    if (item.kind !== 'file' || lost(item.id).length > 0) continue;
    const bytes = new Uint8Array(item.size);
    expect(volume.read(item.id, 0, bytes), path).toBe(item.size);
    const wanted = contents.get(path);
    if (wanted) expect(Buffer.compare(bytes, wanted), path).toBe(0);
    whole.push(path);
  }
  return whole.sort();
}

test('a sound container is found as it is', () => {
  const { device, contents, paths } = filled(new Random(1), 200);
  const salvaged = only(device);
  expect(salvaged).toMatchObject({ lostFolder: null, namesOnly: [], findings: [] });
  expect(found(salvaged.volume).map(({ path }) => path)).toEqual(paths);
  expect(wholeOnes(salvaged, contents)).toEqual([...contents.keys()].sort());
  const reader = apfs.open(device, { ...mountOptions, writable: false }).volumes[0];
  if (!reader) throw new Error('there is a volume');
  expect([salvaged.volume.name, salvaged.volume.uuid]).toEqual([reader.name, reader.uuid]);
  const there = new Map(found(reader).map(({ path, item }) => [path, item]));
  for (const { path, item } of found(salvaged.volume)) {
    expect(item, path).toEqual(there.get(path));
    for (const { name } of reader.xattrs(item.id))
      expect(salvaged.volume.xattr(item.id, name)).toEqual(reader.xattr(item.id, name));
    if (item.kind === 'symlink') expect(salvaged.volume.readlink(item.id)).toBe(reader.readlink(item.id));
  }
});

test.each(Array.from({ length: count(2, 100) }, (_, i) => i))('data gone, seed %i', (seed) => {
  const random = new Random(300 + seed);
  const { device, contents } = filled(random, 200);
  const reader = apfs.open(device, { ...mountOptions, writable: false }).volumes[0];
  if (!reader) throw new Error('there is a volume');
  const places = dataRanges(device, reader);
  const hit = new Set<string>();
  for (const { ranges } of places)
    if (random.oneIn(10)) for (const { start } of ranges) device.bytes.punch(start, BLOCK);
  for (const { path, ranges } of places)
    for (const { start } of ranges) if (device.extent(start).kind === 'zero') hit.add(path);
  const salvaged = only(device);
  expect(salvaged.findings).toEqual([]);
  expect(wholeOnes(salvaged, contents)).toEqual([...contents.keys()].filter((path) => !hit.has(path)).sort());
  expect(hit.size).toBeGreaterThan(0);
});

test.each(Array.from({ length: count(4, 200) }, (_, i) => i))('all superblocks and maps gone, seed %i', (seed) => {
  const random = new Random(400 + seed);
  const { device, contents } = filled(random, 150);
  // Block 0, both rings, and whatever else is no node: what is left are nodes and data.
  const nodes = new Set(nodeBlocks(device).map(({ block }) => block));
  const block = new Uint8Array(BLOCK);
  for (let at = 0; at < device.size; at += BLOCK) {
    if (device.extent(at).kind === 'zero' || nodes.has(at / BLOCK)) continue;
    device.read(at, block);
    const view = new DataView(block.buffer);
    const type = view.getUint16(24, true);
    const isObject = [1, 2, 3, 5, 7, 0xb, 0xc, ...(seed % 2 === 0 ? [0xd] : [])].includes(type) && isSealed(view);
    if (isObject) device.bytes.punch(at, BLOCK);
  }
  const salvaged = only(device);
  const whole = wholeOnes(salvaged, contents);
  for (const path of contents.keys()) expect(whole).toContain(path);
});

/** Contents by inode. */
function byInode(device: SparseDevice, contents: ReadonlyMap<string, Uint8Array>): Map<number, Uint8Array> {
  return new Map(
    found(only(device).volume).flatMap(({ path, item }) => {
      const bytes = contents.get(path);
      return bytes ? [[item.id, bytes] as const] : [];
    }),
  );
}

/** All of `wanted` are found whole; answers how many. */
function expectWhole(
  salvaged: SalvagedVolume | undefined,
  wanted: Iterable<readonly [id: number, bytes: Uint8Array]>,
): number {
  const items = new Map(salvaged ? found(salvaged.volume).map(({ item }) => [item.id, item]) : []);
  let whole = 0;
  for (const [id, wantedBytes] of wanted) {
    const item = items.get(id);
    expect(item, `inode ${id}`).toBeDefined();
    if (!item || !salvaged) continue;
    expect(salvaged.lost(id), `inode ${id}`).toEqual([]);
    const bytes = new Uint8Array(item.size);
    salvaged.volume.read(id, 0, bytes);
    expect(Buffer.compare(bytes, wantedBytes), `inode ${id}`).toBe(0);
    whole += 1;
  }
  return whole;
}

test.each(Array.from({ length: count(6, 300) }, (_, i) => i))(
  'nodes gone: each file whose records stand in any node, of any checkpoint, comes back, seed %i',
  (seed) => {
    const random = new Random(500 + seed);
    const { device, contents } = filled(random, 300);
    const files = byInode(device, contents);
    const before = fileRecords(device, 'newest');
    const gone = nodeBlocks(device).filter(({ isNewest }) => isNewest && random.oneIn(5));
    for (const { block } of gone) device.bytes.punch(block * BLOCK, BLOCK);
    const survivors = survivorsOf(before, device);
    const [salvaged] = apfs.salvage(device, {});
    if (gone.length > 0 && salvaged) expect(salvaged.findings.map(({ kind }) => kind)).toContain('tree-damaged');
    expectWhole(
      salvaged,
      [...files].filter(([id]) => survivors.has(id)),
    );
    if (salvaged) wholeOnes(salvaged, contents);
  },
);

test.each(Array.from({ length: count(3, 100) }, (_, i) => i))(
  'a band with leaves of the tree gone: each file whose records stand elsewhere, and whose data does, comes back, seed %i',
  (seed) => {
    const BAND = 256 << 10;
    const random = new Random(700 + seed);
    const { device, contents } = filled(random, 600);
    const files = byInode(device, contents);
    const before = fileRecords(device, 'newest');
    const bands = new Set(
      nodeBlocks(device).flatMap(({ block, level, isNewest }) =>
        level === 0 && isNewest ? [Math.floor((block * BLOCK) / BAND) * BAND] : [],
      ),
    );
    const band = random.pick([...bands]);
    const reader = apfs.open(device, { ...mountOptions, writable: false }).volumes[0];
    if (!reader) throw new Error('there is a volume');
    const ids = new Map(found(reader).map(({ path, item }) => [path, item.id]));
    const hit = new Set(
      dataRanges(device, reader).flatMap(({ path, ranges }) => (ranges.overlaps(band, BAND) ? [ids.get(path)] : [])),
    );
    device.bytes.punch(band, BAND);
    const survivors = survivorsOf(before, device);
    const [salvaged] = apfs.salvage(device, {});
    const wanted = [...files].filter(([id]) => survivors.has(id) && !hit.has(id));
    expect(expectWhole(salvaged, wanted)).toBe(wanted.length);
    if (salvaged) wholeOnes(salvaged, contents);
  },
);

test.each(Array.from({ length: count(4, 200) }, (_, i) => i))(
  'index nodes gone: every file comes back, seed %i',
  (seed) => {
    const random = new Random(600 + seed);
    const { device, contents } = filled(random, 300);
    const nodes = nodeBlocks(device).filter(({ level }) => level > 0);
    expect(nodes.length).toBeGreaterThan(0);
    for (const { block } of nodes) device.bytes.punch(block * BLOCK, BLOCK);
    expect(wholeOnes(only(device), contents)).toEqual([...contents.keys()].sort());
  },
);

test('older versions of a leaf bring nothing back that the newest one says is gone', () => {
  const device = formatted(64 << 20);
  const run = (change: (volume: WritableVolume, commit: () => void) => void): void => {
    const fileSystem = apfs.open(device, { ...mountOptions, writable: true });
    change(fileSystem.volumes[0] as WritableVolume, () => fileSystem.commit());
    fileSystem.close();
  };
  run((volume, commit) => {
    const items = Array.from({ length: 200 }, (_, i) => newItem(`f${i}`));
    const ids = volume.create(volume.root.id, items);
    for (let i = 0; i < 6; i += 1) {
      // In turns, so that each has an extent for each block.
      for (const id of ids.slice(100, 102)) volume.write(id, i * BLOCK, new Uint8Array(BLOCK).fill(id + i));
      commit();
    }
  });
  run((volume) => {
    const { id } = volume.lookup(volume.root.id, 'f100') as Item;
    volume.write(id, 0, new Uint8Array(6 * BLOCK).fill(77));
    volume.remove(volume.root.id, 'f50');
  });
  for (const { block, level } of nodeBlocks(device)) if (level > 0) device.bytes.punch(block * BLOCK, BLOCK);
  const { volume, lost } = only(device);
  const items = new Map(found(volume).map(({ path, item }) => [path, item]));
  expect(items.size).toBe(199);
  const rewritten = items.get('/f100') as Item;
  expect(lost(rewritten.id)).toEqual([]);
  const bytes = new Uint8Array(6 * BLOCK);
  volume.read(rewritten.id, 0, bytes);
  expect(bytes.every((byte) => byte === 77)).toBe(true);
});
