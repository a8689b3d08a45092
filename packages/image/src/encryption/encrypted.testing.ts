// Encrypted images that macOS made, and what is known of them.

import { readFileSync } from 'node:fs';
import type { FileStore, StoreFile } from '@tintype/core';
import { fixture, fixtureBytes, MemoryStore, Random } from '@tintype/testkit';
import type { Holder } from '../disk-image.js';

export const FIXTURES = {
  'raw-aes128-v2.dmg': 'vilefault',
  'raw-aes256-v2.dmg': 'vilefault',
  'raw-aes128-v1.dmg': 'vilefault',
  'sparseimage-aes128-v2.sparseimage.gz': 'vilefault',
  'sparseimage-aes256-v2.sparseimage.gz': 'vilefault',
  'udif-aes256-v2.dmg': 'test123',
  'udzo-hfsplus.dmg': 'password',
  'bundle-aes128-v1.sparsebundle': 'vilefault',
  'bundle-aes128-v2.sparsebundle': 'vilefault',
  'bundle-aes256-v2.sparsebundle': 'vilefault',
  'bundle-five-bands.sparsebundle': 'foo',
} as const;
export type FixtureName = keyof typeof FIXTURES;

export const isMissing = fixture('encrypted').skip;

export const holder: Holder = {
  host: 'test',
  pid: 1,
  boot: 'boot',
  alive: () => false,
  clock: () => 0,
  random: (target) => random.fill(target),
  heartbeat: 0,
};
const random = new Random(1);

function put(store: FileStore, path: string, bytes: Uint8Array): void {
  const file = store.open(path, 'create');
  file.write(0, bytes);
  file.close();
}

/** A store in memory with one of the fixtures, and its path there. */
export function stored(name: FixtureName): { readonly store: MemoryStore; readonly path: string } {
  const store = new MemoryStore();
  const path = name.replace(/\.gz$/, '');
  if (!name.endsWith('.sparsebundle')) put(store, path, fixtureBytes(`encrypted/${name}`));
  else {
    store.makeFolder(path);
    store.makeFolder(`${path}/bands`);
    const bands = name.startsWith('bundle-five') ? [0, 1, 2, 3, 4] : [0];
    for (const part of ['Info.plist', 'Info.bckup', 'token', ...bands.map((band) => `bands/${band}`)])
      put(store, `${path}/${part}`, readFileSync(fixture(`encrypted/${name}/${part}`).path));
  }
  return { store, path };
}

/** A file in memory with these bytes. */
export function fileOf(bytes: Uint8Array): StoreFile {
  const store = new MemoryStore();
  put(store, 'file', bytes);
  return store.open('file', 'write');
}
