import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chunkLanes } from '@tintype/codec';
import { type BlockDevice, type Lanes, MemoryDevice, type Range, UnsupportedError } from '@tintype/core';
import { fixture, fixtureBytes, MemoryStore, Random, shared, withFolder, withOracle } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { createArchive } from '../archive.js';
import type { ArchiveOptions } from '../disk-image.js';
import { holder } from '../encryption/encrypted.testing.js';
import { openImage } from '../open.js';
import { writePartitionMap } from '../partitions/map.js';
import { readKoly } from './koly.js';
import { UdifDevice } from './reader.js';
import { stored } from './udif.testing.js';

const SIZE = 5 << 20;
const MIB = 1 << 20;
const FORMATS = ['udro', 'udco', 'udzo', 'udbz', 'ulfo', 'ulmo'] as const;
const random = new Random(31);

/** Text, noise, zeros, and a part that is free though it is full. */
function diskOf(scheme: 'gpt' | 'apm' | 'none'): MemoryDevice {
  const device = new MemoryDevice(new Uint8Array(SIZE));
  writePartitionMap(device, { scheme, type: 'Apple_HFS', random: (target) => random.fill(target) });
  device.write(100_000, Buffer.alloc(1_500_000, 'all work and no play '));
  device.write(1_700_352, random.bytes(MIB));
  return device;
}
const FREE: Range = { start: 3 * MIB + 100, length: MIB };

function written(disk: MemoryDevice, options: Partial<ArchiveOptions> = {}): Uint8Array {
  const store = new MemoryStore();
  createArchive(store, 'x.dmg', disk, {
    format: 'udzo',
    holder,
    random: options.holder?.random ?? holder.random,
    free: [FREE],
    ...options,
  });
  const file = store.open('x.dmg', 'read');
  const bytes = new Uint8Array(file.size());
  file.read(0, bytes);
  return bytes;
}

/** The disk without what is free, whole sectors of it. */
function expected(disk: MemoryDevice): Buffer {
  const bytes = Buffer.alloc(disk.size);
  disk.read(0, bytes);
  return bytes.fill(0, 3 * MIB + 512, 4 * MIB);
}

function open(bytes: Uint8Array, lanes?: Lanes): UdifDevice {
  const koly = readKoly(stored(bytes));
  if (!koly) throw new Error('has no trailer');
  return new UdifDevice(stored(bytes), koly, { lanes });
}

function read(bytes: Uint8Array, lanes?: Lanes): Buffer {
  const device = open(bytes, lanes);
  expect([...device.verify()]).toEqual([]);
  const disk = Buffer.alloc(device.size);
  device.read(0, disk);
  return disk;
}

const seven = withOracle('7zz');
const modi = join(shared, 'oracles/modi-read');

describe.each(FORMATS)('%s', (format) => {
  test.each(['gpt', 'apm', 'none'] as const)(
    'a disk with the map %s comes back, and foreign readers agree',
    (scheme) => {
      const disk = diskOf(scheme);
      const bytes = written(disk, { format });
      expect(read(bytes).equals(expected(disk))).toBe(true);
      foreignReadersAgree(bytes, format, expected(disk));
    },
  );
});

function foreignReadersAgree(bytes: Uint8Array, format: (typeof FORMATS)[number], disk: Buffer): void {
  withFolder((folder) => {
    const path = join(folder, 'x.dmg');
    writeFileSync(path, bytes);
    if (!seven.skip) {
      const { status, stdout } = spawnSync(seven.path, ['t', '-tdmg', path], { encoding: 'utf8' });
      expect([status, /warning|error/i.test(stdout)]).toEqual([0, false]);
    }
    // libmodi knows no LZMA, and of bzip2 no chunk of two blocks.
    if (format === 'ulmo' || format === 'udbz') return;
    const out = join(folder, 'out');
    const { status, stderr } = spawnSync('python3', [modi, path, out], { encoding: 'utf8' });
    if (/No such file|cannot open shared/.test(stderr)) return;
    expect([status, stderr]).toEqual([0, '']);
    expect(readFileSync(out).equals(disk)).toBe(true);
  });
}

test('udro: zeros of 64 KiB are not stored wherever they lie; the same disk gives the same bytes', () => {
  const disk = diskOf('gpt');
  disk.write(2 * MIB, new Uint8Array(3 * MIB - 100_000));
  const filled = [2 * MIB, 2.3 * MIB, 2.31 * MIB, 2.8 * MIB, 4.2 * MIB, 4.6 * MIB].map(Math.floor);
  for (const at of filled) disk.write(at, random.bytes(40_000));
  const same = { ...holder, random: (target: Uint8Array) => target.fill(1) };
  const bytes = written(disk, { format: 'udro', holder: same });
  expect(read(bytes).equals(expected(disk))).toBe(true);
  // The text, and for each of the others two pieces at the most.
  expect(bytes.length).toBeLessThan(2 * MIB + filled.length * 131_072 + 100_000);
  expect(Buffer.compare(bytes, written(disk, { format: 'udro', holder: same }))).toBe(0);
  foreignReadersAgree(bytes, 'udro', expected(disk));
});

test('what repeats itself shrinks, by level; the same disk gives the same bytes', () => {
  const disk = diskOf('gpt');
  const [fast, small] = [1, 9].map((level) => written(disk, { level }).length);
  expect(small).toBeLessThan(fast as number);
  const same = { ...holder, random: (target: Uint8Array) => target.fill(1) };
  expect(Buffer.compare(written(disk, { holder: same }), written(disk, { holder: same }))).toBe(0);
});

const apple = fixture('hfsplus/basic-udzo.dmg');
test.skipIf(apple.skip)('an image of macOS, written again: the same tables, names and checksums', () => {
  const good = fixtureBytes('hfsplus/basic-udzo.dmg');
  const koly = readKoly(stored(good));
  if (!koly) throw new Error('has no trailer');
  const device = new UdifDevice(stored(good), koly);
  const disk = new MemoryDevice(new Uint8Array(device.size));
  disk.write(0, read(good));
  const again = written(disk, { free: [], level: 1 });
  expect(read(again).equals(read(good))).toBe(true);
  const names = (bytes: Uint8Array) =>
    Buffer.from(bytes)
      .toString('latin1')
      .match(/<key>CFName<\/key>\s*<string>([^<]*)/g);
  expect(names(again)).toEqual(names(good));
});

test('encrypted: the trailer stands at the end of the clear bytes', () => {
  const store = new MemoryStore();
  const disk = diskOf('gpt');
  const passphrase = Buffer.from('x');
  const secret = { encryption: 'aes-256', passphrase, kdfRounds: 1 } as const;
  createArchive(store, 'x.dmg', disk, {
    format: 'ulfo',
    holder,
    random: holder.random,
    free: [FREE],
    ...secret,
  });
  const image = openImage(store, 'x.dmg', {
    writable: false,
    waitLock: 0,
    holder,
    allowTimeMachine: false,
    passphrase,
  });
  const seen = Buffer.alloc(SIZE);
  image.device.read(0, seen);
  expect([image.format, seen.equals(expected(disk)), [...image.verify()]]).toEqual(['ulfo', true, []]);
  image.close();
});

test('asked to stop, it stops', () => {
  const progress = () => {
    throw new Error('stop');
  };
  expect(() => written(diskOf('gpt'), { progress })).toThrow('stop');
});

test('compressed by threads, and read with them: the same bytes as by the caller alone', () => {
  const disk = new MemoryDevice(new Uint8Array(40 * MIB));
  writePartitionMap(disk, { scheme: 'gpt', type: 'Apple_HFS', random: (target) => random.fill(target) });
  for (let at = 1; at < 36; at += 2) disk.write(at * MIB + 77, Buffer.alloc(MIB / 2, `chunk ${at} `));
  disk.write(9 * MIB, random.bytes(2 * MIB));
  const same = { ...holder, random: (target: Uint8Array) => target.fill(1) };
  const lanes = chunkLanes(2, 0);
  const bytes = written(disk, { holder: same, lanes });
  expect(Buffer.compare(bytes, written(disk, { holder: same }))).toBe(0);
  expect(read(bytes, lanes).equals(read(bytes))).toBe(true);
  const bad = bytes.slice();
  bad.fill(0xa5, 2500, 2510);
  expect(() => read(bad, lanes)).toThrow();
  const findings = (given?: typeof lanes) => [...open(bad, given).verify()].map(({ kind, message }) => [kind, message]);
  expect(findings(lanes)).toEqual(findings());
  expect(findings().map(([kind]) => kind)).toEqual(['udif-data-checksum', 'udif-chunk']);
  lanes.close();
});

test('more than 4 TiB to store is refused before anything is made; zeros and what is free do not count', () => {
  const TIB = 2 ** 40;
  /** Data up to `data`, zeros behind. */
  const disk = (data: number): BlockDevice =>
    new Proxy(new MemoryDevice(new Uint8Array(512)), {
      get: (device, name) => {
        if (name === 'size') return 9 * TIB;
        if (name === 'read') return (_position: number, target: Uint8Array) => target.fill(0);
        if (name !== 'extent') return Reflect.get(device, name, device);
        return (position: number) =>
          position < data
            ? { length: Math.min(data - position, TIB), kind: 'data' }
            : { length: 9 * TIB - position, kind: 'zero' };
      },
    });
  const store = new MemoryStore();
  const make = (data: number, free: readonly Range[]) =>
    createArchive(store, 'x.dmg', disk(data), { format: 'udzo', holder, random: holder.random, free });
  expect(() => make(4 * TIB + 512, [])).toThrow(/4.40 TB.*4 TiB.*sparse bundle/);
  expect(() => make(6 * TIB, [{ start: TIB, length: TIB }])).toThrow(UnsupportedError);
  expect(store.kind('x.dmg')).toBe(null);
  make(5 * TIB, [{ start: MIB, length: 5 * TIB - 2 * MIB }]);
  expect(store.kind('x.dmg')).toBe('file');
});
