import { CorruptError, UnsupportedError } from '@tintype/core';
import { count, MemoryStore, Random } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { BytesFile } from '../bytes-file.testing.js';
import { holder } from '../containers.testing.js';
import { createImage } from '../create.js';
import { detect } from '../detect.js';
import { imageFacts, openImage } from '../open.js';
import { FreeChunks } from './chunks.js';
import { type NewAsif, writeNewAsif } from './create.js';
import { AsifDevice } from './device.js';
import { geometry, readAsifHeader } from './format.js';
import { readByThePage } from './page-reader.testing.js';
import { AsifHeader } from './structs.js';
import { AsifTables } from './tables.js';

/** Small chunks: a table of one group of 2048 chunks. */
const CHUNK = 33 * 512;
const GROUP = 2048 * CHUNK;
const shape = { chunkSize: CHUNK, blockSize: 512, reach: CHUNK * 10_000 };
const SIZE = 2 * GROUP + 5 * CHUNK + 1024;
const random = holder.random;

function newFile(options: Partial<NewAsif> = {}) {
  const file = new MemoryStore().open('a', 'create');
  writeNewAsif(file, { size: SIZE, random, shape, ...options });
  return file;
}

function bytesOf(file: { size(): number; read(position: number, target: Uint8Array): number }): Uint8Array {
  const bytes = new Uint8Array(file.size());
  file.read(0, bytes);
  return bytes;
}

function diskOf(bytes: Uint8Array): Buffer {
  const device = new AsifDevice(new BytesFile(bytes), false);
  const disk = Buffer.alloc(device.size);
  device.read(0, disk);
  return disk;
}

/**
 * An image put together by hand: chunk 1 is its only table, chunk 2 a bitmap, the rest data; `entries` by index in the
 * table (2048 is the bitmap's).
 */
function byHand(entries: Readonly<Record<number, bigint>>, bitmap: readonly number[] = []): Uint8Array {
  const bytes = new Uint8Array(8 * CHUNK);
  const view = new DataView(bytes.buffer);
  AsifHeader.write(view, 0, {
    signature: 0x7368_6477,
    version: 1,
    headerSize: 512,
    flags: 0,
    directoryA: 512,
    directoryB: 1024,
    uuid: new Uint8Array(16),
    sectorCount: (5 * CHUNK) / 512,
    maxSectorCount: GROUP / 512,
    chunkSize: CHUNK,
    blockSize: 512,
    totalSegments: 0,
    metadataChunk: 0,
    unknown: new Uint8Array(16),
    readOnlyFlags: 0,
    metadataFlags: 0,
    metadataReadOnlyFlags: 0,
  });
  view.setBigUint64(512, 4n);
  view.setBigUint64(1024, 5n);
  view.setBigUint64(1032, 1n);
  for (const [index, entry] of Object.entries(entries)) view.setBigUint64(CHUNK + 8 * Number(index), entry);
  bytes.set(bitmap, 2 * CHUNK);
  for (let chunk = 3; chunk < 8; chunk += 1) bytes.fill(chunk, chunk * CHUNK, (chunk + 1) * CHUNK);
  return bytes;
}

const full = (chunk: bigint): bigint => (1n << 62n) + chunk;
const partial = (chunk: bigint): bigint => (3n << 62n) + chunk;
const unmapped = 2n << 62n;

describe('reading', () => {
  test('the arithmetic is that of the page', () => {
    expect(geometry(1 << 20, 512, 1, 2 ** 43)).toMatchObject({ groupChunks: 2048, tableGroups: 63, tables: 33_289 });
    expect(geometry(1 << 20, 512, 1, 2 ** 43).tableChunks).toBe(129_024);
  });
  test('each state is read as it says, by both readers', () => {
    // Sectors 0, 2 and 5 of chunk 3 count.
    const pairs = 33 * 3;
    const bitmap: number[] = new Array(64).fill(0);
    for (const sector of [0, 2, 5]) {
      const at = pairs + sector;
      bitmap[at >> 2] = (bitmap[at >> 2] as number) | (1 << (2 * (at & 3)));
    }
    const reserved = 0x55n << 55n;
    const bytes = byHand({ 0: full(3n), 1: unmapped, 3: partial(5n), 4: full(4n) + reserved, 2048: 2n }, bitmap);
    const disk = diskOf(bytes);
    expect(disk.equals(readByThePage(bytes))).toBe(true);
    const at = (chunk: number, sector = 0): number => disk[chunk * CHUNK + sector * 512] as number;
    expect([at(0), at(1), at(2), at(4)]).toEqual([3, 0, 0, 4]);
    expect([0, 1, 2, 3, 4, 5, 6].map((sector) => at(3, sector))).toEqual([5, 0, 5, 0, 0, 5, 0]);
    const device = new AsifDevice(new BytesFile(bytes), false);
    expect([device.extent(0), device.extent(CHUNK), device.extent(3 * CHUNK + 1)]).toEqual([
      { length: CHUNK, kind: 'data' },
      { length: 2 * CHUNK, kind: 'zero' },
      { length: 2 * CHUNK - 1, kind: 'data' },
    ]);
    expect([...device.verify()]).toEqual([]);
  });
  test('the directory with the higher number counts', () => {
    const bytes = byHand({ 0: full(3n) });
    new DataView(bytes.buffer).setBigUint64(512, 6n);
    expect(diskOf(bytes)[0]).toBe(0);
    new DataView(bytes.buffer).setBigUint64(520, 1n);
    expect(diskOf(bytes)[0]).toBe(3);
  });
  test.each([
    ['a full chunk at 0', { 0: full(0n) }],
    ['a never written one with a chunk', { 0: 3n }],
    ['an unmapped one with a chunk', { 0: unmapped + 3n }],
    ['a chunk behind the file', { 0: full(8n) }],
    ['a chunk of 2^55 - 1', { 0: full((1n << 55n) - 1n) }],
    ['a partial one without a bitmap', { 0: partial(3n) }],
    ['a bitmap behind the file', { 0: partial(3n), 2048: 100n }],
  ])('%s is refused', (_what, entries) => {
    expect(() => diskOf(byHand(entries))).toThrow(CorruptError);
  });
  test('a pair of bits that was never seen is refused, and a file that is cut off', () => {
    for (const bits of [2, 3]) expect(() => diskOf(byHand({ 0: partial(3n), 2048: 2n }, [bits]))).toThrow(CorruptError);
    expect(() => diskOf(byHand({ 0: full(7n) }).slice(0, 8 * CHUNK - 1))).toThrow(CorruptError);
  });
  test('a chunk used twice is found, and never written to', () => {
    const bytes = byHand({ 0: full(3n), 2: full(3n), 4: full(1n) });
    const kinds = [...new AsifDevice(new BytesFile(bytes), false).verify()].map(
      ({ kind, place }) => `${kind} ${place}`,
    );
    expect(kinds).toEqual(['asif-chunk-twice chunk 3', 'asif-chunk-twice chunk 1']);
    expect(() => new AsifDevice(new BytesFile(bytes), true)).toThrow(CorruptError);
  });
  test.each([
    ['version', 4, 2, UnsupportedError],
    ['header size', 8, 1024, CorruptError],
    ['directory A', 20, 100, CorruptError],
    ['directory A', 20, CHUNK - 8, CorruptError],
    ['directory B', 28, 516, CorruptError],
    ['directory B', 28, 520, CorruptError],
    ['sector count', 52, 0, CorruptError],
    ['sector count', 48, 1, CorruptError],
    ['largest sector count', 56, 0x7fff, CorruptError],
    ['largest sector count', 56, 0xffff_ffff, CorruptError],
    ['chunk size', 64, 0, CorruptError],
    ['chunk size', 64, 4096, CorruptError],
    ['chunk size', 64, 0xffff_fe00, CorruptError],
    ['block size', 68, 0, CorruptError],
    ['block size', 68, 0x0200_0001, UnsupportedError],
    ['block size', 68, 0x0300_0000, CorruptError],
    ['directory entry', 1032, 1, CorruptError],
    ['directory entry', 1032, 0xffff_ffff, CorruptError],
    ['directory number', 1024, 0xffff_ffff, CorruptError],
  ])('an absurd %s (at %i: %i) is refused', (_what, at, value, kind) => {
    const bytes = byHand({ 0: full(3n) });
    new DataView(bytes.buffer).setUint32(at, value);
    expect(() => diskOf(bytes)).toThrow(kind);
  });
  test('whatever is damaged: a named error, or a sound reading', () => {
    const good = byHand({ 0: full(3n), 1: unmapped, 3: partial(5n), 4: full(4n), 2048: 2n }, new Array(64).fill(0x11));
    for (let seed = 1; seed <= count(500, 20_000); seed += 1) {
      const dice = new Random(seed);
      const bytes = good.slice();
      for (let i = dice.between(1, 4); i > 0; i -= 1) {
        const [start, length] = dice.pick([
          [0, 108],
          [512, 24],
          [1024, 24],
          [CHUNK, 48],
          [CHUNK + 16_384, 8],
        ] as const);
        bytes[start + dice.below(length)] = dice.pick([0, 1, 2, 0x40, 0x80, 0xff, dice.below(256)]);
      }
      try {
        const device = new AsifDevice(new BytesFile(bytes), false);
        const part = new Uint8Array(Math.min(device.size, 3 * CHUNK));
        for (const position of [0, device.size - part.length]) device.read(position, part);
        for (let at = 0, i = 0; at < device.size && i < 100; i += 1) at += device.extent(at).length;
        for (const _finding of device.verify());
      } catch (error) {
        if (!(error instanceof CorruptError) && !(error instanceof UnsupportedError))
          throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });
});

describe('writing (experimental)', () => {
  test('a new image has three chunks, and its metadata behind the disk', () => {
    const store = new MemoryStore();
    createImage(store, 'a.asif', { format: 'asif', size: 10 * 2 ** 30, waitLock: 0, holder }).close();
    const bytes = bytesOf(store.open('a.asif', 'read'));
    expect(bytes.length).toBe(3 << 20);
    expect(readAsifHeader(new BytesFile(bytes))).toMatchObject({ size: 10 * 2 ** 30, blockSize: 512, tables: 33_289 });
    const { metadataChunk, uuid } = AsifHeader.read(new DataView(bytes.buffer), 0);
    expect(metadataChunk).toBe(2 ** 32 - 1);
    const tables = new AsifTables(new BytesFile(bytes), readAsifHeader(new BytesFile(bytes)));
    expect(tables.entry(metadataChunk)).toEqual({ state: 'full', chunk: 2 });
    const metadata = Buffer.from(bytes.subarray(2 << 20));
    expect([metadata.toString('latin1', 0, 4), metadata.readBigUInt64BE(12)]).toEqual(['meta', 512n]);
    const list = metadata.toString('latin1', 512, 1024);
    expect(list.replaceAll('-', '')).toContain(Buffer.from(uuid).toString('hex').toUpperCase());
    expect([list.trimEnd().endsWith('</plist>'), metadata[1023], metadata[1024]]).toEqual([true, 10, 0]);
  });
  test('it is detected, opened for writing, and told of', () => {
    const store = new MemoryStore();
    createImage(store, 'a.dmg', { format: 'asif', size: 1 << 30, waitLock: 0, holder }).close();
    expect(detect(store, 'a.dmg')).toMatchObject({ kind: 'asif', writable: true });
    const image = openImage(store, 'a.dmg', { writable: true, waitLock: 0, holder, allowTimeMachine: false });
    image.device.write(1 << 29, Uint8Array.of(9));
    expect([...image.verify()]).toEqual([]);
    image.close();
    expect(imageFacts(store, 'a.dmg')).toMatchObject({ format: 'asif', size: 1 << 30, encryption: null });
  });
  test.each([1, 2, 3])('the reader of the page sees what was written, seed %i', (seed) => {
    const file = newFile();
    const dice = new Random(seed);
    const device = new AsifDevice(file, true);
    const model = Buffer.alloc(SIZE);
    for (let step = 0; step < 120; step += 1) {
      const base = dice.pick([0, GROUP - 2 * CHUNK, 2 * GROUP, SIZE - 4 * CHUNK]);
      const position = base + 512 * dice.below(60);
      const length = Math.min(SIZE - position, 512 * dice.below(90));
      if (dice.oneIn(4)) {
        device.zero(position, length);
        model.fill(0, position, position + length);
      } else {
        const bytes = dice.bytes(length);
        device.write(position, bytes);
        model.set(bytes, position);
      }
      if (dice.oneIn(8)) device.flush();
    }
    device.flush();
    const bytes = bytesOf(file);
    expect(diskOf(bytes).equals(model)).toBe(true);
    expect(readByThePage(bytes).equals(model)).toBe(true);
    expect([...new AsifDevice(new BytesFile(bytes), false).verify()]).toEqual([]);
  });
  test('a partly written chunk is made whole by a write, and keeps what counted', () => {
    const bitmap = new Array(64).fill(0b0001_0001);
    const file = new MemoryStore().open('a', 'create');
    file.write(0, byHand({ 0: partial(3n), 1: partial(4n), 2048: 2n }, bitmap));
    const before = diskOf(bytesOf(file));
    const device = new AsifDevice(file, true);
    device.write(512 + 100, Uint8Array.of(77));
    before[512 + 100] = 77;
    device.flush();
    expect(diskOf(bytesOf(file)).equals(before)).toBe(true);
    expect(readByThePage(bytesOf(file)).equals(before)).toBe(true);
    const tables = new AsifTables(file, readAsifHeader(file));
    expect([tables.entry(0).state, tables.entry(1).state]).toEqual(['full', 'partial']);
  });
  test('reserved bits of an entry are kept', () => {
    const reserved = 0x2an << 55n;
    const file = new MemoryStore().open('a', 'create');
    file.write(0, byHand({ 0: unmapped + reserved }));
    const device = new AsifDevice(file, true);
    device.write(0, Uint8Array.of(1));
    device.flush();
    const { directories } = readAsifHeader(file);
    const bytes = Buffer.from(bytesOf(file));
    const live = bytes.readBigUInt64BE(directories[0]) === 6n ? directories[0] : directories[1];
    const entry = bytes.readBigUInt64BE(Number(bytes.readBigUInt64BE(live + 8)) * CHUNK);
    expect([entry >> 62n, (entry >> 55n) & 0x7fn]).toEqual([1n, 0x2an]);
  });
  test('chunks that are given up are used again, but not before the next commit', () => {
    const file = newFile();
    const device = new AsifDevice(file, true);
    for (let round = 0; round < 20; round += 1) {
      device.write(CHUNK * (round % 3), new Uint8Array(CHUNK).fill(round + 1));
      device.flush();
      device.zero(CHUNK * (round % 3), CHUNK);
      device.flush();
    }
    expect(file.size()).toBeLessThanOrEqual(8 * CHUNK);
  });
  test('chunks that nothing uses are zeros when they are handed out', () => {
    const file = newFile();
    const chunks = new FreeChunks(file, CHUNK, [{ chunk: 1, kind: 'data', index: 0 }]);
    file.write(2 * CHUNK, new Uint8Array(CHUNK).fill(5));
    expect(chunks.allocate()).toBe(2);
    const bytes = new Uint8Array(CHUNK).fill(1);
    file.read(2 * CHUNK, bytes);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    chunks.release(2);
    expect(chunks.allocate()).toBe(3);
    chunks.committed();
    expect(chunks.allocate()).toBe(2);
  });
});
