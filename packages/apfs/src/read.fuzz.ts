// Mutated real containers through the driver: everything that can be read is read, and whatever the bytes, only an error that
// says so comes out, in bounded time. Half of the mutated blocks get a checksum that holds, or nothing behind it would be tried.

import { CorruptError, type ItemId, MemoryDevice, PassphraseError, UnsupportedError, type Volume } from '@tintype/core';
import { count, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { apfs } from './driver.js';
import { mutateObjects, objectsOf } from './mutate.testing.js';
import { isMissing, PASSPHRASE, sample, sampleNames } from './sample.testing.js';

/** A folder can lie in itself in a damaged volume, so a walk needs an end of its own. */
const MOST_ITEMS = 2000;
const PATIENCE = 60_000;
const piece = new Uint8Array(65_536);

function isRefusal(error: unknown): boolean {
  return error instanceof CorruptError || error instanceof UnsupportedError || error instanceof PassphraseError;
}

/** Runs one call; what it refuses is counted, anything else goes on up. */
function attempt<T>(call: () => T, refused: { count: number }): T | null {
  try {
    return call();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    refused.count += 1;
    return null;
  }
}

function readAll(volume: Volume, refused: { count: number }): number {
  const root = attempt(() => volume.root.id, refused);
  const folders: ItemId[] = root === null ? [] : [root];
  let items = 0;
  for (let folder = folders.pop(); folder !== undefined && items < MOST_ITEMS; folder = folders.pop()) {
    const id = folder;
    for (const item of attempt(() => volume.list(id), refused) ?? []) {
      items += 1;
      if (item.kind === 'directory') folders.push(item.id);
      if (item.kind === 'symlink') attempt(() => volume.readlink(item.id), refused);
      if (item.kind === 'file') attempt(() => volume.read(item.id, 0, piece), refused);
      attempt(() => volume.extents(item.id), refused);
      for (const { name } of attempt(() => volume.xattrs(item.id), refused) ?? [])
        attempt(() => volume.xattr(item.id, name), refused);
      attempt(() => volume.lookup(id, item.name), refused);
    }
  }
  attempt(() => volume.snapshots, refused);
  return items;
}

test.each(sampleNames)('mutations of %s', (name) => {
  if (isMissing(name)) return;
  const original = sample(name);
  const objects = objectsOf(original);
  const refused = { count: 0 };
  let items = 0;
  // Each mount of the encrypted one derives a key first.
  const seeds = name === 'filevault' ? count(12, 100) : count(120, 800);
  for (let seed = 1; seed <= seeds; seed += 1) {
    const bytes = original.slice();
    mutateObjects(bytes, objects, new Random(seed));
    const start = performance.now();
    try {
      const options = { writable: false, now: () => 0, random: () => {}, passphrase: PASSPHRASE };
      const system = attempt(() => apfs.open(new MemoryDevice(bytes), options), refused);
      for (const volume of system?.volumes ?? []) items += readAll(volume, refused);
      attempt(() => [...(system?.freeRanges() ?? [])], refused);
      attempt(() => apfs.probe(new MemoryDevice(bytes)), refused);
      for (const place of ['checkpoint', 'spaceman', 'omap', 'root:0', `block:${random(seed, objects)}`])
        attempt(() => [...apfs.inspect(new MemoryDevice(bytes), place)], refused);
    } catch (error) {
      throw new Error(`seed ${seed} of ${name}`, { cause: error });
    }
    expect(performance.now() - start, `seed ${seed}`).toBeLessThan(PATIENCE);
  }
  expect(items).toBeGreaterThan(0);
  expect(refused.count).toBeGreaterThan(0);
});

function random(seed: number, blocks: readonly number[]): number {
  return new Random(seed).pick(blocks);
}
