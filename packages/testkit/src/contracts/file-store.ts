// What every `FileStore` and every wrapper of one promises.

import type { FileStore, StoreFile } from '@tintype/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Random } from '../seeds.js';
import { SparseBytes } from '../sparse-bytes.js';

/** A store to be tested, and an empty folder of it. */
export interface StoreUnderTest {
  readonly store: FileStore;
  readonly folder: string;
  dispose?(): void;
}

export interface FileStoreExpectations {
  /** Does `punch` free space here, and do locks of two handles exclude each other? */
  readonly punches: boolean;
  readonly locks: boolean;
}

export function fileStoreContract(
  name: string,
  make: () => StoreUnderTest,
  expectations: FileStoreExpectations = { punches: true, locks: true },
): void {
  describe(`${name} keeps the contract of a file store`, () => {
    let under: StoreUnderTest;
    beforeEach(() => {
      under = make();
    });
    afterEach(() => under.dispose?.());
    const at = (path: string): string => `${under.folder}/${path}`;
    const put = (path: string, bytes: Uint8Array): void => {
      const file = under.store.open(at(path), 'create');
      file.write(0, bytes);
      file.close();
    };
    const context: Context = { at, put, store: () => under.store };
    nameTests(context);
    linkTests(context);
    contentTests(context, expectations);
    if (expectations.locks) lockTests(context);
  });
}

interface Context {
  store(): FileStore;
  at(path: string): string;
  put(path: string, bytes: Uint8Array): void;
}

const code = (errno: string): unknown => expect.objectContaining({ name: 'StoreError', code: errno });

function nameTests({ at, put, store }: Context): void {
  test('a new file is exclusive, a missing one is not made', () => {
    put('a', Uint8Array.of(1));
    expect(() => store().open(at('a'), 'create')).toThrow(code('EEXIST'));
    expect(() => store().open(at('b'), 'read')).toThrow(code('ENOENT'));
    expect(() => store().open(at('b'), 'write')).toThrow(code('ENOENT'));
    expect(() => store().open(at('no/b'), 'create')).toThrow(code('ENOENT'));
    expect(store().kind(at('b'))).toBe(null);
  });
  test('kinds and listings', () => {
    store().makeFolder(at('f'));
    put('a', new Uint8Array());
    put('f/b', new Uint8Array());
    expect(store().kind(at('f'))).toBe('directory');
    expect(store().kind(at('a'))).toBe('file');
    expect(store().kind(at('f/b/c'))).toBe(null);
    const entries = [...store().list(at(''))].sort((x, y) => (x.name < y.name ? -1 : 1));
    expect(entries).toEqual([
      { name: 'a', kind: 'file' },
      { name: 'f', kind: 'directory' },
    ]);
    expect(() => store().makeFolder(at('f'))).toThrow(code('EEXIST'));
    expect(() => store().open(at('f'), 'write')).toThrow(code('EISDIR'));
    expect(() => store().list(at('none'))).toThrow(code('ENOENT'));
  });
  test('a rename replaces a file', () => {
    put('new', Uint8Array.of(2));
    put('old', Uint8Array.of(1, 1));
    store().rename(at('new'), at('old'));
    store().syncFolder(at(''));
    expect(
      store()
        .list(at(''))
        .map((entry) => entry.name),
    ).toEqual(['old']);
    expect(contentOf(store().open(at('old'), 'read'))).toEqual(Uint8Array.of(2));
    expect(() => store().rename(at('gone'), at('x'))).toThrow(code('ENOENT'));
  });
  test('a folder moves with what is in it', () => {
    store().makeFolder(at('f'));
    store().makeFolder(at('g'));
    put('f/a', Uint8Array.of(7));
    store().rename(at('f'), at('g/h'));
    expect(contentOf(store().open(at('g/h/a'), 'read'))).toEqual(Uint8Array.of(7));
    expect(store().kind(at('f'))).toBe(null);
  });
  test('files and empty folders are removed, full ones are not', () => {
    store().makeFolder(at('f'));
    put('f/a', new Uint8Array());
    expect(() => store().remove(at('f'))).toThrow(code('ENOTEMPTY'));
    store().remove(at('f/a'));
    store().remove(at('f'));
    expect(store().kind(at('f'))).toBe(null);
    expect(() => store().remove(at('f'))).toThrow(code('ENOENT'));
  });
  test('facts are sound', () => {
    const facts = store().facts(at(''));
    expect(facts.free).toBeGreaterThan(0);
    expect(facts.capacity).toBeGreaterThanOrEqual(facts.free);
    expect(facts.kind).not.toBe('');
  });
}

function linkTests({ at, put, store }: Context): void {
  test('a second name, where there are such: the file lives on under it', () => {
    put('a', Uint8Array.of(1, 2));
    if (!store().link(at('a'), at('b'))) return;
    expect(() => store().link(at('a'), at('b'))).toThrow(code('EEXIST'));
    expect(() => store().link(at('gone'), at('c'))).toThrow(code('ENOENT'));
    put('new', Uint8Array.of(3));
    store().rename(at('new'), at('a'));
    expect(contentOf(store().open(at('b'), 'read'))).toEqual(Uint8Array.of(1, 2));
    expect(contentOf(store().open(at('a'), 'read'))).toEqual(Uint8Array.of(3));
    store().remove(at('a'));
    expect(store().kind(at('b'))).toBe('file');
  });
}

function contentTests({ at, put, store }: Context, { punches }: FileStoreExpectations): void {
  test('a file opened to read is not written', () => {
    put('a', Uint8Array.of(1));
    const file = store().open(at('a'), 'read');
    expect(() => file.write(0, Uint8Array.of(2))).toThrow(code('EBADF'));
    file.close();
    expect(contentOf(store().open(at('a'), 'read'))).toEqual(Uint8Array.of(1));
  });
  test('two handles see the same file', () => {
    put('a', new Uint8Array(10));
    const one = store().open(at('a'), 'write');
    const two = store().open(at('a'), 'write');
    one.write(4, Uint8Array.of(9, 9));
    const seen = new Uint8Array(3);
    expect(two.read(4, seen)).toBe(3);
    expect(seen).toEqual(Uint8Array.of(9, 9, 0));
    one.close();
    two.close();
  });
  test('allocated space is real, and reads as before', () => {
    const file = store().open(at('a'), 'create');
    file.write(0, Uint8Array.of(1, 2, 3));
    file.allocate(0, 1 << 20);
    file.sync();
    expect(file.size()).toBe(1 << 20);
    expect(file.allocated(0, 1 << 20)).toBe(1 << 20);
    const start = new Uint8Array(4);
    file.read(0, start);
    expect(start).toEqual(Uint8Array.of(1, 2, 3, 0));
    file.close();
  });
  test('a punched range reads as zeros and gives space back', () => {
    const file = store().open(at('a'), 'create');
    file.write(0, new Uint8Array(1 << 20).fill(5));
    file.sync();
    const before = file.allocated(0, 1 << 20);
    expect(file.punch(1 << 16, 1 << 18)).toBe(punches);
    file.sync();
    expect(file.size()).toBe(1 << 20);
    if (punches) {
      const middle = new Uint8Array(1 << 18);
      file.read(1 << 16, middle);
      expect(middle.every((byte) => byte === 0)).toBe(true);
      expect(file.allocated(0, 1 << 20)).toBeLessThanOrEqual(before - (1 << 17));
    }
    file.close();
  });
  test.each([1, 2, 3])('random changes of a file equal those of a plain array, seed %i', (seed) => {
    const file = store().open(at('a'), 'create');
    randomContent(file, new Random(seed), punches);
    file.close();
  });
}

function lockTests({ at, put, store }: Context): void {
  test('locks exclude each other until closed', () => {
    put('a', new Uint8Array());
    const one = store().open(at('a'), 'write');
    const two = store().open(at('a'), 'write');
    expect(one.lock('exclusive')).toBe(true);
    expect(two.lock('exclusive')).toBe(false);
    expect(two.lock('shared')).toBe(false);
    one.close();
    expect(two.lock('shared')).toBe(true);
    const three = store().open(at('a'), 'write');
    expect(three.lock('shared')).toBe(true);
    expect(three.lock('exclusive')).toBe(false);
    two.close();
    expect(three.lock('exclusive')).toBe(true);
    three.close();
  });
}

function randomContent(file: StoreFile, random: Random, punches: boolean): void {
  const model = new SparseBytes();
  for (let step = 0; step < 150; step += 1) {
    const position = random.below(300_000);
    const length = random.below(random.oneIn(5) ? 100_000 : 2000);
    const act = random.below(8);
    if (act === 0) {
      file.truncate(position);
      model.truncate(position);
    } else if (act === 1 && punches) {
      file.punch(position, length);
      model.punch(position, length);
    } else if (act === 2) {
      file.sync();
    } else {
      const bytes = random.bytes(length + 1);
      file.write(position, bytes);
      model.write(position, bytes);
    }
    expect(file.size()).toBe(model.length);
  }
  const seen = new Uint8Array(model.length + 10);
  const expected = new Uint8Array(model.length + 10);
  expect(file.read(0, seen)).toBe(model.read(0, expected));
  expect(Buffer.compare(seen, expected)).toBe(0);
}

function contentOf(file: StoreFile): Uint8Array {
  const bytes = new Uint8Array(file.size());
  file.read(0, bytes);
  file.close();
  return bytes;
}
