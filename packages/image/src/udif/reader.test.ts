import { createHash } from 'node:crypto';
import { adc, bzip2, lzfse, xz, zlib } from '@tintype/codec';
import { CorruptError, crc32, UnsupportedError } from '@tintype/core';
import { expand, fixture, fixtureBytes, Random, withOracle } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { fileContainer } from '../open.js';
import { wordBytes } from './checksums.js';
import { readKoly } from './koly.js';
import { UdifDevice } from './reader.js';
import { Koly } from './structs.js';
import { END, image, kolyOf, listOf, type MadeTable, stored } from './udif.testing.js';

function open(bytes: Uint8Array): UdifDevice {
  const file = stored(bytes);
  const koly = readKoly(file);
  if (!koly) throw new Error('has no trailer');
  return new UdifDevice(file, koly);
}

function diskOf(device: UdifDevice): Buffer {
  const disk = Buffer.alloc(device.size, 0xaa);
  device.read(0, disk);
  return disk;
}

const sha1 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('hex');
const isMissing = fixture('udif').skip;

describe.skipIf(isMissing)('images that macOS made', () => {
  test.each([
    ['adc', 'udco'],
    ['bzip2', 'udbz'],
    ['lzfse', 'ulfo'],
    ['lzma', 'ulmo'],
    ['ro', 'udro'],
    ['zlib', 'udzo'],
  ])('apfs-empty-%s.dmg: the disk that all six decode to, checksums right', (name, format) => {
    const bytes = fixtureBytes(`udif/apfs-empty-${name}.dmg`);
    const device = open(bytes);
    expect(sha1(diskOf(device))).toBe('14fd362f747ac600c5b600312781900ce4fdc1dd');
    expect([...device.verify()]).toEqual([]);
    expect(fileContainer(stored(bytes), 'udif', false).format).toBe(format);
  });

  const old = 'udif/hfsplus-apm-data-offset.dmg';
  test('an image of 2003: its data lie behind an offset, its chunks are shuffled, its tables are there twice', () => {
    const bytes = Buffer.from(fixtureBytes(old));
    const device = open(bytes);
    expect([...device.verify()]).toEqual([]);
    const disk = diskOf(device);
    const koly = readKoly(stored(bytes));
    // Without its property list it is what it was before Mac OS X 10.2.
    bytes.writeBigUInt64BE(0n, bytes.length - Koly.size + Koly.at.xmlLength);
    const byFork = open(bytes);
    expect(koly?.resourceForkLength).toBeGreaterThan(0);
    expect(diskOf(byFork).equals(disk)).toBe(true);
    expect([...byFork.verify()]).toEqual([]);
  });

  test.skipIf(withOracle('7zz').skip).each(['apfs-empty-zlib', 'apfs-empty-lzma', 'hfsplus-apm-data-offset'])(
    '%s.dmg: 7-Zip expands it to the same bytes',
    (name) => {
      const path = fixture(`udif/${name}.dmg`).path;
      expect(sha1(expand(path))).toBe(sha1(diskOf(open(fixtureBytes(`udif/${name}.dmg`)))));
    },
  );

  test('any byte of the stored ones that changes is a finding', () => {
    const good = fixtureBytes('udif/apfs-empty-bzip2.dmg');
    const { dataForkLength = 0 } = readKoly(stored(good)) ?? {};
    const random = new Random(2);
    for (let round = 0; round < 20; round += 1) {
      const bytes = good.slice();
      const at = random.below(dataForkLength);
      bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
      const kinds = [...open(bytes).verify()].map(({ kind }) => kind);
      expect(kinds).toContain('udif-data-checksum');
    }
  });
});

/** A disk of 40 sectors: two tables, all kinds of chunks, none in order, gaps between. */
const random = new Random(3);
const sectors = (count: number): Buffer =>
  Buffer.concat([random.bytes(count * 256), Buffer.alloc(count * 256, 'text ')]);
const content = { a: sectors(4), b: sectors(3), c: sectors(5), d: sectors(2), e: sectors(2), f: sectors(1) };
const chunk = (type: number, firstSector: number, bytes: Uint8Array, coded: Uint8Array = bytes) => ({
  type,
  firstSector,
  sectorCount: bytes.length / 512,
  stored: coded,
});
const KINDS = {
  raw: 1,
  ignore: 2,
  adc: 0x8000_0004,
  zlib: 0x8000_0005,
  bzip2: 0x8000_0006,
  lzfse: 0x8000_0007,
  lzma: 0x8000_0008,
  comment: 0x7fff_fffe,
};
const tables: readonly MadeTable[] = [
  {
    name: 'second',
    firstSector: 20,
    sectorCount: 20,
    chunks: [
      chunk(KINDS.lzma, 10, content.c, xz.encode(content.c)),
      chunk(KINDS.raw, 0, content.a),
      { type: KINDS.comment, firstSector: 0, sectorCount: 0 },
      { type: 0, firstSector: 4, sectorCount: 2 },
      chunk(KINDS.adc, 17, content.e, adc.encode(content.e)),
      END,
    ],
  },
  {
    name: 'first &amp; foremost',
    firstSector: 0,
    sectorCount: 18,
    chunks: [
      chunk(KINDS.bzip2, 8, content.b, bzip2.encode(content.b)),
      chunk(KINDS.lzfse, 3, content.d, lzfse.encode(content.d)),
      { type: KINDS.ignore, firstSector: 12, sectorCount: 0 },
      { type: KINDS.ignore, firstSector: 12, sectorCount: 6 },
      chunk(KINDS.zlib, 0, content.f, zlib.encode(content.f)),
      END,
    ],
  },
];
const disk = Buffer.alloc(40 * 512);
for (const [sector, bytes] of [
  [30, content.c],
  [20, content.a],
  [37, content.e],
  [8, content.b],
  [3, content.d],
  [0, content.f],
] as const)
  disk.set(bytes, sector * 512);

test.each([0, 777])('chunks of every kind, out of order and with gaps; the data fork begins at %i', (start) => {
  const device = open(image(tables, 40, start));
  expect(diskOf(device).equals(disk)).toBe(true);
  for (let round = 0; round < 300; round += 1) {
    const position = random.below(disk.length);
    const part = Buffer.alloc(random.below(Math.min(9000, disk.length - position)));
    device.read(position, part);
    expect(part.equals(disk.subarray(position, position + part.length))).toBe(true);
  }
  let zeros = 0;
  for (let at = 0; at < device.size; ) {
    const { length, kind } = device.extent(at);
    if (kind === 'zero') zeros += length;
    if (kind === 'zero') expect(disk.subarray(at, at + length).every((byte) => byte === 0)).toBe(true);
    at += length;
  }
  expect(zeros).toBe((40 - 17) * 512);
  expect(device.codecs).toEqual(['zlib', 'LZFSE', 'bzip2', 'LZMA', 'ADC']);
});

test('a trailer that does not say how large disk and data fork are', () => {
  const bytes = image(tables, 40);
  const koly = bytes.length - Koly.size;
  bytes.writeBigUInt64BE(0n, koly + Koly.at.sectorCount);
  bytes.writeBigUInt64BE(0n, koly + Koly.at.dataForkLength);
  expect(diskOf(open(bytes)).equals(disk)).toBe(true);
});

function summed(type: number, bytes: Uint8Array): string[] {
  const made = {
    name: 'one',
    firstSector: 0,
    sectorCount: 4,
    checksum: { type, bytes },
    chunks: [chunk(1, 0, content.a), END],
  };
  return [...open(image([made], 4)).verify()].map(({ kind }) => kind);
}

test('checksums of each kind; one that is not known cannot be wrong', () => {
  const md5 = createHash('md5').update(content.a).digest();
  const crc = wordBytes(crc32(content.a));
  expect([summed(2, crc), summed(4, md5), summed(99, md5), summed(0, crc)]).toEqual([[], [], [], []]);
  const wrong = Buffer.alloc(128, 1);
  expect([summed(2, wrong), summed(4, wrong)]).toEqual([['udif-table-checksum'], ['udif-table-checksum']]);
});

test('a chunk that cannot be decoded is a finding, even without a checksum', () => {
  const junk = { type: KINDS.zlib, firstSector: 0, sectorCount: 4, stored: Buffer.from('junk') };
  const made = { name: 'one', firstSector: 0, sectorCount: 4, chunks: [junk, END] };
  const device = open(image([made], 4));
  expect([...device.verify()]).toMatchObject([{ kind: 'udif-chunk', place: 'one' }]);
  expect(() => diskOf(device)).toThrow(CorruptError);
});

test('a table without an end, or with two', () => {
  for (const ends of [[], [END, END]]) {
    const made = { name: 'one', firstSector: 0, sectorCount: 4, chunks: [chunk(1, 0, content.a), ...ends] };
    const device = open(image([made], 4));
    expect([...device.verify()]).toMatchObject([{ kind: 'udif-terminator', severity: 'warning' }]);
    expect(diskOf(device).equals(content.a)).toBe(true);
  }
});

test('many chunks: what is kept of them stays within its limit', () => {
  const clear = Buffer.alloc(1 << 20);
  const coded = zlib.encode(clear);
  // All of them are one in the file.
  const chunks = Array.from({ length: 200 }, (_, i) => ({
    ...chunk(KINDS.zlib, i * 2048, clear, coded),
    ...(i === 0 ? {} : { offset: 0 }),
  }));
  const device = open(
    image([{ name: 'x', firstSector: 0, sectorCount: 200 * 2048, chunks: [...chunks, END] }], 200 * 2048),
  );
  const before = process.memoryUsage().arrayBuffers;
  const part = Buffer.alloc(512);
  for (let i = 0; i < 200; i += 1) device.read(i * (1 << 20) + 5000, part);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(150 << 20);
});

const one = (change: Partial<MadeTable>): Buffer =>
  image([{ name: 'x', firstSector: 0, sectorCount: 4, chunks: [chunk(1, 0, content.a), END], ...change }], 4);
test.each([
  ['a region outside the disk', one({ firstSector: 1 })],
  ['a chunk outside its region', one({ sectorCount: 3 })],
  ['a chunk of a kind that is not known', one({ chunks: [chunk(7, 0, content.a), END] })],
  ['a raw chunk of another length', one({ chunks: [chunk(1, 0, content.a, content.b), END] })],
  ['a coded chunk without bytes', one({ chunks: [{ type: KINDS.zlib, firstSector: 0, sectorCount: 4 }, END] })],
  ['two chunks that overlap', one({ chunks: [chunk(1, 0, content.a), chunk(1, 3, content.f), END] })],
  ['no tables', image([], 4)],
  ['no list', Buffer.concat([Buffer.from('<plist/>'), kolyOf({ xmlLength: 8, sectorCount: 4 })])],
  [
    'a list of something else',
    Buffer.concat([Buffer.from('<plist><array/></plist>'), kolyOf({ xmlLength: 23, sectorCount: 4 })]),
  ],
  [
    'a table that is too short',
    Buffer.concat([
      listOf([{ name: 'x', data: Buffer.from('mish') }]),
      kolyOf({ xmlLength: listOf([{ name: 'x', data: Buffer.from('mish') }]).length, sectorCount: 4 }),
    ]),
  ],
])('refused: %s', (_what, bytes) => {
  expect(() => open(bytes)).toThrow(CorruptError);
});

test('one of several segments alone is refused', () => {
  const bytes = one({});
  bytes.writeUInt32BE(3, bytes.length - Koly.size + Koly.at.segmentCount);
  expect(() => open(bytes)).toThrow(UnsupportedError);
});
