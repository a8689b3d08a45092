import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, MemoryDevice, UnsupportedError } from '@tintype/core';
import { FaultStore, MemoryStore, Random, withFolder, withOracle } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { createArchive } from '../archive.js';
import type { ArchiveOptions } from '../disk-image.js';
import { holder } from '../encryption/encrypted.testing.js';
import { imageFacts, openImage } from '../open.js';
import { writePartitionMap } from '../partitions/map.js';
import { readPageUdif } from './page-reader.testing.js';
import { SegmentWriter } from './segment-writer.js';
import { namedSegments, segmentPath } from './segments.js';

const MIB = 1 << 20;
const SIZE = 3 * MIB;
const FREE = { start: 2 * MIB, length: MIB / 2 };
const FORMATS = ['udro', 'udco', 'udzo', 'udbz', 'ulfo', 'ulmo'] as const;

function diskOf(): MemoryDevice {
  const random = new Random(8);
  const device = new MemoryDevice(new Uint8Array(SIZE));
  writePartitionMap(device, { scheme: 'gpt', type: 'Apple_HFS', random: (target) => random.fill(target) });
  device.write(100_000, Buffer.alloc(500_000, 'all work and no play '));
  device.write(700_352, random.bytes(MIB));
  device.write(2.5 * MIB, random.bytes(300_000));
  return device;
}

function made(options: Partial<ArchiveOptions> & { readonly segmentSize: number }): MemoryStore {
  const store = new MemoryStore();
  const random = (target: Uint8Array) => target.fill(9);
  createArchive(store, 'x.dmg', diskOf(), { format: 'udzo', holder, random, free: [FREE], ...options });
  return store;
}

function bytesOf(store: MemoryStore, path: string): Buffer {
  const file = store.open(path, 'read');
  const bytes = Buffer.alloc(file.size());
  file.read(0, bytes);
  return bytes;
}

function filesOf(store: MemoryStore): Buffer[] {
  const paths = ['x.dmg', ...namedSegments(store, 'x.dmg').map((number) => segmentPath('x.dmg', number))];
  expect(store.list('.').map(({ name }) => name)).toEqual(paths);
  return paths.map((path) => bytesOf(store, path));
}

function read(store: MemoryStore): Buffer {
  const image = openImage(store, 'x.dmg', { writable: false, waitLock: 0, holder, allowTimeMachine: false });
  const disk = Buffer.alloc(image.device.size);
  image.device.read(0, disk);
  expect([...image.verify()]).toEqual([]);
  image.close();
  return disk;
}

const whole = Buffer.alloc(SIZE);
diskOf().read(0, whole);
whole.fill(0, FREE.start, FREE.start + FREE.length);

describe.each(FORMATS)('%s', (format) => {
  test.each([20_000, MIB / 2])('files of %i bytes hold the disk, and no file is longer', (segmentSize) => {
    const store = made({ format, segmentSize });
    const files = filesOf(store);
    expect(files.length).toBeGreaterThan(1);
    for (const [i, { length }] of files.entries()) {
      expect(length).toBeLessThanOrEqual(segmentSize);
      if (i > 0 && i + 1 < files.length) expect(length).toBe(segmentSize);
    }
    expect(read(store).equals(whole)).toBe(true);
    if (format === 'udzo' || format === 'udro') expect(readPageUdif(files).equals(whole)).toBe(true);
    expect(imageFacts(store, 'x.dmg')).toMatchObject({ format, size: SIZE });
  });
});

test('what fits into one file is one, byte for byte as without segments', () => {
  const one = made({ segmentSize: 4 * MIB });
  const plain = new MemoryStore();
  const random = (target: Uint8Array) => target.fill(9);
  createArchive(plain, 'x.dmg', diskOf(), { format: 'udzo', holder, random, free: [FREE] });
  expect(bytesOf(one, 'x.dmg').equals(bytesOf(plain, 'x.dmg'))).toBe(true);
  expect(filesOf(one).length).toBe(1);
});

test('a fork that ends where a file does begins no other', () => {
  const store = new MemoryStore();
  const first = store.open('x.dmg', 'create');
  const open = (number: number, mode: 'create' | 'write') => store.open(segmentPath('x.dmg', number), mode);
  const writer = new SegmentWriter(first, { room: 1012, open }, 300);
  writer.write(0, Buffer.alloc(200, 1));
  expect(writer.parts.map(({ length }) => length)).toEqual([200]);
  writer.write(200, Buffer.alloc(1001, 2));
  expect(writer.parts.map(({ length }) => length)).toEqual([200, 500, 500, 1]);
  writer.close();
  expect(store.list('.').length).toBe(4);
});

test('files that are too small are refused, and a thousand is the most', () => {
  expect(() => made({ segmentSize: 3000 })).toThrow(UnsupportedError);
  expect(() => made({ segmentSize: 3000 })).toThrow(/no room for the image's tables/);
  const store = new MemoryStore();
  const first = store.open('x.dmg', 'create');
  const writer = new SegmentWriter(
    first,
    { room: 522, open: (number, mode) => store.open(segmentPath('x.dmg', number), mode) },
    0,
  );
  writer.write(0, Buffer.alloc(10_000));
  expect(writer.parts.length).toBe(1000);
  expect(() => writer.write(10_000, Buffer.alloc(1))).toThrow(/more than 1000 segments/);
});

test('whichever call fails, no file stays open for writing and the error is told', () => {
  for (let call = 1; call < 400; call += 3) {
    const store = new FaultStore(new MemoryStore(), { call, code: 'EIO' });
    const random = (target: Uint8Array) => target.fill(9);
    const options = { format: 'udro', holder, random, free: [FREE], segmentSize: MIB / 2 } as const;
    const make = () => createArchive(store, 'x.dmg', diskOf(), options);
    try {
      make();
    } catch (error) {
      expect(error).toMatchObject({ code: 'EIO' });
    }
    if (!store.fired) return;
  }
  throw new Error('every call failed');
});

test('names of segments are told from others', () => {
  const store = new MemoryStore();
  const names = [
    'x.002.dmgpart',
    'x.010.dmgpart',
    'x.1000.dmgpart',
    'x.0003.dmgpart',
    'x.001.dmgpart',
    'y.003.dmgpart',
  ];
  for (const name of [...names, 'x.02.dmgpart', 'x.004.dmgpart.tmp', 'xx.005.dmgpart'])
    store.open(name, 'create').close();
  store.makeFolder('x.006.dmgpart');
  expect(namedSegments(store, 'x.dmg')).toEqual([2, 10, 1000]);
  expect(namedSegments(store, './x.DMG')).toEqual([2, 10, 1000]);
});

const seven = withOracle('7zz');
test.skipIf(seven.skip)('7-Zip knows no segments, but takes what they hold when their forks are put together', () => {
  const files = filesOf(made({ segmentSize: 200_000 }));
  const forks = files.map((file) => file.subarray(0, Number(file.readBigUInt64BE(file.length - 512 + 32))));
  const fork = Buffer.concat(forks);
  const [first] = files as [Buffer];
  const list = first.subarray(forks[0]?.length, first.length - 512);
  const koly = Buffer.from(first.subarray(first.length - 512));
  koly.writeBigUInt64BE(BigInt(fork.length), 32);
  koly.writeBigUInt64BE(BigInt(fork.length), 216);
  koly.writeUInt32BE(1, 60);
  koly.writeUInt32BE(crc32(fork), 88);
  withFolder((folder) => {
    const path = join(folder, 'x.dmg');
    writeFileSync(path, Buffer.concat([fork, list, koly]));
    const { status, stdout } = spawnSync(seven.path, ['t', '-tdmg', path], { encoding: 'utf8' });
    expect([status, /warning|error/i.test(stdout)]).toEqual([0, false]);
  });
});
