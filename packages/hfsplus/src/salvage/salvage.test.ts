// Volumes with bands, trees or headers gone: what comes back, and that nothing wrong is called whole.

import type { SalvagedVolume } from '@tintype/core';
import { count, Random, SparseDevice } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { hfsplus } from '../driver.js';
import { Mounted } from '../mounted.js';
import { CNID } from '../structs/volume-header.js';
import {
  catalogFiles,
  type Expected,
  filled,
  found,
  fragmented,
  journalRange,
  leafPositions,
  punched,
  punchJournal,
  recordsAnywhere,
  treeRange,
} from './ruin.testing.js';

function only(device: SparseDevice): SalvagedVolume {
  const [volume] = hfsplus.salvage(device, {});
  if (!volume) throw new Error('a volume was found');
  return volume;
}

/** Every file that is called whole has the bytes it had; answers the paths of those. */
function wholeOnes(salvaged: SalvagedVolume, expected: Expected): string[] {
  const whole: string[] = [];
  for (const { path, item } of found(salvaged.volume)) {
    if (item.kind !== 'file' || salvaged.lost(item.id).length > 0) continue;
    const bytes = new Uint8Array(item.size);
    expect(salvaged.volume.read(item.id, 0, bytes), path).toBe(item.size);
    const wanted = expected.contents.get(path);
    if (wanted) expect(Buffer.compare(bytes, wanted), path).toBe(0);
    whole.push(path);
  }
  return whole.sort();
}

test('a sound volume is found as it is', () => {
  const { device, expected } = filled(new Random(1), 60);
  const salvaged = only(device);
  expect(salvaged).toMatchObject({ lostFolder: null, namesOnly: [], findings: [] });
  expect(salvaged.volume.name).toBe('Test');
  expect(salvaged.volume.uuid).toBe(hfsplus.probe(device)?.volumes[0]?.uuid);
  expect(found(salvaged.volume).map(({ path }) => path)).toEqual(expected.paths);
  expect(wholeOnes(salvaged, expected)).toEqual([...expected.contents.keys()].sort());
  const reader = hfsplus.open(device, { writable: false, now: () => 0, random: () => {} });
  for (const { path, item } of found(salvaged.volume)) {
    const there = found(reader.volumes[0] as never).find((each) => each.path === path);
    expect({ ...item, flags: 0 }, path).toEqual({ ...there?.item, flags: 0 });
    const names = salvaged.volume.xattrs(item.id);
    expect(names).toEqual(reader.volumes[0]?.xattrs(item.id));
    for (const { name } of names)
      expect(salvaged.volume.xattr(item.id, name)).toEqual(reader.volumes[0]?.xattr(item.id, name));
  }
});

test.each(Array.from({ length: count(4, 60) }, (_, i) => i))(
  'both headers gone and blocks without metadata, seed %i',
  (seed) => {
    const random = new Random(seed);
    const { device, expected } = filled(random, 150);
    device.write(1024, new Uint8Array(512));
    device.write(device.size - 1024, new Uint8Array(512));
    const salvaged = only(device);
    expect(salvaged.findings.map(({ kind }) => kind)).toContain('alternate-header');
    expect(wholeOnes(salvaged, expected)).toEqual([...expected.contents.keys()].sort());
  },
);

test.each(Array.from({ length: count(6, 100) }, (_, i) => i))('bands without metadata gone, seed %i', (seed) => {
  const random = new Random(100 + seed);
  const { device, expected } = filled(random, 200);
  const places = expected.places(device);
  const ruined = punched(device, random, { size: 65_536, spare: places.metadata, share: 3 });
  const salvaged = only(ruined.device);
  const hit = new Set(
    places.files.filter(({ start, length }) => ruined.gone.overlaps(start, length)).map((f) => f.path),
  );
  const whole = wholeOnes(salvaged, expected);
  expect(whole).toEqual([...expected.contents.keys()].filter((path) => !hit.has(path)).sort());
  expect(hit.size).toBeGreaterThan(0);
});

test.each(Array.from({ length: count(6, 100) }, (_, i) => i))(
  'a part of the catalog gone: each file whose record stands in any leaf comes back, seed %i',
  (seed) => {
    const random = new Random(200 + seed);
    const { device } = filled(random, 400);
    const files = catalogFiles(device);
    const { nodeSize } = new Mounted(device).catalog.file;
    // Most of the catalog has never been used: what goes begins at some leaf.
    const start = random.pick(leafPositions(device));
    const length = nodeSize * (1 + random.below(8));
    device.bytes.punch(start, length);
    // The journal holds copies of the nodes that changed last: with and without them.
    if (seed % 2 === 1) punchJournal(device);
    const anywhere = recordsAnywhere(device, nodeSize);
    const surviving = [...files].flatMap(([record, file]) => (anywhere.has(record) ? [file] : []));
    const salvaged = only(device);
    const all = found(salvaged.volume).filter(({ item }) => item.kind === 'file');
    const inodes = new Map(all.map(({ item }) => [item.inode, item]));
    for (const { id, bytes } of surviving) {
      const item = inodes.get(id);
      expect(item, `file ${id}`).toBeDefined();
      if (!item) continue;
      expect(salvaged.lost(id)).toEqual([]);
      const content = new Uint8Array(item.size);
      salvaged.volume.read(id, 0, content);
      expect(Buffer.compare(content, bytes)).toBe(0);
    }
  },
);

test('a file whose overflow extents are gone is not called whole, and its beginning is', () => {
  const { device, bytes } = fragmented(new Random(7));
  const read = (salvaged: SalvagedVolume) => {
    const id = salvaged.volume.lookup(salvaged.volume.root.id, 'fragmented')?.id ?? 0;
    const content = new Uint8Array(bytes.length);
    salvaged.volume.read(id, 0, content);
    return { lost: salvaged.lost(id), content };
  };
  const before = read(only(device));
  expect(before.lost).toEqual([]);
  expect(Buffer.compare(before.content, bytes)).toBe(0);
  const extents = treeRange(device, CNID.extentsFile);
  device.bytes.punch(extents.start, extents.length);
  punchJournal(device);
  const { lost, content } = read(only(device));
  expect(lost).toEqual([{ start: expect.any(Number), length: expect.any(Number), reason: 'unmapped' }]);
  const start = lost[0]?.start ?? 0;
  expect(start).toBeGreaterThan(0);
  expect(Buffer.compare(content.subarray(0, start), bytes.subarray(0, start))).toBe(0);
});

test('a volume without headers and somewhere on a disk is placed by its journal; without that, nothing is called whole', () => {
  const { device, expected } = filled(new Random(11), 60);
  const shift = 20_480;
  const disk = new SparseDevice(device.size + shift);
  for (let at = 0; at < device.size; at += 65_536) {
    const part = new Uint8Array(65_536);
    device.read(at, part);
    if (part.some((byte) => byte !== 0)) disk.write(at + shift, part);
  }
  disk.write(shift + 1024, new Uint8Array(512));
  disk.write(disk.size - 1024, new Uint8Array(512));
  expect(wholeOnes(only(disk), expected)).toEqual([...expected.contents.keys()].sort());
  const journal = journalRange(device);
  disk.bytes.punch(shift + journal.offset, journal.size);
  const ruin = only(disk);
  expect(wholeOnes(ruin, expected).filter((path) => (expected.contents.get(path)?.length ?? 0) > 0)).toEqual([]);
  expect(ruin.findings.map(({ kind }) => kind)).toContain('geometry');
});
