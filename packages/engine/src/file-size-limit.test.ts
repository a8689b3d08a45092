// A host with a limit for its files, as FAT has one: it is measured, and met before anything is written past it (B13).

import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { FileSizeLimitError, type FileStore } from '@tintype/core';
import { count, FaultStore, MemoryStore, Random, temporaryFolder } from '@tintype/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { EngineEvent } from './events.js';
import { diskWithin, fileSizeLimit, wantedFile } from './file-size-limit.js';
import { create } from './maintenance/create.js';
import { resize } from './maintenance/resize.js';
import { verify } from './maintenance/verify.js';
import type { RunContext } from './operation.js';
import { backup } from './operations/backup.js';
import { testContext } from './run-context.testing.js';

const FAT_LIMIT = 2 ** 32 - 1;
const MIB = 1 << 20;
const FORMATS = ['sparseimage', 'asif'] as const;

let folder = '';
let source = '';
let events: EngineEvent[] = [];
beforeEach(() => {
  folder = temporaryFolder();
  process.env.TINTYPE_HOME = join(folder, 'home');
  source = join(folder, 'source');
  mkdirSync(source);
  events = [];
});
afterEach(() => {
  delete process.env.TINTYPE_HOME;
  rmSync(folder, { recursive: true });
});

const fat = (fileSizeLimit = FAT_LIMIT): MemoryStore =>
  new MemoryStore({ limits: { kind: 'vfat', fileSizeLimit, canPunch: false, capacity: 2 ** 36 } });

const over = (store: FileStore): RunContext => ({ ...testContext(undefined, events), store });

/** A file with one byte in each MiB: much of it, and little of the host. */
function writeSparse(name: string, mebibytes: number): void {
  const file = openSync(join(source, name), 'w');
  for (let i = 0; i < mebibytes; i += 1) writeSync(file, Buffer.from('x'), 0, 1, i * MIB);
  closeSync(file);
}

test.each([1, 4096, 10_000_001, FAT_LIMIT])('a limit of %d bytes is measured, and leaves nothing behind', (limit) => {
  const store = fat(limit);
  const context = over(store);
  expect(fileSizeLimit('/', 2 ** 40, context)).toBe(limit);
  expect(fileSizeLimit('/', limit, context)).toBeNull();
  expect(fileSizeLimit('/', limit + 1, context)).toBe(limit);
  expect(store.list('/')).toEqual([]);
});

test('what the host is said to have decides nothing', () => {
  for (const said of [1 << 29, 2 ** 31, null]) {
    const store = new MemoryStore({ limits: { fileSizeLimit: 1 << 30 } });
    const facts = store.facts('/');
    store.facts = () => ({ ...facts, fileSizeLimit: said });
    expect(fileSizeLimit('/', 2 ** 40, over(store))).toBe(1 << 30);
  }
});

test('where it cannot be measured, what is known of the host counts', () => {
  for (const code of ['EPERM', 'EIO', 'ENOSPC'])
    for (let call = 1; call <= 2; call += 1) {
      const store = new FaultStore(fat(), { call, kinds: ['open', 'truncate'], code });
      expect(fileSizeLimit('/', 2 ** 40, over(store))).toBe(FAT_LIMIT);
      expect(fileSizeLimit('/', 2 ** 20, over(store))).toBeNull();
    }
});

test('a disk within a limit has a file within it', () => {
  const random = new Random(1);
  for (let i = 0; i < count(1000, 100_000); i += 1) {
    const limit = random.between(16 * MIB, 2 ** 42);
    for (const format of ['sparseimage', 'asif', 'udrw'])
      for (const isEncrypted of [true, false]) {
        const size = diskWithin(limit, { format, isEncrypted });
        expect(wantedFile({ format, size, isEncrypted })).toBeLessThanOrEqual(limit);
      }
  }
});

test('B13: a sparse image that meets the limit of FAT stops before it, and says which limit that is', () => {
  const store = fat();
  const image = '/a.sparseimage';
  writeSparse('large', 4200);
  const run = () => backup({ source, destination: image, fs: 'hfs+', size: 2 ** 34 }, over(store));
  expect(run).toThrow(`${image} cannot grow as it must: a file there can have 4.29 GB at most`);
  expect(events).toContainEqual(expect.objectContaining({ type: 'warning', code: 'file-size-limit' }));
  expect(verify({ image, level: 'structure' }, over(store))).toMatchObject({ findings: 0 });
});

test.each(FORMATS)(
  'B13: a %s that meets its limit keeps what it has, and the next run goes on from there',
  (format) => {
    const store = fat(128 * MIB);
    const image = `/a.${format}`;
    const run = () => backup({ source, destination: image, fs: 'hfs+', size: 2 ** 30 }, over(store));
    for (let i = 10; i < 30; i += 1) writeSparse(`f${i}`, 8);
    expect(run).toThrow(FileSizeLimitError);
    expect(run).toThrow('134 MB at most');
    expect(verify({ image, level: 'structure' }, over(store))).toMatchObject({ findings: 0 });
    for (let i = 18; i < 30; i += 1) rmSync(join(source, `f${i}`));
    expect(run()).toMatchObject({ items: { created: 0, unchanged: 8, failed: 0 } });
  },
);

test('a sparse bundle on such a host holds what is larger', () => {
  const store = fat();
  writeSparse('large', 5000);
  const options = { source, destination: '/a.sparsebundle', fs: 'hfs+', size: 2 ** 34 };
  expect(backup(options, over(store))).toMatchObject({ items: { created: 1 }, problems: [] });
  expect(() => create({ image: '/b.sparsebundle', size: 2 ** 36, bandSize: 2 ** 33 }, over(store))).toThrow(
    'a file there can have 4.29 GB at most, not 8.59 GB',
  );
});

test('without a size, an image is made as large as its file can become, and grows no further', () => {
  const store = fat(64 * MIB);
  for (const format of ['sparseimage', 'asif', 'udrw'])
    expect(create({ image: `/a.${format}`, format }, over(store))).toMatchObject({
      size: diskWithin(64 * MIB, { format, isEncrypted: false }),
    });
  writeFileSync(join(source, 'large'), Buffer.alloc(70 * MIB, 1));
  const run = (image: string) => backup({ source, destination: image }, over(store));
  for (const format of ['sparseimage', 'udrw']) expect(() => run(`/a.${format}`)).toThrow(FileSizeLimitError);
  expect(() => resize({ image: '/a.udrw', size: 2 ** 30 }, over(store))).toThrow('67.1 MB at most');
  expect(() => resize({ image: '/a.sparseimage', size: 2 ** 30 }, over(store))).toThrow('67.1 MB at most');
  resize({ image: '/a.sparseimage', size: 2 ** 30, force: true }, over(store));
});

test('a raw image that is longer than a file can be is not touched', () => {
  const store = fat(2 ** 34);
  create({ image: '/a.img', size: 2 ** 33 }, over(store));
  store.limits.fileSizeLimit = FAT_LIMIT;
  writeFileSync(join(source, 'small'), 'x');
  expect(() => create({ image: '/b.img', size: 2 ** 33 }, over(store))).toThrow('4.29 GB at most, not 8.59 GB');
  expect(() => backup({ source, destination: '/a.img' }, over(store))).toThrow('nothing was written');
});
