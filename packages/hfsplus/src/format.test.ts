import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import { type FormatOptions, UnsupportedError } from '@tintype/core';
import {
  fsckHfsplus,
  mkfsHfsplus,
  Random,
  RecordingDevice,
  SparseDevice,
  withFolder,
  withOracle,
} from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { hfsplus } from './driver.js';
import { format, layoutOf, type VolumeLayout } from './format.js';
import { readVolumeHeader } from './mounted.js';
import { CatalogFile, CatalogFolder, RECORD_TYPE } from './structs/catalog.js';
import { VolumeHeader } from './structs/volume-header.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const TIB = 1024 * GIB;
const options: FormatOptions = {
  volumeName: 'untitled',
  caseSensitive: false,
  now: 1_700_000_000,
  random: (target) => new Random(7).fill(target),
  uid: 0,
  gid: 0,
};

function formatted(size: number, change: Partial<FormatOptions> = {}): SparseDevice {
  const device = new SparseDevice(size);
  format(device, { ...options, ...change });
  return device;
}

// Volumes that mkfs.hfsplus -J made: size, block size, blocks, free blocks, bitmap KiB, journal
// KiB, then KiB and first block of extents, attributes and catalog, its node size, next allocation.
const TABLE = `
1M 4096 256 92 4 512 32@131 64@139 32@155 4096 243
2M 4096 512 348 4 512 32@131 64@139 32@315 4096 403
4M 4096 1024 860 4 512 32@131 64@139 32@315 4096 403
8M 4096 2048 1868 4 512 64@131 64@147 64@323 4096 499
16M 4096 4096 3868 4 512 128@131 128@163 128@515 4096 867
64M 4096 16384 15868 4 512 512@131 512@259 512@1667 4096 3075
100M 4096 25600 24868 4 512 800@131 800@331 800@2531 4096 4731
127M 4096 32512 31618 4 512 1016@131 1016@385 1016@3179 4096 5973
128M 4096 32768 29948 4 8192 1024@2051 1024@2307 1024@5123 4096 7939
256M 4096 65536 61947 8 8192 2048@2052 2048@2564 2048@8196 4096 13828
512M 4096 131072 125945 16 8192 4096@2054 4096@3078 4096@14342 4096 25606
1023M 4096 261888 253691 32 8192 8184@2058 8184@4104 8184@26610 4096 49116
1G 4096 262144 257013 32 8192 4096@2058 4096@3082 4096@14346 8192 25610
2G 4096 524288 518125 64 8192 4096@2066 6144@3090 6144@19986 8192 36882
4G 4096 1048576 1041373 128 8192 4096@2082 8192@3106 8192@25634 8192 48162
8G 4096 2097152 2088125 256 8192 5120@2114 11264@3394 11264@34370 8192 65346
10G 4096 2621440 2612397 320 8192 5120@2130 11264@3410 11264@34386 8192 78162
16G 4096 4194304 4166269 512 8192 5120@2178 65536@3458 32768@183682 8192 294274
32G 4096 8388608 8350717 1024 8192 6144@2306 86016@3842 50176@240386 8192 419330
64G 4096 16777216 16725501 2048 8192 7168@2562 113664@4354 75776@316930 8192 607234
100G 4096 26214400 26160349 3200 16384 7168@4898 113664@6690 75776@319266 8192 655650
256G 4096 67108864 67005437 8192 24576 9216@8194 198656@10498 173056@556802 8192 1163778
1T 4096 268435456 268250621 32768 90112 14336@30722 301056@34306 301056@862210 8192 1821186
2T-4096 4096 536870911 536657404 65536 172032 14336@59394 301056@62978 301056@890882 8192 1849858
2T 8192 268435456 268321277 32768 172032 16384@25602 346112@27650 346112@503554 8192 1044994
4T 8192 536870912 536718845 65536 335872 20480@50178 397312@52738 397312@599042 8192 1210882
8T 16384 536870912 536775357 65536 524288 25600@36866 456704@38466 456704@352450 8192 699202
`;

function sizeOf(text: string): number {
  const [, number, unit, less] = /^(\d+)([MGT])-?(\d*)$/.exec(text) ?? [];
  return Number(number) * (unit === 'M' ? MIB : unit === 'G' ? GIB : TIB) - Number(less || 0);
}

function row(size: string, layout: VolumeLayout): string {
  const { blockSize, totalBlocks, freeBlocks, bitmapBlocks, journalBytes, nextAllocation } = layout;
  const tree = (name: 'extents' | 'attributes' | 'catalog') => `${layout[name].bytes / KIB}@${layout[name].start}`;
  const parts = [size, blockSize, totalBlocks, freeBlocks, (bitmapBlocks * blockSize) / KIB, journalBytes / KIB];
  return [...parts, tree('extents'), tree('attributes'), tree('catalog'), layout.catalog.nodeSize, nextAllocation].join(
    ' ',
  );
}

test.each(TABLE.trim().split('\n'))('%s', (expected) => {
  const size = expected.split(' ', 1)[0] ?? '';
  expect(row(size, layoutOf(sizeOf(size)))).toBe(expected);
});

test('sizes and names that no volume can have are refused, with nothing written', () => {
  const wrong: [number, Partial<FormatOptions>][] = [
    [800 * KIB - 512, {}],
    [16e12 + 512, {}],
    [10 * MIB + 100, {}],
    [10 * MIB, { volumeName: 'a/b' }],
    [10 * MIB, { volumeName: '..' }],
  ];
  for (const [size, change] of wrong) {
    const device = new SparseDevice(size);
    expect(() => format(device, { ...options, ...change })).toThrow(UnsupportedError);
    expect(device.stored(0, size)).toBe(0);
  }
});

test('names are cut to what fits, whole characters, and made sound', () => {
  const nameOf = (volumeName: string) => hfsplus.probe(formatted(2 * MIB, { volumeName }))?.volumes[0]?.name;
  expect(nameOf('Füße: 1')).toBe('Füße: 1');
  expect(nameOf('')).toBe('untitled');
  expect(nameOf('x'.repeat(300))).toBe('x'.repeat(255));
  expect(nameOf('é'.repeat(200))).toBe('é'.repeat(127));
  expect(nameOf(`${'x'.repeat(254)}\u{1f600}`)).toBe('x'.repeat(254));
  expect(nameOf('bad\udc80name')).toBe('bad\ufffdname');
});

test('the volume id comes from the random bytes, the rest from the clock', () => {
  const device = formatted(10 * MIB, { now: 1_600_000_000 });
  const header = readVolumeHeader(device);
  const random = new Uint8Array(8);
  new Random(7).fill(random);
  expect(header.finderInfo.subarray(24)).toEqual(random);
  expect(header.modifyDate - 2_082_844_800).toBe(1_600_000_000);
  expect(header.modifyDate - header.createDate).toBe(new Date(1_600_000_000_000).getTimezoneOffset() * 60);
  expect(formatted(10 * MIB, { now: 1_600_000_000 }).bytes).toEqual(device.bytes);
});

test('a volume of terabytes: metadata only is written', () => {
  const device = new RecordingDevice(new SparseDevice(16e12));
  const start = performance.now();
  format(device, options);
  expect(performance.now() - start).toBeLessThan(60_000);
  const written = device.calls.reduce((sum, { kind, length }) => sum + (kind === 'write' ? length : 0), 0);
  expect(written).toBeLessThan(4 * MIB);
  const zeroed = device.calls.reduce((sum, { kind, length }) => sum + (kind === 'zero' ? length : 0), 0);
  expect(zeroed).toBeLessThan(1200 * MIB);
  expect(device.calls.filter(({ kind }) => kind === 'discard' || kind === 'read')).toEqual([]);
});

/** Everything is there before the header says that there is a volume. */
test('the volume header is written last', () => {
  const device = new RecordingDevice(new SparseDevice(16 * MIB));
  format(device, options);
  expect(device.calls.slice(-3).map(({ kind, position }) => `${kind} ${position}`)).toEqual([
    'flush 0',
    'write 1024',
    'flush 0',
  ]);
});

/** A file with the device's content, holes where it has none. */
function putFile(device: SparseDevice, file: string): void {
  const handle = openSync(file, 'w');
  ftruncateSync(handle, device.size);
  for (let at = 0; at < device.size; ) {
    const extent = device.extent(at);
    const length = Math.min(extent.length, 16 * MIB);
    if (extent.kind === 'data') {
      const bytes = Buffer.alloc(length);
      device.read(at, bytes);
      writeSync(handle, bytes, 0, length, at);
    }
    at += length;
  }
  closeSync(handle);
}

describe.skipIf(withOracle('mkfs.hfsplus').skip)('as mkfs.hfsplus does it', () => {
  // Not the smallest: there mkfs.hfsplus puts the next allocation behind the end.
  const sizes = [
    ...[1_000_448, MIB, 1536 * KIB, 2 * MIB - 512, 2 * MIB, 3 * MIB, 5 * MIB + 512, 8 * MIB, 10_000_384],
    ...[16 * MIB, 31 * MIB, 33_554_432, 64 * MIB, 100 * MIB, 127 * MIB, 128 * MIB - 512, 128 * MIB, 200 * MIB],
    ...[256 * MIB, 500 * MIB, 1023 * MIB, GIB - 512, GIB, GIB + 4096, 1500 * MIB, 2 * GIB, 3 * GIB, 4 * GIB, 5 * GIB],
  ];
  test.each(sizes.map((size, i) => [size, i % 2 === 1] as const))(
    '%i bytes, case-sensitive: %s',
    (size, caseSensitive) => {
      withFolder((folder) => {
        const file = path.join(folder, 'volume');
        const handle = openSync(file, 'w+');
        ftruncateSync(handle, size);
        const verdict = mkfsHfsplus(file, ['-J', ...(caseSensitive ? ['-s'] : [])]);
        expect(verdict.ok, verdict.output).toBe(true);
        const differences = differencesOf(formatted(size, { caseSensitive }), handle);
        closeSync(handle);
        expect(differences).toEqual([]);
      });
    },
  );
});

/** Bytes that differ, but for dates, ids, and what this mkfs.hfsplus leaves zero in the root folder. */
function differencesOf(device: SparseDevice, file: number): string[] {
  const layout = layoutOf(device.size);
  const leaf = layout.catalog.start * layout.blockSize + layout.catalog.nodeSize;
  const masks = [...headerMasks(1024), ...headerMasks(device.size - 1024), ...leafMasks(device, leaf, layout)];
  const ours = Buffer.alloc(MIB);
  const theirs = Buffer.alloc(MIB);
  const differences: string[] = [];
  const { catalog, blockSize } = layout;
  const metadataEnd = catalog.start * blockSize + catalog.bytes + MIB;
  for (let at = 0; at < device.size; at += MIB) {
    if (at > metadataEnd && at + 2 * MIB < device.size) continue;
    const length = Math.min(MIB, device.size - at);
    readSync(file, theirs, 0, length, at);
    device.read(at, ours.subarray(0, length));
    for (const [from, size] of masks)
      if (from < at + length && from + size > at)
        for (const bytes of [ours, theirs]) bytes.fill(0, Math.max(0, from - at), Math.min(length, from + size - at));
    if (ours.compare(theirs, 0, length, 0, length) === 0) continue;
    for (let i = 0; i < length && differences.length < 10; i += 1)
      if (ours[i] !== theirs[i]) differences.push(`byte ${at + i}: ${ours[i]} instead of ${theirs[i]}`);
  }
  return differences;
}

type Mask = readonly [position: number, length: number];

function headerMasks(at: number): Mask[] {
  const fields = VolumeHeader.at;
  return [
    [at + fields.createDate, 4],
    [at + fields.modifyDate, 4],
    [at + fields.checkedDate, 4],
    [at + fields.finderInfo + 24, 8],
  ];
}

function leafMasks(device: SparseDevice, leaf: number, { catalog }: VolumeLayout): Mask[] {
  const bytes = new Uint8Array(catalog.nodeSize);
  device.read(leaf, bytes);
  const view = new DataView(bytes.buffer);
  return Array.from({ length: view.getUint16(10) }, (_, i) => {
    const record = view.getUint16(catalog.nodeSize - 2 * (i + 1));
    return record + 2 + view.getUint16(record);
  }).flatMap((data): Mask[] => {
    const type = view.getUint16(data);
    if (type > RECORD_TYPE.file) return [];
    const dates: Mask = [leaf + data + CatalogFile.at.createDate, 20];
    if (type === RECORD_TYPE.file) return [dates];
    return [dates, [leaf + data + CatalogFolder.at.flags, 2], [leaf + data + CatalogFolder.at.bsdInfo, 16]];
  });
}

test.skipIf(withOracle('fsck.hfsplus').skip).each([800 * KIB, 1_000_448, MIB, 2 * MIB, 10_000_384, 200 * MIB, 3 * GIB])(
  "Apple's checker accepts %i bytes",
  (size) => {
    for (const caseSensitive of [false, true]) {
      withFolder((folder) => {
        const file = path.join(folder, 'volume');
        putFile(formatted(size, { caseSensitive, uid: 501, gid: 20, volumeName: 'Füße' }), file);
        expect(fsckHfsplus(file)).toMatchObject({ ok: true });
      });
    }
  },
);

test('a device full of noise: the same volume, but for what nobody looks at', () => {
  const noisy = new SparseDevice(24 * MIB);
  const random = new Random(8);
  for (let at = 0; at < noisy.size; at += MIB) noisy.write(at, random.bytes(MIB));
  format(noisy, options);
  const clean = formatted(24 * MIB);
  const layout = layoutOf(24 * MIB);
  const journalAt = layout.journalStart * layout.blockSize;
  const used = [
    [0, journalAt],
    [layout.extents.start * layout.blockSize, layout.attributes.start * layout.blockSize + layout.attributes.bytes],
    [layout.catalog.start * layout.blockSize, layout.catalog.start * layout.blockSize + layout.catalog.bytes],
  ] as const;
  for (const [from, to] of used) {
    const [ours, theirs] = [noisy, clean].map((device) => {
      const bytes = Buffer.alloc(to - from);
      device.read(from, bytes);
      return bytes;
    });
    expect(ours?.equals(theirs as Buffer)).toBe(true);
  }
  expect([...hfsplus.check(noisy, {})]).toEqual([]);
});
