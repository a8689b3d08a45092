import { LockedError } from '@tintype/core';
import { count, MemoryStore, Random } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { BytesFile } from '../bytes-file.testing.js';
import { holder } from '../containers.testing.js';
import { createImage } from '../create.js';
import { openImage } from '../open.js';
import { FreeChunks } from './chunks.js';
import { writeNewAsif } from './create.js';
import { AsifDevice } from './device.js';
import { readAsifHeader } from './format.js';
import { readByThePage } from './page-reader.testing.js';
import { AsifTables } from './tables.js';

/** Small chunks: a table of one group of 2048 chunks. */
const CHUNK = 33 * 512;
const GROUP = 2048 * CHUNK;
const shape = { chunkSize: CHUNK, blockSize: 512, reach: CHUNK * 10_000 };
const SIZE = 2 * GROUP + 5 * CHUNK + 1024;

function newFile(canPunch: boolean) {
  const file = new MemoryStore({ limits: { canPunch } }).open('a', 'create');
  writeNewAsif(file, { size: SIZE, random: holder.random, shape });
  return file;
}

function bytesOf(file: { size(): number; read(position: number, target: Uint8Array): number }): Uint8Array {
  const bytes = new Uint8Array(file.size());
  file.read(0, bytes);
  return bytes;
}

describe.each([true, false])('on a host that can punch holes: %s', (canPunch) => {
  test.each(Array.from({ length: count(2, 30) }, (_, i) => i + 1))(
    'what is kept lies at the start, seed %i',
    (seed) => {
      const file = newFile(canPunch);
      const dice = new Random(seed);
      const device = new AsifDevice(file, true);
      const model = Buffer.alloc(SIZE);
      const chunks = Array.from({ length: Math.floor(SIZE / CHUNK) }, (_, i) => i);
      const written = dice.shuffle(chunks).slice(0, 300);
      for (const chunk of written) {
        const bytes = dice.bytes(CHUNK);
        device.write(chunk * CHUNK, bytes);
        model.set(bytes, chunk * CHUNK);
        if (dice.oneIn(40)) device.flush();
      }
      device.flush();
      const gone = dice.shuffle(written).slice(0, 200);
      for (const chunk of gone) {
        if (dice.oneIn(2)) device.discard(chunk * CHUNK, CHUNK);
        else device.zero(chunk * CHUNK, CHUNK);
        model.fill(0, chunk * CHUNK, (chunk + 1) * CHUNK);
      }
      device.flush();
      const before = file.size();
      expect(before).toBeGreaterThan(300 * CHUNK);
      expect(device.compact(() => {})).toBe(before - file.size());
      // The header, 100 chunks, the metadata, four tables; and as many places that the last commit left.
      expect(file.size()).toBeLessThanOrEqual((1 + 100 + 1 + 2 * 4) * CHUNK);
      const bytes = bytesOf(file);
      expect(readByThePage(bytes).equals(model)).toBe(true);
      expect([...new AsifDevice(new BytesFile(bytes), false).verify()]).toEqual([]);
      // Written on as if nothing had been.
      for (const chunk of gone) {
        device.write(chunk * CHUNK + 7, Uint8Array.of(seed));
        model[chunk * CHUNK + 7] = seed;
      }
      device.flush();
      expect(readByThePage(bytesOf(file)).equals(model)).toBe(true);
      expect(file.size()).toBeLessThanOrEqual(before + 8 * CHUNK);
    },
  );
});

test('a second time there is nothing to move', () => {
  const file = newFile(true);
  const device = new AsifDevice(file, true);
  for (let chunk = 0; chunk < 50; chunk += 1) device.write(chunk * CHUNK, Uint8Array.of(chunk + 1));
  device.discard(0, 40 * CHUNK);
  device.compact(() => {});
  const before = bytesOf(file);
  expect(device.compact(() => {})).toBe(0);
  expect(Buffer.compare(bytesOf(file), before)).toBe(0);
});

test('partly written chunks and their bitmap move as they are', () => {
  const file = newFile(true);
  const device = new AsifDevice(file, true);
  for (let chunk = 0; chunk < 20; chunk += 1) device.write(chunk * CHUNK, new Uint8Array(CHUNK).fill(chunk + 1));
  device.flush();
  // By hand: chunk 19 is partial, every second sector counts; chunk 18 holds its group's bitmap.
  const tables = new AsifTables(file, readAsifHeader(file));
  const free = new FreeChunks(file, CHUNK, tables.used());
  const [partial, bitmap] = [tables.entry(19).chunk, tables.entry(18).chunk];
  file.write(bitmap * CHUNK, new Uint8Array(CHUNK).fill(0b0001_0001));
  tables.set(19, { state: 'partial', chunk: partial });
  tables.set(18, { state: 'none', chunk: 0 });
  tables.move({ chunk: 0, kind: 'bitmap', index: 0 }, bitmap);
  tables.commit(
    () => free.allocate(),
    () => {},
  );
  const again = new AsifDevice(file, true);
  again.discard(0, 16 * CHUNK);
  again.flush();
  const before = readByThePage(bytesOf(file));
  expect([before[19 * CHUNK], before[19 * CHUNK + 512]]).toEqual([0, 20]);
  again.compact(() => {});
  expect(readByThePage(bytesOf(file)).equals(before)).toBe(true);
  const after = new AsifTables(file, readAsifHeader(file));
  expect(after.entry(19)).toMatchObject({ state: 'partial' });
  expect([after.entry(19).chunk < partial, after.bitmap(0) < bitmap]).toEqual([true, true]);
});

test('no batch begins without the lease', () => {
  const store = new MemoryStore();
  const image = createImage(store, 'a', { format: 'asif', size: 1 << 30, waitLock: 0, holder });
  for (let chunk = 0; chunk < 20; chunk += 1) image.device.write(chunk << 20, Uint8Array.of(chunk + 1));
  image.device.flush();
  image.device.discard(0, 15 << 20);
  expect(image.compact()).toBeGreaterThanOrEqual(15 << 20);
  image.device.discard(15 << 20, 1 << 20);
  store.open('.a.tintype.lease.2', 'create').close();
  expect(() => image.compact()).toThrow(LockedError);
  const reading = { writable: false, waitLock: 0, holder, allowTimeMachine: false };
  const again = openImage(store.clone(), 'a', reading);
  const byte = new Uint8Array(1);
  for (let chunk = 16; chunk < 20; chunk += 1) {
    again.device.read(chunk << 20, byte);
    expect(byte[0]).toBe(chunk + 1);
  }
  again.close();
});
