import { LockedError, MemoryDevice, StoreError, type StoreFile, TintypeError } from '@tintype/core';
import { CrashStore, count, FaultStore, MemoryStore, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { createArchive, createDraft } from './archive.js';
import { claimImage } from './claim.js';
import { detect } from './detect.js';
import type { DraftOptions } from './disk-image.js';
import { holder } from './encryption/encrypted.testing.js';
import { openImage } from './open.js';
import { partitionMap } from './partitions/map.js';

const SIZE = 6 << 20;
const passphrase = Buffer.from('secret');
const SECRET = { encryption: 'aes-256', passphrase, kdfRounds: 1 } as const;
const TEXT = 'nobody may read this on the disk ';

function draftOf(store: MemoryStore | CrashStore | FaultStore, options: Partial<DraftOptions> = {}) {
  const random = new Random(3);
  const fill = (target: Uint8Array) => random.fill(target);
  return createDraft(store, 'x.dmg', {
    format: 'udzo',
    holder,
    size: SIZE,
    scheme: 'gpt',
    type: 'Apple_HFS',
    random: fill,
    ...options,
  });
}

function fill(draft: ReturnType<typeof draftOf>): Buffer {
  const { start } = draft.partition;
  for (const at of [3, 1, 0]) draft.device.write(start + at * (1 << 20), Buffer.alloc(1 << 20, `${TEXT}${at} `));
  const disk = Buffer.alloc(SIZE);
  draft.device.read(0, disk);
  draft.finish([]);
  return disk;
}

test.each([{}, SECRET])('what is written to the draft is what the image holds, with its map', (secret) => {
  const store = new MemoryStore();
  const draft = draftOf(store, { ...secret, replaces: ['old.dmg'] });
  expect(draft.ownPaths).toContain('old.dmg');
  const disk = fill(draft);
  expect([...draft.verify()]).toEqual([]);
  expect(partitionMap(draft.finished()).partitions[0]).toEqual(draft.partition);
  expect(draft.facts().size).toBe(SIZE);
  draft.close();
  const open = { writable: false, waitLock: 0, holder, allowTimeMachine: false, passphrase };
  const image = openImage(store, 'x.dmg', open);
  const seen = Buffer.alloc(SIZE);
  image.device.read(0, seen);
  expect([image.format, seen.equals(disk), [...image.verify()]]).toEqual(['udzo', true, []]);
  image.close();
  expect(store.list('').map(({ name }) => name)).toEqual(['x.dmg']);
});

test('nobody else may use it meanwhile', () => {
  const store = new MemoryStore();
  const draft = draftOf(store);
  expect(() => claimImage(store, 'x.dmg', { holder, waitLock: 0 })).toThrow(LockedError);
  draft.close();
  expect(() => draft.verify()).toThrow();
  claimImage(store, 'x.dmg', { holder, waitLock: 0 }).release();
});

test('B40: an encrypted archive never hands clear bytes to the host', () => {
  const store = new CrashStore();
  const draft = draftOf(store, SECRET);
  fill(draft);
  draft.close();
  createArchive(store, 'y.dmg', new MemoryDevice(Buffer.alloc(SIZE, TEXT)), {
    format: 'udro',
    holder,
    random: holder.random,
    free: [],
    ...SECRET,
  });
  const writes = store.calls.flatMap((call) => (call.kind === 'write' ? [Buffer.from(call.bytes)] : []));
  expect(writes.length).toBeGreaterThan(10);
  expect(writes.filter((bytes) => bytes.includes(TEXT.slice(0, 12)) || bytes.includes('koly'))).toEqual([]);
});

test('a cut leaves no image, or a whole one', () => {
  const store = new CrashStore();
  const draft = draftOf(store);
  const disk = fill(draft);
  const finished = store.calls.length;
  draft.close();
  let whole = 0;
  const states = [...store.prefixes(), ...store.randomStates({ seed: 5, count: count(60, 2000) })];
  for (const state of states) {
    const isThere = state.store.kind('x.dmg') !== null && detect(state.store, 'x.dmg')?.kind === 'udif';
    if (state.calls >= finished) expect(isThere, state.description).toBe(true);
    if (!isThere) continue;
    const image = openImage(state.store, 'x.dmg', { writable: false, waitLock: 0, holder, allowTimeMachine: false });
    expect([...image.verify()], state.description).toEqual([]);
    const seen = Buffer.alloc(SIZE);
    image.device.read(0, seen);
    expect(seen.equals(disk), state.description).toBe(true);
    image.close();
    whole += 1;
  }
  expect(whole).toBeGreaterThan(0);
});

test('whatever call fails, it is an error, and what was begun can be removed', () => {
  for (let call = 1; ; call += 1) {
    const below = new MemoryStore();
    const store = new FaultStore(below, { call, code: 'EIO' });
    try {
      const draft = draftOf(store);
      try {
        fill(draft);
      } finally {
        draft.close();
      }
      if (!store.fired) return;
    } catch (error) {
      expect(error).toBeInstanceOf(TintypeError);
    }
    if (below.kind('x.dmg') !== null) below.remove('x.dmg');
  }
});

/** As a host whose thread could not write a piece: every call is refused until the file is closed. */
function refusingAfterWrite(below: MemoryStore, limit: number): MemoryStore {
  let isRefused = false;
  const refuse = (): void => {
    if (isRefused) throw new StoreError('EFBIG', 'write', 'x.dmg');
  };
  const watched = (file: StoreFile): StoreFile =>
    new Proxy(file, {
      get: (target, name) => (given: number, bytes: Uint8Array) => {
        if (name === 'write' && given + bytes.length > limit) isRefused = true;
        if (name !== 'close') refuse();
        else isRefused = false;
        return Reflect.get(target, name).call(target, given, bytes);
      },
    });
  return new Proxy(below, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...given: unknown[]) => {
        refuse();
        const made: unknown = value.apply(target, given);
        return name === 'open' && given[0] === 'x.dmg' ? watched(made as StoreFile) : made;
      };
    },
  });
}

test('B13: one that its host cannot hold leaves no lease', () => {
  const disk = new MemoryDevice(Buffer.alloc(SIZE));
  new Random(5).fill(disk.bytes);
  for (const begin of [
    (store: MemoryStore) => {
      const draft = draftOf(store, { format: 'udro' });
      try {
        fill(draft);
      } finally {
        draft.close();
      }
    },
    (store: MemoryStore) =>
      createArchive(store, 'x.dmg', disk, { format: 'udro', holder, random: (target) => target.fill(1), free: [] }),
  ]) {
    const store = new MemoryStore();
    const refusing = refusingAfterWrite(store, 1 << 20);
    expect(() => begin(refusing)).toThrow(expect.objectContaining({ code: 'EFBIG' }));
    expect(store.list('').map(({ name }) => name)).toEqual(['x.dmg']);
  }
});

test.each([
  ['Apple_APFS', 32, 'NXSB'],
  ['Apple_HFS', 1024, 'H+\0\u0004'],
] as const)('a volume without a map is named by its kind, %s, in the table of the whole disk', (type, at, magic) => {
  const store = new MemoryStore();
  const disk = new MemoryDevice(Buffer.alloc(SIZE));
  disk.write(at, Buffer.from(magic));
  createArchive(store, 'a.dmg', disk, { format: 'udro', holder, random: holder.random, free: [] });
  const draft = draftOf(store, { scheme: 'none', type });
  draft.finish([]);
  draft.close();
  for (const path of ['a.dmg', 'x.dmg']) {
    const file = store.open(path, 'read');
    const bytes = Buffer.alloc(file.size());
    file.read(0, bytes);
    expect(bytes.toString('latin1')).toContain(`<string>whole disk (${type} : 0)</string>`);
  }
});
