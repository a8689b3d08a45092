import { LockedError } from '@tintype/core';
import { CrashStore, count, MemoryStore, Random } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { holder } from '../containers.testing.js';
import { SectorModel } from '../crash.testing.js';
import { createImage } from '../create.js';
import { openImage } from '../open.js';
import { SparseImageDevice } from './device.js';
import { NODE_SIZE, sparseHeader } from './structs.js';

const BAND = 512;
const BANDS = 2500;

function newStore(canPunch: boolean): MemoryStore {
  const store = new MemoryStore({ limits: { canPunch } });
  const file = store.open('a', 'create');
  file.write(0, sparseHeader(BANDS * BAND, BAND));
  file.close();
  return store;
}

const numbered = (band: number): Uint8Array => new Uint8Array(new Uint32Array(BAND / 4).fill(band + 1).buffer);

/** Two index nodes, every band written. */
function fill(device: SparseImageDevice): void {
  for (let band = 0; band < BANDS; band += 1) device.write(band * BAND, numbered(band));
  device.flush();
}

function expectBands(device: SparseImageDevice, isThere: (band: number) => boolean, description = ''): void {
  const bytes = new Uint8Array(BAND);
  const wrong: number[] = [];
  for (let band = 0; band < BANDS; band += 1) {
    device.read(band * BAND, bytes);
    const wanted = isThere(band) ? band + 1 : 0;
    if (new Uint32Array(bytes.buffer).some((word) => word !== wanted)) wrong.push(band);
  }
  expect([description, wrong]).toEqual([description, []]);
}

describe.each([true, false])('a sparse image on a host that can punch holes: %s', (canPunch) => {
  test('loses what was discarded, keeps the rest, and its last index nodes', () => {
    const store = newStore(canPunch);
    const file = store.open('a', 'write');
    const device = new SparseImageDevice(file, true);
    fill(device);
    const isKept = (band: number): boolean => band % 3 === 0;
    for (let band = 0; band < BANDS; band += 1) if (!isKept(band)) device.discard(band * BAND, BAND);
    const before = file.size();
    const freed = device.compact(() => {});
    expect([freed, device.bandsPresent]).toEqual([before - file.size(), 834]);
    expect(file.size()).toBe(NODE_SIZE + 834 * BAND);
    expectBands(device, isKept);
    expectBands(new SparseImageDevice(store.open('a', 'read'), false), isKept);
    // Written on as if nothing had been: new bands come behind the last, and into a new index node.
    for (let band = 0; band < BANDS; band += 1) device.write(band * BAND, numbered(band));
    device.flush();
    expect(file.size()).toBe(before);
    expectBands(new SparseImageDevice(store.open('a', 'read'), false), () => true);
  });
  test('keeps a band of which any part may matter', () => {
    const store = newStore(canPunch);
    const device = new SparseImageDevice(store.open('a', 'write'), true);
    fill(device);
    device.discard(0, BAND - 1);
    device.zero(BAND, BAND / 2);
    device.zero(BAND + BAND / 2, BAND / 2);
    device.discard(2 * BAND, BAND);
    device.write(2 * BAND + 7, Uint8Array.of(1));
    device.compact(() => {});
    expect(device.bandsPresent).toBe(BANDS - 1);
    expect([0, 1, 2].map((band) => device.extent(band * BAND).kind)).toEqual(['data', 'zero', 'data']);
  });
  test.each([1, 2])('cut anywhere, every sector is as it was, seed %i', (seed) => {
    const crash = new CrashStore(newStore(canPunch));
    const model = new SectorModel(() => crash.calls.length);
    const random = new Random(seed);
    const device = new SparseImageDevice(crash.open('a', 'write'), true);
    for (let round = 0; round < 3; round += 1) {
      model.run(device, random, 40, BANDS * BAND);
      model.zeroBands(device, random, { bandSize: BAND, bands: BANDS, share: 0.6 });
      model.flush(device);
      device.compact(() => {});
    }
    for (const { store, calls, description } of crash.randomStates({ seed, count: count(40, 3000) })) {
      const cut = new SparseImageDevice(store.open('a', 'write'), true);
      model.expectPossible(cut, calls, description);
      expect([...cut.verify()], description).toEqual([]);
      cut.compact(() => {});
      model.expectPossible(cut, calls, `${description}, compacted again`);
    }
  });
  test('after every single call of a compaction all bands are there', () => {
    const crash = new CrashStore(newStore(canPunch));
    const device = new SparseImageDevice(crash.open('a', 'write'), true);
    fill(device);
    const isKept = (band: number): boolean => band < 700 || band > 2450;
    device.zero(700 * BAND, 1751 * BAND);
    device.flush();
    const from = crash.calls.length;
    device.compact(() => {});
    const every = Math.ceil((crash.calls.length - from) / count(25, 400));
    for (const { store, calls, description } of crash.prefixes({ from })) {
      if ((crash.calls.length - calls) % every !== 0 && crash.calls.length - calls > 8) continue;
      expectBands(new SparseImageDevice(store.open('a', 'read'), false), isKept, description);
    }
  });
});

const passphrase = Buffer.from('open');

test.each([
  ['clear', {}],
  ['encrypted', { encryption: 'aes-128', passphrase, kdfRounds: 1 } as const],
])('an open image, %s, is compacted under its lease', (_name, secret) => {
  const store = new MemoryStore();
  const options = { format: 'sparseimage', size: 64 << 20, bandSize: 1 << 20, waitLock: 0, holder, ...secret } as const;
  const image = createImage(store, 'a', options);
  for (let band = 0; band < 20; band += 1) image.device.write(band << 20, Uint8Array.of(band + 1));
  image.device.discard(0, 15 << 20);
  expect(image.compact()).toBe(15 << 20);
  const byte = new Uint8Array(1);
  image.device.read(19 << 20, byte);
  expect(byte[0]).toBe(20);
  image.device.discard(15 << 20, 1 << 20);
  store.open('.a.tintype.lease.2', 'create').close();
  expect(() => image.compact()).toThrow(LockedError);
  const reading = { writable: false, waitLock: 0, holder, allowTimeMachine: false, passphrase };
  const again = openImage(store.clone(), 'a', reading);
  for (let band = 16; band < 20; band += 1) {
    again.device.read(band << 20, byte);
    expect(byte[0]).toBe(band + 1);
    expect(again.device.extent(band << 20).kind).toBe('data');
  }
  for (let band = 0; band < 15; band += 1) expect(again.device.extent(band << 20).kind).toBe('zero');
  again.close();
});

test('other formats need no packing', () => {
  const store = new MemoryStore();
  const image = createImage(store, 'a', { format: 'sparsebundle', size: 64 << 20, waitLock: 0, holder });
  expect(image.compact()).toBe(0);
  image.close();
});
