// Mutated real containers through the driver: everything that can be read is read, and whatever the bytes, only an error that
// says so comes out, in bounded time. Half of the mutated blocks get a checksum that holds, or nothing behind it would be tried.

import { MemoryDevice } from '@tintype/core';
import { count, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { apfs } from './driver.js';
import { mutateObjects, objectsOf } from './mutate.testing.js';
import { attempt, readAll } from './read-all.testing.js';
import { isMissing, PASSPHRASE, sample, sampleNames } from './sample.testing.js';

const PATIENCE = 60_000;

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
