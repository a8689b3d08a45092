// ASIF images of which the header, a directory or entries are damaged.

import { type StoreFile, TintypeError } from '@tintype/core';
import { count, MemoryStore, Random } from '@tintype/testkit';
import { beforeEach, expect, test } from 'vitest';
import { readAsifHeader } from '../asif/format.js';
import { holder } from '../containers.testing.js';
import { createImage } from '../create.js';
import { openImage } from '../open.js';
import { writePartitionMap } from '../partitions/map.js';
import { asifRuin } from './asif-ruin.js';
import { openRuin, type Ruin } from './open-ruin.js';
import { PatchedFile } from './patched-file.js';

const MIB = 1 << 20;
const SIZE = 12 * MIB;

let store = new MemoryStore();
let content: Uint8Array = new Uint8Array();

beforeEach(() => {
  store = new MemoryStore();
  content = new Random(5).bytes(SIZE);
});

/** Equal but for these chunks. */
function expectContent({ device }: Pick<Ruin, 'device'>, gone: readonly number[] = []): void {
  const bytes = new Uint8Array(SIZE);
  device.read(0, bytes);
  const wanted = content.slice();
  for (const chunk of gone) {
    wanted.fill(0, chunk * MIB, (chunk + 1) * MIB);
    expect(device.extent(chunk * MIB)).toMatchObject({ kind: 'zero' });
  }
  expect(Buffer.compare(bytes, wanted)).toBe(0);
}

/** An ASIF image of which the last commit added the last chunk; its second directory counts. */
function madeAsif(): { file: StoreFile; directories: readonly [number, number]; table: number } {
  createImage(store, 'a.asif', { format: 'asif', size: SIZE, holder, waitLock: 0 }).close();
  const image = openImage(store, 'a.asif', { writable: true, waitLock: 0, holder, allowTimeMachine: false });
  image.device.write(0, content);
  writePartitionMap(image.device, { scheme: 'gpt', type: 'Apple_HFS', random: holder.random });
  image.device.flush();
  image.device.read(0, content);
  image.device.zero(SIZE - MIB, MIB);
  image.device.flush();
  image.device.write(SIZE - MIB, content.subarray(SIZE - MIB));
  image.close();
  const file = store.open('a.asif', 'write');
  const { directories } = readAsifHeader(file);
  const at = (position: number): number => {
    const bytes = new Uint8Array(8);
    file.read(position, bytes);
    return Number(new DataView(bytes.buffer).getBigUint64(0));
  };
  expect([at(directories[0]), at(directories[1])]).toEqual([3, 4]);
  return { file, directories, table: at(directories[1] + 8) * MIB };
}

test('an ASIF image without its header, and one of that name that is none', () => {
  const { file } = madeAsif();
  file.write(0, new Uint8Array(512));
  const ruin = openRuin(store, 'a.asif');
  expect([ruin.format, ruin.findings.map(({ kind }) => kind)]).toEqual(['asif', ['asif-header']]);
  expect(ruin.device.size).toBe(SIZE);
  expectContent(ruin);
  file.write(0, new Random(3).bytes(file.size()));
  expect(openRuin(store, 'a.asif').format).toBe('udrw');
});

test.each([
  ['its entries are zeros', 8, new Uint8Array(64)],
  ['it has an absurd number', 0, new Uint8Array(8).fill(0xff)],
  ['its table lies behind the end of the file', 8, Uint8Array.of(0, 0, 0, 0, 1)],
])('an ASIF image whose last directory is damaged: %s', (_what, offset, damage) => {
  const { file, directories } = madeAsif();
  file.write(directories[1] + offset, damage);
  const ruin = openRuin(store, 'a.asif');
  expect(ruin.findings.map(({ kind }) => kind)).toEqual(['asif-directory']);
  expectContent(ruin);
});

test('an ASIF image without header and directories: its table is looked for', () => {
  const { file } = madeAsif();
  file.write(0, new Random(4).bytes(MIB));
  const ruin = openRuin(store, 'a.asif');
  expect(ruin.findings.map(({ kind }) => kind)).toEqual(['asif-header', 'asif-directory']);
  expect(ruin.device.size).toBe(SIZE);
  expectContent(ruin);
});

test('an ASIF image of which entries are damaged: what they named is nowhere', () => {
  const { file, table } = madeAsif();
  for (const chunk of [3, 7]) file.write(table + chunk * 8, new Uint8Array(8).fill(0xff));
  const ruin = openRuin(store, 'a.asif');
  expect(ruin.findings.map(({ kind }) => kind)).toEqual(['asif-entry']);
  expectContent(ruin, [3, 7]);
  expect(ruin.device.extent(2 * MIB)).toEqual({ length: MIB, kind: 'data' });
});

test('what is called so and is none', () => {
  const file = store.open('noise.asif', 'create');
  file.write(0, new Random(3).bytes(4 * MIB));
  expect(asifRuin(file, [])).toBe(null);
});

test.each([true, false])(
  'a directory of absurd entries is passed in a few steps; noise: %s, or one table in all',
  (isNoise) => {
    const { file, directories, table } = madeAsif();
    const largest = new Uint8Array(8);
    file.read(56, largest);
    file.write(48, largest);
    const { tables } = readAsifHeader(file);
    const entries = isNoise ? new Random(1).bytes(8 * tables) : new Uint8Array(8 * tables);
    for (let i = 0; !isNoise && i < tables; i += 1) entries[8 * i + 7] = table / MIB;
    file.write(directories[1] + 8, entries);
    const disk = asifRuin(file, []);
    let steps = 0;
    for (let at = 0; at < (disk?.size ?? 0); steps += 1) at += disk?.extent(at).length ?? 0;
    expect(steps).toBeLessThan(tables + 100);
  },
);

test.each([
  ['blocks of an odd size', 1000, 7777n],
  ['more than an image holds', 4096, (1n << 40n) - 1n],
])('a size that the disk cannot have is not believed: %s', (_what, blockSize, blocks) => {
  const { file, table } = madeAsif();
  const first = new Uint8Array(8);
  file.read(table, first);
  const place = Number(new DataView(first.buffer).getBigUint64(0) & 0xffff_ffffn) * MIB;
  const superblock = new Uint8Array(4096);
  superblock.set(Buffer.from('NXSB'), 32);
  new DataView(superblock.buffer).setUint32(36, blockSize, true);
  new DataView(superblock.buffer).setBigUint64(40, blocks, true);
  file.write(place, superblock);
  content.set(superblock);
  file.write(0, new Uint8Array(512));
  const disk = asifRuin(file, []);
  expect(disk?.size).toBe(SIZE);
});

test('one damaged entry does not bring the commit before back', () => {
  const { file, table } = madeAsif();
  file.write(table + 5 * 8, new Uint8Array(8).fill(0xff));
  expectContent(openRuin(store, 'a.asif'), [5]);
});

test('whatever is damaged: read as far as it goes, in bounded time, or a named error', () => {
  const { directories, table } = madeAsif();
  const places = [0, ...directories, table, table + 8 * 2048, 1 << 20] as const;
  for (let seed = 1; seed <= count(100, 3000); seed += 1) {
    const dice = new Random(seed);
    const copy = store.clone().open('a.asif', 'write');
    for (let i = dice.between(1, 3); i > 0; i -= 1) {
      const bytes = dice.oneIn(3) ? new Uint8Array(dice.between(1, 600)) : dice.bytes(dice.between(1, 64));
      copy.write(dice.pick(places) + dice.below(120), bytes);
    }
    const started = performance.now();
    try {
      const ruin = asifRuin(copy, []);
      const bytes = new Uint8Array(Math.min(ruin?.size ?? 0, SIZE));
      ruin?.read(0, bytes);
      for (let at = 0, i = 0; at < (ruin?.size ?? 0) && i < 50; i += 1) at += ruin?.extent(at).length ?? 0;
    } catch (error) {
      if (!(error instanceof TintypeError)) throw new Error(`seed ${seed}`, { cause: error });
    }
    expect(performance.now() - started, `seed ${seed}`).toBeLessThan(5000);
  }
});

test('a patched file has other bytes at its start, and the rest of what it was', () => {
  const file = store.open('a', 'create');
  file.write(0, Uint8Array.of(1, 2, 3, 4, 5, 6));
  const patched = new PatchedFile(file, Uint8Array.of(9, 8, 7));
  const bytes = new Uint8Array(8).fill(255);
  expect([patched.read(2, bytes), [...bytes]]).toEqual([4, [7, 4, 5, 6, 255, 255, 255, 255]]);
  expect([patched.read(0, bytes), [...bytes.subarray(0, 6)]]).toEqual([6, [9, 8, 7, 4, 5, 6]]);
  expect(() => patched.write()).toThrow(/only read/);
});
