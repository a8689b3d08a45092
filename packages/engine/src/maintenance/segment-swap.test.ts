import { type FileStore, MemoryDevice } from '@tintype/core';
import { createArchive, createImage, openImage } from '@tintype/image';
import { CrashStore, count, FaultStore, MemoryStore, Random } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { hostContext } from '../host-context.js';
import { finishReplacement, prepareDraft, removeImage, replaceImage } from './replace-image.js';
import { readNote, writeNote } from './segment-swap.js';

const SIZE = 160 << 10;
const PATH = 'f/a.dmg';
const DRAFT = 'f/.a.dmg.tintype.new';
const holder = { ...hostContext().holder, heartbeat: 0 };
const locks = { holder, waitLock: 0 };
const passphrase = Buffer.from('p');

/** Bytes of a file at the most: what makes one file of them, three, or six. */
const SHAPES = { one: 1 << 20, three: 70_000, six: 30_000, sealed: 192_000, sealedTwo: 230_000 } as const;
type Shape = keyof typeof SHAPES | 'bundle' | 'none';
const names = (count: number) => [...Array.from({ length: count - 1 }, (_, i) => `a.00${i + 2}.dmgpart`), 'a.dmg'];
const FILES: Readonly<Record<Shape, readonly string[]>> = {
  none: [],
  one: names(1),
  three: names(3),
  six: names(6),
  sealed: names(3),
  sealedTwo: names(2),
  bundle: names(1),
};

function make(store: FileStore, path: string, shape: Shape, seed: number): void {
  if (shape === 'none') return;
  const random = (target: Uint8Array) => new Random(seed).fill(target);
  if (shape === 'bundle') {
    const image = createImage(store, path, { format: 'sparsebundle', size: SIZE, bandSize: 1 << 20, ...locks });
    image.device.write(0, diskOf(seed));
    image.device.flush();
    image.close();
    return;
  }
  const options = { format: 'udro', holder, random, free: [], segmentSize: SHAPES[shape] } as const;
  const secret = shape.startsWith('sealed') ? ({ encryption: 'aes-128', passphrase, kdfRounds: 1 } as const) : {};
  createArchive(store, path, new MemoryDevice(diskOf(seed)), { ...options, ...secret });
}

/** Without a map, so that every byte counts. */
function diskOf(seed: number): Uint8Array {
  return new Random(seed).bytes(SIZE);
}

/** Which of both is there, whole: every byte of it, and its checksums. */
function seen(store: FileStore, description: string): 'old' | 'new' | 'none' {
  if (store.kind(PATH) === null) return 'none';
  const image = openImage(store, PATH, { writable: false, allowTimeMachine: false, passphrase, ...locks });
  const disk = new Uint8Array(image.device.size);
  image.device.read(0, disk);
  expect([...image.verify()], description).toEqual([]);
  image.close();
  const found = [1, 2].find((seed) => Buffer.compare(disk, diskOf(seed)) === 0);
  expect(found, description).toBeDefined();
  return found === 1 ? 'old' : 'new';
}

function both(from: Shape, to: Shape): MemoryStore {
  const store = new MemoryStore();
  store.makeFolder('f');
  make(store, PATH, from, 1);
  make(store, DRAFT, to, 2);
  return store;
}

const filesOf = (store: FileStore) =>
  store
    .list('f')
    .map(({ name }) => name)
    // What a failing call left of a lease is not of the exchange.
    .filter((name) => !name.includes('.tintype.lease.'))
    .sort();

describe.each<[Shape, Shape]>([
  ['none', 'three'],
  ['one', 'three'],
  ['three', 'one'],
  ['three', 'six'],
  ['six', 'three'],
  ['six', 'bundle'],
  ['bundle', 'three'],
  ['sealed', 'sealedTwo'],
  ['sealedTwo', 'sealed'],
  ['sealed', 'one'],
])('%s by %s', (from, to) => {
  test('the new row of files is there, and nothing else', () => {
    const store = both(from, to);
    replaceImage(store, PATH, locks);
    expect(filesOf(store)).toEqual(FILES[to]);
    expect(seen(store, 'replaced')).toBe('new');
  });

  test('cut anywhere: the old one or the new one, whole, and of the other no file', () => {
    const crash = new CrashStore(both(from, to));
    replaceImage(crash, PATH, locks);
    const found = new Set<string>();
    const states = [...crash.prefixes(), ...crash.randomStates({ seed: 4, count: count(40, 2000) })];
    for (const { store, description } of states) {
      // What a reader finds before anyone cleans up is the old one, the new one, or none.
      seen(store, description);
      finishAtAnyCut(store, description);
      const which = seen(store, description);
      expect(which, description).toBe(which === 'new' ? 'new' : from === 'none' ? 'none' : 'old');
      expect(filesOf(store), description).toEqual(FILES[which === 'new' ? to : from]);
      found.add(which);
    }
    expect(found.size).toBe(2);
  });

  test('whichever call fails, one of the two is there whole', () => {
    const before = both(from, to);
    for (let call = 1; ; call += 1) {
      const store = before.clone();
      const fault = new FaultStore(store, { call, code: 'EIO' });
      try {
        replaceImage(fault, PATH, locks);
      } catch (error) {
        expect(error).toMatchObject({ code: 'EIO' });
      }
      finishReplacement(store, PATH);
      prepareDraft(store, PATH, locks);
      const which = seen(store, `call ${call}`);
      expect(filesOf(store), `call ${call}`).toEqual(FILES[which === 'new' ? to : from]);
      if (!fault.fired) return;
    }
  });
});

/** The finishing is cut, too, once, at every sixth of its calls; then it is done. */
function finishAtAnyCut(store: MemoryStore, description: string): void {
  for (let call = 1 + (description.length % 6); ; call += 6) {
    const fault = new FaultStore(store, { call, code: 'EIO' });
    try {
      finishReplacement(fault, PATH);
    } catch (error) {
      expect(error, description).toMatchObject({ code: 'EIO' });
    }
    if (!fault.fired) break;
  }
  finishReplacement(store, PATH);
  prepareDraft(store, PATH, locks);
}

test('a new image that was removed before the exchange was finished: the old one comes back with all its files', () => {
  const crash = new CrashStore(both('three', 'six'));
  replaceImage(crash, PATH, locks);
  let back = 0;
  for (const { store } of crash.prefixes()) {
    if (store.kind(DRAFT) !== null || store.kind('f/.a.dmg.tintype.old') === null) continue;
    store.remove(PATH);
    finishReplacement(store, PATH);
    expect([seen(store, 'back'), filesOf(store)]).toEqual(['old', FILES.three]);
    back += 1;
  }
  expect(back).toBeGreaterThan(0);
});

test('files of other images are left alone, and a draft goes with its own', () => {
  const store = both('one', 'one');
  const strangers = ['a.002.dmgpart', 'b.002.dmgpart', 'a.dmg.002.dmgpart'];
  for (const name of strangers) store.open(`f/${name}`, 'create').close();
  replaceImage(store, PATH, locks);
  expect(filesOf(store)).toEqual([...strangers, 'a.dmg'].sort());
  make(store, DRAFT, 'three', 2);
  removeImage(store, DRAFT);
  expect(filesOf(store)).toEqual([...strangers, 'a.dmg'].sort());
});

test('a torn note counts for nothing; a whole one that says something else is refused', () => {
  const store = both('three', 'six');
  const rows = { old: [2, 3], next: [2, 3, 4] };
  writeNote(store, PATH, rows);
  expect(readNote(store, PATH)).toEqual(rows);
  const note = store.open('f/.a.dmg.tintype.parts', 'write');
  note.truncate(note.size() - 1);
  expect(readNote(store, PATH)).toBe(null);
  note.truncate(0);
  note.write(0, Buffer.from('{"old":[1]}'));
  expect(() => readNote(store, PATH)).toThrow(/does not list numbers/);
});
