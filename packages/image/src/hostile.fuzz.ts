// Damaged images: whatever the bytes say, an image is refused by an error that names its place, or read within its size,
// in bounded time and memory. Fixed seeds; a failure names the one that makes it again.

import { type BlockDevice, MemoryDevice, TintypeError } from '@tintype/core';
import { count, fixture, fixtureBytes, MemoryStore, Random } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { BytesFile } from './bytes-file.testing.js';
import { detect } from './detect.js';
import { fileContainer, imageFacts } from './open.js';
import { partitionMap, writePartitionMap } from './partitions/map.js';
import { formatInfoPlist, readBundleInfo } from './sparsebundle/info-plist.js';
import { SparseImageDevice } from './sparseimage/device.js';
import { sparseHeader } from './sparseimage/structs.js';
import { Koly, Mish } from './udif/structs.js';

const SLOWEST = 4000;
const LARGEST_HEAP = 300 << 20;
const ABSURD = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x1f_ffff, 0x20_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/** One to four damages of the ranges: a bit, a byte, an absurd number, a word from elsewhere. */
function damage(
  bytes: Uint8Array,
  random: Random,
  ranges: readonly (readonly [start: number, length: number])[],
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = random.between(1, 4); i > 0; i -= 1) {
    const [start, length] = random.pick(ranges);
    const at = start + random.below(Math.max(1, length - 4));
    if (at + 4 > bytes.length) continue;
    const aligned = at - ((at - start) % 4);
    const choice = random.below(5);
    if (choice === 0) bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
    else if (choice === 1) bytes[at] = random.below(256);
    else if (choice === 2) view.setUint32(aligned, random.pick(ABSURD));
    else if (choice === 3) view.setUint32(aligned, random.pick(ABSURD), true);
    else view.setUint32(aligned, view.getUint32(start + 4 * random.below(Math.max(1, Math.floor(length / 4) - 1))));
  }
}

/** Opens and reads; anything but a named error is a defect, and so is slowness. */
function judge(what: string, act: () => void): void {
  const started = performance.now();
  const heap = process.memoryUsage().arrayBuffers;
  try {
    act();
  } catch (error) {
    if (!(error instanceof TintypeError)) throw new Error(`${what}: ${String(error)}`, { cause: error });
  }
  expect(performance.now() - started, what).toBeLessThan(SLOWEST);
  expect(process.memoryUsage().arrayBuffers - heap, what).toBeLessThan(LARGEST_HEAP);
}

function readAround(device: BlockDevice, random: Random): void {
  const bytes = new Uint8Array(Math.min(device.size, 1 << 18));
  for (const position of [0, device.size - bytes.length, random.below(device.size - bytes.length + 1)])
    device.read(position, bytes);
  for (let position = 0, i = 0; position < device.size && i < 100; i += 1) {
    const { length } = device.extent(position);
    expect(length).toBeGreaterThan(0);
    position += length;
  }
  partitionMap(device);
}

describe.each(
  ['adc', 'bzip2', 'lzma', 'lzfse', 'ro', 'zlib']
    .map((codec) => `apfs-empty-${codec}`)
    .concat('hfsplus-apm-data-offset'),
)('%s', (name) => {
  const file = `udif/${name}.dmg`;
  const { skip } = fixture(file);
  const good = skip ? new Uint8Array(0) : fixtureBytes(file);

  function open(bytes: Uint8Array, random: Random): void {
    const { device, verify } = fileContainer(new BytesFile(bytes), 'udif', false);
    readAround(device, random);
    // Checksums are computed over all of the disk, however long it says to be.
    if (device.size < 64 << 20) for (const _finding of verify());
  }

  test.skipIf(skip)('with a damaged trailer, list or chunk', () => {
    const koly = good.length - Koly.size;
    const view = new DataView(good.buffer, good.byteOffset, good.length);
    const list = Number(view.getBigUint64(koly + Koly.at.xmlOffset));
    const ranges = [
      [koly, 88],
      [koly + 216, 16],
      [koly + 488, 24],
      [list, koly - list],
      [0, list],
    ] as const;
    for (let seed = 1; seed <= count(60, 2000); seed += 1) {
      const random = new Random(seed);
      const bytes = good.slice();
      damage(bytes, random, ranges);
      judge(`seed ${seed}`, () => open(bytes, random));
    }
  });
  test.skipIf(skip)('with absurd numbers in its tables', () => {
    for (let seed = 1; seed <= count(60, 2000); seed += 1) {
      const random = new Random(seed);
      const bytes = withTables(good, (table) => {
        const chunks = Math.floor((table.length - Mish.size) / 40);
        const chunk = Mish.size + 40 * random.below(Math.max(1, chunks));
        damage(table, random, [
          [0, 40],
          [200, 4],
          [chunk, 40],
        ]);
      });
      judge(`seed ${seed}`, () => open(bytes, random));
    }
  });
  test.skipIf(skip)('cut off or lengthened', () => {
    for (let seed = 1; seed <= count(30, 300); seed += 1) {
      const random = new Random(seed);
      const cut = good.slice(0, random.below(good.length));
      judge(`seed ${seed}`, () => open(cut, random));
      const trailer = good.slice(-Koly.size);
      judge(`seed ${seed}, trailer`, () => open(Buffer.concat([cut, trailer]), random));
    }
  });
});

/** The image with its tables changed, its trailer fitting again. */
function withTables(image: Uint8Array, change: (table: Uint8Array) => void): Uint8Array {
  const koly = image.slice(-Koly.size);
  const view = new DataView(koly.buffer);
  const start = Number(view.getBigUint64(Koly.at.xmlOffset));
  const length = Number(view.getBigUint64(Koly.at.xmlLength));
  const list = Buffer.from(image.subarray(start, start + length)).toString('latin1');
  const changed = list.replace(/<data>([^<]*)<\/data>/g, (_all, base64: string) => {
    const table = new Uint8Array(Buffer.from(base64, 'base64'));
    if (table.length >= Mish.size) change(table);
    return `<data>${Buffer.from(table).toString('base64')}</data>`;
  });
  view.setBigUint64(Koly.at.xmlLength, BigInt(changed.length));
  return Buffer.concat([image.subarray(0, start), Buffer.from(changed, 'latin1'), koly]);
}

test.each(['gpt', 'apm'] as const)('a damaged partition map (%s)', (scheme) => {
  const good = new Uint8Array(1 << 20);
  const random = (target: Uint8Array): void => new Random(1).fill(target);
  writePartitionMap(new MemoryDevice(good), { scheme, type: 'Apple_HFS', random });
  for (let seed = 1; seed <= count(400, 20_000); seed += 1) {
    const bytes = good.slice();
    damage(bytes, new Random(seed), [
      [0, 1024],
      [446, 66],
      [512, 92],
      [1024, 256],
      [good.length - 512, 92],
    ]);
    judge(`seed ${seed}`, () => {
      for (const { start, size } of partitionMap(new MemoryDevice(bytes)).partitions) {
        expect(start).toBeGreaterThanOrEqual(0);
        expect(start + size).toBeLessThanOrEqual(bytes.length);
      }
    });
  }
});

test('a damaged sparse image', () => {
  const store = new MemoryStore();
  const file = store.open('a', 'create');
  file.write(0, sparseHeader(2500 * 512, 512));
  const whole = new SparseImageDevice(file, true);
  whole.write(0, new Random(2).bytes(2500 * 512));
  whole.flush();
  const good = new Uint8Array(file.size());
  file.read(0, good);
  const nodes = [4096 + 1008 * 512, 8192 + 2018 * 512];
  const ranges = nodes.flatMap(
    (node) =>
      [
        [node, 20],
        [node + 56, 400],
      ] as const,
  );
  for (let seed = 1; seed <= count(300, 10_000); seed += 1) {
    const random = new Random(seed);
    const bytes = random.oneIn(10) ? good.slice(0, random.below(good.length)) : good.slice();
    damage(bytes, random, [[0, 36], [64, 400], ...ranges]);
    judge(`seed ${seed}`, () => {
      const { device, verify } = fileContainer(new BytesFile(bytes), 'sparseimage', false);
      readAround(device, random);
      for (const _finding of verify());
    });
  }
});

test('a damaged property list of a bundle', () => {
  const good = Buffer.from(formatInfoPlist({ bandSize: 1 << 20, size: 40 << 20 }));
  for (let seed = 1; seed <= count(400, 20_000); seed += 1) {
    const random = new Random(seed);
    const bytes = new Uint8Array(good);
    if (random.oneIn(3)) damage(bytes, random, [[0, good.length]]);
    else {
      const from = random.below(good.length);
      const part = bytes.slice(from, from + random.below(60));
      bytes.set(part, random.below(good.length - part.length));
    }
    const store = new MemoryStore();
    store.makeFolder('b');
    store.makeFolder('b/bands');
    store.open('b/Info.plist', 'create').write(0, bytes);
    judge(`seed ${seed}`, () => {
      if (detect(store, 'b') === null) return;
      const { bandSize, size } = readBundleInfo(store, 'b');
      expect([bandSize % 512, size % 512]).toEqual([0, 0]);
      imageFacts(store, 'b');
    });
  }
});
