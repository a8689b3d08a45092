import { CorruptError, LinkLostError, StoreError } from '@tintype/core';
import { FaultStore, MemoryStore } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { OPEN_BANDS } from '../limits.js';
import { openBundle } from '../open.js';
import { Bands } from './bands.js';
import { formatInfoPlist } from './info-plist.js';

const BAND = 1 << 20;

function bundle(bands: Readonly<Record<string, number>>): MemoryStore {
  const store = new MemoryStore();
  store.makeFolder('b');
  store.makeFolder('b/bands');
  store.open('b/Info.plist', 'create').write(0, Buffer.from(formatInfoPlist({ bandSize: BAND, size: 40 * BAND })));
  store.open('b/token', 'create').close();
  for (const [name, length] of Object.entries(bands)) {
    const file = store.open(`b/bands/${name}`, 'create');
    file.write(0, new Uint8Array(length).fill(7));
    file.close();
  }
  return store;
}

function readBand(store: MemoryStore | FaultStore, band: number, length = BAND): Uint8Array {
  const bytes = new Uint8Array(length).fill(1);
  openBundle(store, 'b', false, 0).device.read(band * BAND, bytes);
  return bytes;
}

test('a missing band is zeros, a short one is zeros from its end on', () => {
  const store = bundle({ a: 1000 });
  expect(readBand(store, 9).every((byte) => byte === 0)).toBe(true);
  const short = readBand(store, 10);
  expect([short[999], short[1000], short.at(-1)]).toEqual([7, 0, 0]);
});

test('without the folder of bands nothing reads as zeros', () => {
  const store = bundle({ a: 1000 });
  const { device } = openBundle(store, 'b', false, 0);
  store.rename('b/bands', 'b/away');
  expect(() => device.read(10 * BAND, new Uint8Array(10))).toThrow(StoreError);
  store.rename('b/away', 'b/bands');
  const bytes = new Uint8Array(10);
  device.read(10 * BAND, bytes);
  expect(bytes[0]).toBe(7);
});

test('names that are not canonical are not bands', () => {
  const store = bundle({ '0a': 10, A: 10, '.DS_Store': 10, '._a': 10 });
  expect(readBand(store, 10).every((byte) => byte === 0)).toBe(true);
});

test('a band that is too long is refused by name, with its length', () => {
  const store = bundle({ '1f': BAND + 1 });
  expect(() => readBand(store, 31, 1)).toThrow(CorruptError);
  expect(() => readBand(store, 31, 1)).toThrow(
    expect.objectContaining({ structure: 'band 1f', field: 'length', place: BAND + 1 }),
  );
  const opened = openBundle(store, 'b', false, 0);
  expect([...opened.verify()]).toMatchObject([{ kind: 'band-length', place: 'band 1f', severity: 'error' }]);
});

test('a folder in the place of a band is refused by name', () => {
  const store = bundle({});
  store.makeFolder('b/bands/2');
  expect(() => readBand(store, 2)).toThrow(expect.objectContaining({ structure: 'band 2', field: 'kind' }));
  expect([...openBundle(store, 'b', false, 0).verify()]).toMatchObject([{ kind: 'band-kind', place: 'band 2' }]);
});

test('a band that the host does not read is the failure of that file, never zeros', () => {
  for (const kind of ['open', 'read', 'size'] as const)
    for (const code of ['EIO', 'EACCES']) {
      const seen: unknown[] = [];
      for (let call = 1; call < 12; call += 1) {
        const fault = new FaultStore(bundle({ 3: 5000 }), { call, kinds: [kind], code });
        try {
          expect(readBand(fault, 3, 5000).every((byte) => byte === 7)).toBe(true);
        } catch (error) {
          seen.push(error);
        }
      }
      expect(seen.length).toBeGreaterThan(0);
      for (const error of seen) expect(error).toBeInstanceOf(StoreError);
    }
});

test('a band in a folder that is gone with its host is lost, never zeros', () => {
  const store = new MemoryStore();
  const gone = new Proxy(store, {
    get: (target, name) =>
      name === 'open'
        ? (path: string) => {
            throw new LinkLostError('ENOENT', 'open', path);
          }
        : Reflect.get(target, name),
  });
  const bands = new Bands(gone, 'b/bands', BAND, false);
  expect(() => bands.read(1, 0, new Uint8Array(1))).toThrow(LinkLostError);
});

test('few files are open, however many bands are used', () => {
  const store = bundle({});
  let open = 0;
  let most = 0;
  const counting = Object.assign(Object.create(store) as MemoryStore, {});
  for (const name of ['list', 'kind', 'remove', 'syncFolder', 'facts', 'rename', 'makeFolder'] as const)
    Object.assign(counting, { [name]: store[name].bind(store) });
  Object.assign(counting, {
    open: (path: string, mode: 'read' | 'write' | 'create') => {
      const file = store.open(path, mode);
      open += 1;
      most = Math.max(most, open);
      const close = file.close.bind(file);
      file.close = () => {
        open -= 1;
        close();
      };
      return file;
    },
  });
  const bands = new Bands(counting, 'b/bands', BAND, true);
  for (let round = 0; round < 2; round += 1)
    for (let index = 0; index < 3 * OPEN_BANDS; index += 1) bands.write(index, 10, Uint8Array.of(index));
  bands.flush();
  bands.close();
  expect([open, most <= OPEN_BANDS]).toEqual([0, true]);
  const seen = new Uint8Array(11);
  const again = new Bands(store, 'b/bands', BAND, false);
  again.read(150, 0, seen);
  expect([...seen]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 150]);
});

test('once the folder was listed, bands that come and go are known as before', () => {
  const store = bundle({ 1: BAND, 3: 512 });
  const bands = new Bands(store, 'b/bands', BAND, true);
  bands.list();
  expect([0, 1, 2, 3].map((band) => bands.length(band))).toEqual([0, BAND, 0, 512]);
  bands.write(2, 0, Uint8Array.of(5));
  bands.discard(1, 0, BAND);
  bands.discard(3, 100, BAND - 100);
  expect([0, 1, 2, 3].map((band) => bands.length(band))).toEqual([0, 0, 1, 100]);
  bands.write(1, 0, Uint8Array.of(6));
  expect(bands.length(1)).toBe(1);
  bands.close();
});
