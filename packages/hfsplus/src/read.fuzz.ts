// Mutated real volumes through the driver: everything that can be read is read, and whatever the bytes, only an error
// that says so comes out, in bounded time.

import { CorruptError, type ItemId, MemoryDevice, UnsupportedError, type Volume } from '@tintype/core';
import { count, Random } from '@tintype/testkit';
import { expect } from 'vitest';
import { fuzzedSamples, mutate } from './check/mutate.testing.js';
import { sample, sampleTest as test } from './check/sample.testing.js';
import { openFileSystem } from './file-system.js';

/** A folder can lie in itself in a damaged volume, so a walk needs an end of its own. */
const MOST_ITEMS = 2000;
const PATIENCE = 60_000;
const piece = new Uint8Array(65_536);

function isRefusal(error: unknown): boolean {
  return error instanceof CorruptError || error instanceof UnsupportedError;
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
  return items;
}

test.each(fuzzedSamples)('mutations of %s', (name) => {
  const refused = { count: 0 };
  let items = 0;
  for (let seed = 1; seed <= count(60, 2000); seed += 1) {
    const mutated = sample(name);
    mutate(mutated, new Random(seed));
    const start = performance.now();
    try {
      const device = new MemoryDevice(mutated.bytes);
      const options = { writable: false, now: () => 0, random: () => {} };
      const system = attempt(() => openFileSystem(device, options), refused);
      for (const volume of system?.volumes ?? []) items += readAll(volume, refused);
      attempt(() => [...(system?.freeRanges() ?? [])], refused);
    } catch (error) {
      throw new Error(`seed ${seed} of ${name}`, { cause: error });
    }
    expect(performance.now() - start, `seed ${seed}`).toBeLessThan(PATIENCE);
  }
  expect(items).toBeGreaterThan(0);
  expect(refused.count).toBeGreaterThan(0);
});
