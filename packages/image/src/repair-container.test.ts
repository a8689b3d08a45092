// A bundle's own files: what is mended, what is kept of what goes, and what a cut leaves.

import type { FileStore } from '@tintype/core';
import { CrashStore, count, MemoryStore } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { holder } from './containers.testing.js';
import { createImage } from './create.js';
import { openImage } from './open.js';
import { repairContainer } from './repair-container.js';
import { undoPath } from './undo-file.js';

const PATH = 'a.sparsebundle';
const BAND = 4096;
const options = { holder, waitLock: 0, isDryRun: false };

function made(): MemoryStore {
  const store = new MemoryStore();
  const image = createImage(store, PATH, {
    format: 'sparsebundle',
    size: 64 << 10,
    bandSize: BAND,
    holder,
    waitLock: 0,
  });
  image.device.write(1024, Uint8Array.of(0x48, 0x2b, 0, 4));
  image.close();
  return store;
}

function put(store: FileStore, name: string, text: string, at = 0): void {
  const file = store.open(`${PATH}/${name}`, store.kind(`${PATH}/${name}`) === null ? 'create' : 'write');
  if (at === 0) file.truncate(0);
  file.write(at, Buffer.from(text));
  file.sync();
  file.close();
}

function text(store: FileStore, path: string): string {
  const file = store.open(path, 'read');
  const bytes = Buffer.alloc(file.size());
  file.read(0, bytes);
  file.close();
  return bytes.toString();
}

function findings(store: FileStore): string[] {
  const image = openImage(store, PATH, { writable: false, waitLock: 0, holder, allowTimeMachine: false });
  const kinds = [...image.verify()].map(({ kind }) => kind);
  image.close();
  return kinds;
}

test.each<[string, string, (store: MemoryStore) => void]>([
  ['Info.plist', 'info-plist', (store) => put(store, 'Info.plist', 'com.apple.diskimage.sparsebundle <plist>')],
  ['no Info.plist', 'info-plist', (store) => store.remove(`${PATH}/Info.plist`)],
  ['Info.bckup', 'info-bckup', (store) => put(store, 'Info.bckup', 'nothing')],
  ['no token', 'token-missing', (store) => store.remove(`${PATH}/token`)],
  ['a band that is too long', 'band-length', (store) => put(store, 'bands/0', 'behind the end', BAND)],
])('%s is mended', (_what, kind, damage) => {
  const store = made();
  const whole = text(store, `${PATH}/Info.plist`);
  damage(store);
  expect(findings(store)).toEqual([kind]);
  const planned = repairContainer(store, PATH, { ...options, isDryRun: true });
  expect(findings(store)).toEqual([kind]);
  expect(planned).toHaveLength(1);
  expect(repairContainer(store, PATH, options)).toEqual(planned);
  expect(findings(store)).toEqual([]);
  expect(text(store, `${PATH}/Info.plist`)).toBe(whole);
  expect(repairContainer(store, PATH, options)).toEqual([]);
});

test('what goes is kept beside the image', () => {
  const store = made();
  put(store, 'bands/0', 'behind the end', BAND);
  put(store, 'Info.plist', 'com.apple.diskimage.sparsebundle, once');
  repairContainer(store, PATH, options);
  expect(text(store, `${undoPath(PATH)}.band-0`)).toBe('behind the end');
  expect(text(store, `${undoPath(PATH)}.Info.plist`)).toBe('com.apple.diskimage.sparsebundle, once');
});

test('a bundle of noise does not lose its passphrase to an empty token', () => {
  const store = made();
  put(store, 'bands/0', 'noise '.repeat(600));
  store.remove(`${PATH}/token`);
  expect(repairContainer(store, PATH, options)).toEqual([]);
});

test('after any cut the same call finishes', () => {
  const store = made();
  const whole = text(store, `${PATH}/Info.plist`);
  put(store, 'Info.plist', 'com.apple.diskimage.sparsebundle, once');
  put(store, 'bands/0', 'behind the end', BAND);
  const crash = new CrashStore(store);
  repairContainer(crash, PATH, options);
  const states = [...crash.prefixes(), ...crash.randomStates({ seed: 7, count: count(40, 1000) })];
  for (const { store: cut, description } of states) {
    repairContainer(cut, PATH, options);
    expect(findings(cut), description).toEqual([]);
    expect(text(cut, `${PATH}/Info.plist`), description).toBe(whole);
  }
});
