// Mutated real containers: whatever the bytes, a salvage ends soon, and only known errors come out. The encrypted one with its
// passphrase; block 0 and the rings are often gone, so that all is looked through.

import { type Item, MemoryDevice, TintypeError, type Volume } from '@tintype/core';
import { count, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { apfs } from '../driver.js';
import { mutateObjects, objectsOf } from '../mutate.testing.js';
import { isMissing, PASSPHRASE, sample, sampleNames } from '../sample.testing.js';

const MOST_ITEMS = 2000;
const PATIENCE = 60_000;
const piece = new Uint8Array(65_536);

test.each(sampleNames)('mutations of %s', (name) => {
  if (isMissing(name)) return;
  const original = sample(name);
  const objects = objectsOf(original);
  let items = 0;
  const seeds = name === 'filevault' ? count(3, 60) : count(15, 600);
  for (let seed = 1; seed <= seeds; seed += 1) {
    const random = new Random(seed);
    const bytes = original.slice();
    mutateObjects(bytes, objects, random);
    if (name !== 'filevault' && random.oneIn(2)) bytes.fill(0, 0, 4096 * (1 + random.below(12)));
    const start = performance.now();
    try {
      for (const { volume, lost } of salvaged(bytes)) items += walk(volume, lost);
    } catch (error) {
      throw new Error(`seed ${seed} of ${name}`, { cause: error });
    }
    expect(performance.now() - start, `seed ${seed}`).toBeLessThan(PATIENCE);
  }
  expect(items).toBeGreaterThan(0);
});

function salvaged(bytes: Uint8Array) {
  try {
    return apfs.salvage(new MemoryDevice(bytes), { passphrase: PASSPHRASE });
  } catch (error) {
    if (error instanceof TintypeError) return [];
    throw error;
  }
}

function walk(volume: Volume, lost: (id: number) => unknown): number {
  let items = 0;
  const listed = new Set<number>();
  const waiting = [volume.root.id];
  for (let id = waiting.pop(); id !== undefined && items < MOST_ITEMS; id = waiting.pop()) {
    if (listed.has(id)) continue;
    listed.add(id);
    const folder = id;
    for (const item of attempt<Item[]>(() => volume.list(folder), [])) {
      items += 1;
      expect(item.name).not.toMatch(/^(|\.|\.\.|.*\/.*)$/s);
      if (item.kind === 'directory') waiting.push(item.id);
      attempt(() => lost(item.id), null);
      attempt(() => volume.extents(item.id), null);
      if (item.kind === 'file') attempt(() => volume.read(item.id, 0, piece), 0);
      if (item.kind === 'symlink') attempt(() => volume.readlink(item.id), '');
      for (const entry of attempt(() => volume.xattrs(item.id), []))
        attempt(() => volume.xattr(item.id, entry.name), null);
    }
  }
  return items;
}

function attempt<T>(call: () => T, otherwise: T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof TintypeError) return otherwise;
    throw error;
  }
}
