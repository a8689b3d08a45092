import { readFileSync, rmSync, statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { type FileStore, LockedError, type StoreFile } from '@tintype/core';
// The built package: the thread is a file of its own.
import { hostHolder, nodeFileStore, type WriteBehindOptions } from '@tintype/host';
import { Random, temporaryFolder } from '@tintype/testkit';
import { fileStoreContract } from '@tintype/testkit/contracts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SLOT_SIZE, SLOTS } from './write-behind-ring.js';

const MIB = 1 << 20;
let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => rmSync(folder, { recursive: true }));

fileStoreContract('nodeFileStore, writing behind', () => {
  const place = temporaryFolder();
  return {
    store: nodeFileStore({ confirm: () => {}, after: 0 }),
    folder: place,
    dispose: () => rmSync(place, { recursive: true }),
  };
});

/** A store whose thread is up: until then it writes by itself. */
async function readyStore(options: WriteBehindOptions): Promise<FileStore> {
  const store = nodeFileStore({ after: 0, ...options });
  const file = store.open(`${folder}/first`, 'create');
  file.write(0, new Uint8Array(MIB));
  file.close();
  await pause(1000);
  return store;
}

test('long and short writes, cuts and reads give the bytes of the model', async () => {
  const store = await readyStore({ confirm: () => {} });
  const random = new Random(7);
  const file = store.open(`${folder}/a`, 'create');
  let model = new Uint8Array(0);
  for (let step = 0; step < 300; step += 1) {
    const position = random.below(5 * MIB);
    if (step % 10 === 9) {
      file.truncate(position);
      const cut = new Uint8Array(position);
      cut.set(model.subarray(0, position));
      model = cut;
    } else if (step % 4 === 3) {
      const got = new Uint8Array(random.below(2 * MIB));
      const count = file.read(position, got);
      expect(Buffer.compare(got.subarray(0, count), model.subarray(position, position + got.length))).toBe(0);
    } else {
      const source = new Uint8Array(random.oneIn(2) ? 1 + random.below(3 * MIB) : 1 + random.below(4096)).fill(step);
      file.write(position, source);
      const grown = new Uint8Array(Math.max(model.length, position + source.length));
      grown.set(model);
      grown.set(source, position);
      model = grown;
      source.fill(255);
    }
  }
  expect(file.size()).toBe(model.length);
  file.close();
  expect(Buffer.compare(readFileSync(`${folder}/a`), model)).toBe(0);
});

test('before a piece that lengthens the file, zeros are read at once', async () => {
  const store = await readyStore({ confirm: () => {} });
  for (let i = 0; i < 30; i += 1) {
    const file = store.open(`${folder}/${i}`, 'create');
    file.write(3 * MIB, new Uint8Array(2 * MIB).fill(1));
    const got = new Uint8Array(MIB).fill(2);
    expect(file.read(MIB, got)).toBe(MIB);
    expect(got.every((byte) => byte === 0)).toBe(true);
    file.close();
  }
});

test('a write longer than the ring', async () => {
  const store = await readyStore({ confirm: () => {} });
  const file = store.open(`${folder}/a`, 'create');
  const source = new Uint8Array((2 * SLOTS + 1) * SLOT_SIZE + 5).map((_, i) => i * 7 + (i >> 16));
  file.write(3, source);
  file.close();
  expect(Buffer.compare(readFileSync(`${folder}/a`).subarray(3), source)).toBe(0);
});

test('a write that fails is told at the next sync, and nothing more is written', async () => {
  const store = await readyStore({ confirm: () => {} });
  const other = store.open(`${folder}/other`, 'create');
  const file = store.open(`${folder}/first`, 'read');
  file.write(0, new Uint8Array(MIB));
  await pause(200);
  const failure = expect.objectContaining({ name: 'StoreError', code: 'EBADF' });
  expect(() => other.write(0, new Uint8Array(MIB))).toThrow(failure);
  expect(() => file.sync()).toThrow(failure);
  expect(() => other.sync()).toThrow(failure);
  file.close();
  other.close();
  expect(statSync(`${folder}/other`).size).toBe(0);
  const again = store.open(`${folder}/other`, 'write');
  writeAndClose(again);
  expect(statSync(`${folder}/other`).size).toBe(MIB);
});

test('a failure that nobody heard of is told when the file is closed', async () => {
  const store = await readyStore({ confirm: () => {} });
  const file = store.open(`${folder}/first`, 'read');
  file.write(0, new Uint8Array(MIB));
  expect(() => file.close()).toThrow(expect.objectContaining({ name: 'StoreError', code: 'EBADF' }));
});

test('a piece that waited too long is written only after the lease was looked at', async () => {
  const { clock: real } = hostHolder();
  let asked = 0;
  let isLate = false;
  const clock = (): number => (isLate ? real() - 60 : real());
  const confirm = (): void => {
    asked += 1;
    isLate = false;
    // As a lease does: it looks into files of the same store.
    const first = store.open(`${folder}/first`, 'read');
    first.read(0, new Uint8Array(10));
    first.close();
    if (asked > 1) throw new LockedError(folder, 'another process');
  };
  const store: FileStore = await readyStore({ confirm, clock });
  const file = store.open(`${folder}/a`, 'create');
  isLate = true;
  file.write(0, new Uint8Array(MIB));
  await pause(200);
  expect([asked, statSync(`${folder}/a`).size]).toEqual([0, 0]);
  file.sync();
  expect([asked, statSync(`${folder}/a`).size]).toEqual([1, MIB]);

  isLate = true;
  file.write(MIB, new Uint8Array(MIB));
  expect(() => file.sync()).toThrow(LockedError);
  expect(() => file.write(MIB, new Uint8Array(MIB))).toThrow(LockedError);
  file.close();
  expect(statSync(`${folder}/a`).size).toBe(MIB);
});

function writeAndClose(file: StoreFile): void {
  file.write(0, new Uint8Array(MIB));
  file.sync();
  file.close();
}
