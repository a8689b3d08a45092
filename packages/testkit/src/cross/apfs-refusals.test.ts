// What apfsck refuses, our own check finds: a sound container, changed in one byte of one object and sealed again.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { apfs } from '@tintype/apfs';
import { fletcher64, type ItemKind, MemoryDevice, type WritableVolume } from '@tintype/core';
import { expect, test } from 'vitest';
import { contractFormat, contractMount } from '../contracts/driver.js';
import { firstVolume } from '../contracts/volume.js';
import { withFolder } from '../fixtures.js';
import { plainAttributes } from '../memory-volume.js';
import { apfsck, withOracle } from '../oracles.js';
import { count, Random } from '../seeds.js';

const SIZE = 4 << 20;
const BLOCK = 4096;
const HEADER = 128;
const FOOTER = 40;
const ALL_TYPES = 0x20;
const SUPERBLOCK = 1;

/** What apfsck says of sound containers, or of what it does not know. */
const EXCEPTIONS: readonly { readonly says: RegExp; readonly why: string }[] = [
  { says: /not supported\.$/, why: 'a feature that apfsck does not know (-u) is no damage' },
  {
    says: /wrong block reservation total\.$/,
    why: 'it adds up what superblocks of snapshots say, although a reserve may change; live ones are added up by us, too',
  },
];

/** Items of all kinds, links, holes, clones, attributes; two snapshots; and a second run. */
function filled(): Uint8Array {
  const device = new MemoryDevice(new Uint8Array(SIZE));
  apfs.format(device, contractFormat);
  const first = apfs.open(device, contractMount('writable'));
  const volume = firstVolume(first);
  const root = volume.root.id;
  const folder = make(volume, root, 'folder', 'directory');
  const file = make(volume, folder, 'a.bin', 'file');
  volume.write(file, 0, Buffer.alloc(100_001, 'abc'));
  volume.link(root, 'hard link', file);
  for (const kind of ['symlink', 'fifo', 'socket', 'char', 'block'] as const) make(volume, root, `a ${kind}`, kind);
  volume.write(make(volume, root, 'sparse', 'file'), 1_000_000, Buffer.from('end'));
  const clone = volume.clone(root, 'clone', file);
  volume.write(clone, 8192, Buffer.from('changed'));
  volume.setXattr(file, 'user.small', Buffer.from('value'));
  volume.setXattr(folder, 'com.example.large', Buffer.alloc(9000, 'x'));
  volume.setXattr(file, 'com.apple.FinderInfo', Buffer.alloc(32, 7));
  first.commit();
  first.createSnapshot(volume, 'first');
  volume.remove(root, 'sparse');
  volume.write(clone, 50_000, Buffer.alloc(9000, 'later'));
  first.createSnapshot(volume, 'second');
  volume.write(file, 3, Buffer.from('live'));
  first.close();
  const second = apfs.open(device, contractMount('writable'));
  const again = firstVolume(second);
  for (let i = 0; i < 40; i += 1) again.write(make(again, again.root.id, `file ${i}`, 'file'), 0, Buffer.from(`${i}`));
  second.close();
  const bytes = new Uint8Array(SIZE);
  device.read(0, bytes);
  return bytes;
}

function make(volume: WritableVolume, folder: number, name: string, kind: ItemKind): number {
  const item = { ...plainAttributes, name, kind, size: 0, target: 'folder/a.bin', rdevMajor: 1, rdevMinor: 3 };
  const [id] = volume.create(folder, [item]);
  if (id === undefined) throw new Error('one item was made');
  return id;
}

function blockOf(bytes: Uint8Array, block: number): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset + block * BLOCK, BLOCK);
}

function seal(bytes: Uint8Array, block: number): void {
  const view = blockOf(bytes, block);
  const { low, high } = fletcher64(view, 8, BLOCK - 8);
  view.setUint32(0, low, true);
  view.setUint32(4, high, true);
}

const finds = (bytes: Uint8Array): string[] => [...apfs.check(new MemoryDevice(bytes), {})].map(({ kind }) => kind);

/** Objects that belong to the newest checkpoint: one that is damaged is missed. */
function liveObjects(sound: Uint8Array): number[] {
  const found: number[] = [];
  for (let block = 1; block < SIZE / BLOCK; block += 1) {
    const view = blockOf(sound, block);
    const type = view.getUint32(24, true) & 0xffff;
    if (type === 0 || type >= ALL_TYPES || view.getUint32(0, true) === 0) continue;
    const bytes = sound.slice();
    bytes[block * BLOCK + 8] = (bytes[block * BLOCK + 8] ?? 0) ^ 1;
    if (finds(bytes).length > 0) found.push(block);
  }
  return found;
}

/** A byte behind the checksum, of the head, of the footer, or with something near it. */
function pickByte(view: DataView, random: Random): number {
  for (;;) {
    const ends = [8 + random.below(HEADER), BLOCK - 1 - random.below(FOOTER)];
    const at = random.pick([...ends, 8 + random.below(BLOCK - 8), 8 + random.below(BLOCK - 8)]);
    const near = Array.from({ length: 7 }, (_, i) => view.getUint8(Math.min(BLOCK - 1, Math.max(0, at - 3 + i))));
    if (ends.includes(at) || near.some((byte) => byte !== 0)) return at;
  }
}

/** One byte changed; of the newest superblock in its copy, too. */
function changed(sound: Uint8Array, block: number, random: Random): { bytes: Uint8Array; at: number } {
  const bytes = sound.slice();
  const view = blockOf(sound, block);
  const at = pickByte(view, random);
  const value = random.pick([1 << random.below(8), 1, 0x80, random.between(1, 255)]) ^ view.getUint8(at);
  const isSuperblock = (view.getUint32(24, true) & 0xffff) === SUPERBLOCK;
  for (const each of isSuperblock ? [block, 0] : [block]) {
    bytes[each * BLOCK + at] = value;
    seal(bytes, each);
  }
  return { bytes, at };
}

test.skipIf(withOracle('apfsck').skip)(
  'what apfsck refuses, our check finds',
  () =>
    withFolder((folder) => {
      const sound = filled();
      expect(finds(sound)).toEqual([]);
      const objects = liveObjects(sound);
      expect(objects.length).toBeGreaterThan(20);
      const file = path.join(folder, 'container');
      const missed: string[] = [];
      let found = 0;
      for (let seed = 1; seed <= count(150, 20_000); seed += 1) {
        const random = new Random(seed);
        const block = random.pick(objects);
        const { bytes, at } = changed(sound, block, random);
        if (finds(bytes).length > 0) {
          found += 1;
          continue;
        }
        writeFileSync(file, bytes);
        const { ok, output } = apfsck(file);
        const says = output.trim();
        if ((ok && says === '') || EXCEPTIONS.some((each) => each.says.test(says))) continue;
        missed.push(`seed ${seed}, block ${block}, byte ${at}: ${says}`);
      }
      expect(missed).toEqual([]);
      expect(found).toBeGreaterThan(count(50, 8000));
    }),
  count(120_000, 7_200_000),
);
