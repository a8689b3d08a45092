// Changes without a journal on a host that loses power: whoever opens the image next finds all of them or none.

import type { Change, FileStore } from '@tintype/core';
import { CrashStore, count, MemoryStore, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { holder } from './containers.testing.js';
import { createImage } from './create.js';
import type { CreateImageOptions, DiskImage } from './disk-image.js';
import { openImage } from './open.js';
import { readUndo, sectorSums, UndoHeader, undoPath } from './undo-file.js';
import { isZero } from './zeros.js';

const PATH = 'a';
const SIZE = 3 << 18;
const passphrase = Buffer.from('kept beside');

type Form = Pick<CreateImageOptions, 'format' | 'bandSize' | 'encryption' | 'passphrase' | 'kdfRounds'>;
const secret = { encryption: 'aes-256', passphrase, kdfRounds: 1 } as const;
const forms: readonly (readonly [string, Form])[] = [
  ['a raw image', { format: 'udrw' }],
  ['a sparse bundle', { format: 'sparsebundle', bandSize: 1 << 18 }],
  ['a sparse image', { format: 'sparseimage', bandSize: 1 << 18 }],
  ['an ASIF image', { format: 'asif' }],
  ['an encrypted raw image', { format: 'udrw', ...secret }],
  ['an encrypted bundle', { format: 'sparsebundle', bandSize: 1 << 18, ...secret }],
  ['an encrypted sparse image', { format: 'sparseimage', bandSize: 1 << 18, ...secret }],
];

function opened(store: FileStore, writable: boolean): DiskImage {
  return openImage(store, PATH, { writable, waitLock: 0, holder, allowTimeMachine: false, passphrase });
}

function made(form: Form): MemoryStore {
  const store = new MemoryStore();
  const image = createImage(store, PATH, { ...form, size: SIZE, holder, waitLock: 0 });
  const random = new Random(1);
  // Of the second third nothing is stored.
  image.device.write(0, random.bytes(64 << 10));
  image.device.write(2 << 18, random.bytes(64 << 10));
  // By this a raw image is known.
  image.device.write(1024, Uint8Array.of(0x48, 0x2b, 0, 4));
  image.close();
  return store;
}

function changesOf(seed: number): Change[] {
  const random = new Random(seed);
  return Array.from({ length: 12 }, (_, i) => ({
    position: ((i % 3) << 18) + 4096 + random.below(100) * 512,
    bytes: random.bytes(512 * random.between(1, 5)),
  }));
}

function contents(store: FileStore, writable: boolean): Buffer {
  const image = opened(store, writable);
  const bytes = Buffer.alloc(SIZE);
  image.device.read(0, bytes);
  image.close();
  return bytes;
}

test.each(forms)('%s', (_what, form) => {
  const crash = new CrashStore(made(form));
  const before = contents(crash, true);
  const image = opened(crash, true);
  const start = crash.calls.length;
  image.overwrite(changesOf(2));
  const end = crash.calls.length;
  image.close();
  const after = contents(crash, true);
  expect(after.equals(before)).toBe(false);
  const look = (store: FileStore, calls: number, description: string): void => {
    const seen = contents(store, false);
    const settled = contents(store, true);
    expect(seen.equals(settled), description).toBe(true);
    expect(settled.equals(before) || settled.equals(after), description).toBe(true);
    if (calls >= end) expect(settled.equals(after), description).toBe(true);
  };
  const every = count(4, 1);
  for (const { store, calls, description } of crash.prefixes({ from: start }))
    if (calls % every === 0 || calls >= end) look(store, calls, description);
  for (const { store, calls, description } of crash.randomStates({ seed: 3, count: count(25, 400), from: start }))
    look(store, calls, description);
});

test('an undo that is cut is done again', () => {
  const crash = new CrashStore(made({ format: 'sparsebundle', bandSize: 1 << 18 }));
  const before = contents(crash, true);
  const image = opened(crash, true);
  image.overwrite(changesOf(2));
  const states = [...crash.prefixes()].filter(
    ({ store }) => typeof readUndo(store, PATH, SIZE, undefined) === 'object',
  );
  image.close();
  const half = states.at(-2);
  if (!half) throw new Error('no cut lies in the middle');
  const again = new CrashStore(half.store);
  expect(contents(again, true).equals(before)).toBe(true);
  for (const { store, description } of again.prefixes())
    expect(contents(store, true).equals(before), description).toBe(true);
  for (const { store, description } of again.randomStates({ seed: 4, count: count(20, 300) }))
    expect(contents(store, true).equals(before), description).toBe(true);
});

test('later changes of others are not taken back, and an undo of another image counts for nothing', () => {
  const crash = new CrashStore(made({ format: 'udrw' }));
  const image = opened(crash, true);
  image.overwrite(changesOf(2));
  image.close();
  const waiting = [...crash.prefixes()].filter(
    ({ store }) => typeof readUndo(store, PATH, SIZE, undefined) === 'object',
  );
  const { store } = waiting.at(-1) ?? {};
  if (!store) throw new Error('no cut lies in the middle');
  const file = store.open(PATH, 'write');
  const [first] = changesOf(2);
  file.write(first?.position ?? 0, new Uint8Array(512).fill(9));
  file.close();
  const now = contents(store, true);
  expect(now[first?.position ?? 0]).toBe(9);
  expect(opened(store, false).repairWasCut).toBe(false);
});

test('what is encrypted stays so in what is kept', () => {
  const store = made({ format: 'udrw', ...secret });
  const image = opened(store, true);
  const old = new Uint8Array(4096);
  image.device.read(8192, old);
  image.overwrite([{ position: 8192, bytes: new Uint8Array(4096).fill(1) }]);
  image.close();
  const file = store.open(undoPath(PATH), 'read');
  const kept = Buffer.alloc(file.size());
  file.read(0, kept);
  expect(isZero(old)).toBe(false);
  expect(kept.indexOf(old.subarray(0, 512))).toBe(-1);
  expect(kept.length).toBeGreaterThan(UndoHeader.size + 4096);
});

test('nothing to change makes no file; something else under the name is not replaced', () => {
  const store = made({ format: 'udrw' });
  const image = opened(store, true);
  image.overwrite([]);
  expect(store.kind(undoPath(PATH))).toBeNull();
  const file = store.open(undoPath(PATH), 'create');
  file.write(0, Buffer.from('a letter'));
  file.close();
  expect(() => image.overwrite(changesOf(2))).toThrow('is in the way');
  expect(sectorSums(new Uint8Array(1000))).toHaveLength(2);
  image.close();
});
