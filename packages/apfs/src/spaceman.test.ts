// The space manager under random taking and freeing, compared with a plain set of blocks, across commits.

import { count, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { expectApfsckContent, formatted, mountOptions } from './container.testing.js';
import { get64, put64 } from './object.js';
import { ChunkTable } from './space/chunks.js';
import { Pool } from './space/pool.js';
import { FreeQueue, Spaceman, SpacemanDevice } from './structs/spaceman.js';
import { Container } from './writing/container.js';

const MiB = 1 << 20;

test.each([1, 2])('no block is given twice, nor before its commit, seed %i', (seed) => {
  const random = new Random(seed);
  const device = formatted(300 * MiB);
  const container = new Container(device, mountOptions);
  const { spaceman } = container;
  const taken = new Set<number>();
  /** Freed since the last commit, though the last one refers to them. */
  const waiting = new Set<number>();
  let fresh = new Set<number>();
  for (let step = 0; step < count(1500, 15_000); step += 1) {
    const available = spaceman.available;
    if (random.oneIn(2)) {
      const wanted = random.oneIn(5) ? random.between(1, 3000) : random.between(1, 9);
      if (wanted + 50 > available) continue;
      let got = 0;
      for (const { start, count: blocks } of spaceman.take(wanted)) {
        got += blocks;
        for (let block = start; block < start + blocks; block += 1) {
          expect(taken.has(block) || waiting.has(block)).toBe(false);
          taken.add(block);
          fresh.add(block);
        }
      }
      expect(got).toBe(wanted);
      expect(spaceman.available).toBe(available - wanted);
    } else if (taken.size > 0) {
      const block = random.pick([...taken].slice(0, 2000));
      expect(spaceman.isFresh(block, 1)).toBe(fresh.has(block));
      spaceman.free(block, 1);
      taken.delete(block);
      if (!fresh.delete(block)) waiting.add(block);
      else expect(spaceman.available).toBe(available + 1);
    }
    if (!random.oneIn(60)) continue;
    for (const volume of container.volumes) volume.changed = true;
    container.commit();
    fresh = new Set();
    waiting.clear();
  }
  for (const block of taken) spaceman.free(block, 1);
  for (const volume of container.volumes) volume.changed = true;
  container.commit();
  container.unmount();
  expectApfsckContent(device);
});

test('what is kept is for one alone, and is given once', () => {
  const { spaceman } = new Container(formatted(20 * MiB), mountOptions);
  const limit = spaceman.blocks - 100;
  const kept = { start: limit - 200, count: 50 };
  spaceman.confine({ limit, kept: [kept] });
  const { available } = spaceman;
  expect(spaceman.takeAt(kept.start, kept.count)).toBe(0);
  expect(spaceman.takeKept(kept.start, kept.count)).toBe(true);
  expect(spaceman.available).toBe(available);
  expect(spaceman.takeKept(kept.start + 10, 1)).toBe(false);
  expect(() => spaceman.takeKept(kept.start + kept.count, 1)).toThrow('these blocks are kept');
});

test('blocks that are held are not written, and are free only after a commit', () => {
  const container = new Container(formatted(8 * MiB), mountOptions);
  const { spaceman } = container;
  const [run] = spaceman.take(10);
  if (!run) throw new Error('ten blocks are free');
  spaceman.hold(run.start, 4);
  expect(spaceman.isFresh(run.start, 1)).toBe(false);
  expect(spaceman.isFresh(run.start + 4, 6)).toBe(true);
  const { available } = spaceman;
  spaceman.free(run.start, 10);
  expect(spaceman.available).toBe(available + 6);
});

test('free ranges are what can be taken', () => {
  const container = new Container(formatted(300 * MiB), mountOptions);
  const { spaceman } = container;
  let bytes = 0;
  for (const { length } of spaceman.freeRanges()) bytes += length;
  expect(bytes).toBe(spaceman.available * 4096);
  expect(() => spaceman.require(spaceman.available, 'growth')).toThrow(
    expect.objectContaining({ code: 'volume-full' }),
  );
});

test('a table of chunks that does not go with its counts is refused', () => {
  const device = formatted(8 * MiB);
  const { view } = new Container(device, mountOptions).spaceman;
  const at = Spaceman.at;
  for (const queue of [0, 1]) put64(view, at.sm_fq + queue * FreeQueue.size + FreeQueue.at.sfq_tree_oid, 0);
  const pool = new Pool(device, view, () => new Uint8Array());
  const free = get64(view, at.sm_dev + SpacemanDevice.at.sm_free_count);
  expect(new ChunkTable(device, view, pool).free).toEqual(Uint32Array.of(free));
  for (const [field, value] of [
    [SpacemanDevice.at.sm_free_count, free - 1],
    [SpacemanDevice.at.sm_block_count, 9999],
    [SpacemanDevice.at.sm_chunk_count, 2],
  ] as const) {
    const old = get64(view, at.sm_dev + field);
    put64(view, at.sm_dev + field, value);
    expect(() => new ChunkTable(device, view, pool)).toThrow(expect.objectContaining({ code: 'corrupt' }));
    put64(view, at.sm_dev + field, old);
  }
});

test('a chunk bitmap that does not go with its count is refused', () => {
  const device = formatted(8 * MiB);
  const container = new Container(device, mountOptions);
  const before = container.spaceman.available;
  expect(before).toBeGreaterThan(1000);
  const bytes = new Uint8Array(4096);
  for (let block = 0; block < 200; block += 1) {
    device.read(block * 4096, bytes);
    // The only bitmap of ones that is not the pool's: of the first chunk.
    if (bytes[0] === 0xff && bytes[8] === 0xff && bytes[100] === 0) {
      bytes[2048] = 1;
      device.write(block * 4096, bytes);
    }
  }
  expect(() => new Container(device, mountOptions).spaceman.take(1)).toThrow(
    expect.objectContaining({ code: 'corrupt' }),
  );
});
