// Mutated real volumes: whatever the bytes, a salvage ends soon, every folder is listed once, and only known errors come.

import { type Item, MemoryDevice, TintypeError, type Volume } from '@tintype/core';
import { count, Random } from '@tintype/testkit';
import { expect } from 'vitest';
import { fuzzedSamples, mutate } from '../check/mutate.testing.js';
import { sample, sampleTest as test } from '../check/sample.testing.js';
import { hfsplus } from '../driver.js';
import { leafAt, scanLeaves } from './leaves.js';
import { SalvageSource } from './source.js';

const ROUNDS = count(8, 600);
/** Milliseconds for one volume. */
const PATIENCE = 30_000;
const READ = 64 << 10;

test.each(fuzzedSamples)('mutations of %s', (name) => {
  for (let seed = 1; seed <= ROUNDS; seed += 1) {
    const random = new Random(seed);
    const volume = sample(name);
    for (let i = random.below(4); i >= 0; i -= 1) mutate(volume, random);
    if (random.oneIn(3)) volume.bytes.fill(0, 1024, 1536);
    if (random.oneIn(4)) volume.bytes.fill(0, volume.bytes.length - 1024);
    const start = performance.now();
    try {
      for (const salvaged of hfsplus.salvage(new MemoryDevice(volume.bytes), {})) walk(salvaged.volume, salvaged.lost);
    } catch (error) {
      throw new Error(`seed ${seed} of ${name}`, { cause: error });
    }
    expect(performance.now() - start, `seed ${seed}`).toBeLessThan(PATIENCE);
  }
});

function walk(volume: Volume, lost: (id: number) => unknown): void {
  const listed = new Set<number>();
  const waiting = [volume.root.id];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (listed.has(id)) continue;
    listed.add(id);
    for (const item of listing(volume, id)) {
      expect(item.name).not.toMatch(/^(|\.|\.\.|.*\/.*)$/);
      if (item.kind === 'directory') waiting.push(item.id);
      tolerant(() => lost(item.id));
      tolerant(() => volume.read(item.id, 0, new Uint8Array(READ)));
      if (item.kind === 'symlink') tolerant(() => volume.readlink(item.id));
      tolerant(() => {
        for (const entry of volume.xattrs(item.id)) tolerant(() => volume.xattr(item.id, entry.name));
      });
    }
  }
}
function listing(volume: Volume, id: number): Item[] {
  let items: Item[] = [];
  tolerant(() => {
    items = volume.list(id);
  });
  return items;
}
function tolerant(call: () => void): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof TintypeError)) throw error;
  }
}

test('noise holds no leaves', () => {
  const random = new Random(1);
  const bytes = random.bytes(4 << 20);
  // What a leaf begins with, all over the place.
  for (let at = 0; at < bytes.length; at += 512) bytes.set([255, 1, 0, 1 + random.below(9)], at + 8);
  let leaves = 0;
  scanLeaves(
    new SalvageSource(new MemoryDevice(bytes)),
    [4096, 8192],
    () => (leaves += 1),
    () => {},
  );
  expect(leaves).toBe(0);
  expect(leafAt(bytes, bytes.length - 512, 4096, 0)).toBeNull();
});
