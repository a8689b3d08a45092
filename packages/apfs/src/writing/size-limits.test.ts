// What is known of a container before it is given another size.

import { VolumeFullError } from '@tintype/core';
import { plainAttributes, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { formatted, mountOptions } from '../container.testing.js';
import { BLOCK_SIZE } from '../structs/container.js';
import { freeRuns, openBefore, waitingOf } from './checkpoint-space.js';
import { Container } from './container.js';
import { heldStretches, holdersOf } from './held-stretches.js';
import { open, scattered, volumeOf } from './scattered.testing.js';
import { shrinkPlan, sizeLimits } from './size-limits.js';

const MIB = 1 << 20;
const NOTHING = { end: 0, stretches: () => [] };

test('free runs are those of the space manager, and what waits is free as well where that is asked', () => {
  const { device } = scattered(new Random(3), 300 * MIB);
  const before = openBefore(device);
  const ranges = [...open(device).freeRanges()];
  expect(freeRuns(before, [])).toEqual(
    ranges.map(({ start, length }) => ({ start: start / BLOCK_SIZE, count: length / BLOCK_SIZE })),
  );
  const waiting = waitingOf(before).reduce((sum, { count }) => sum + count, 0);
  const free = ranges.reduce((sum, { length }) => sum + length / BLOCK_SIZE, 0);
  expect(waiting).toBeGreaterThan(0);
  expect(freeRuns(before, waitingOf(before)).reduce((sum, { count }) => sum + count, 0)).toBe(free + waiting);
});

test('what overlaps in any state is one stretch; data that no snapshot holds is none', () => {
  const device = formatted(40 * MIB);
  const fileSystem = open(device);
  const volume = volumeOf(fileSystem);
  const item = { ...plainAttributes, kind: 'file', size: 0, target: '', rdevMajor: 0, rdevMinor: 0 } as const;
  const names = ['first', 'second', 'third'];
  const [first = 0, second = 0, third = 0] = volume.create(
    volume.root.id,
    names.map((name) => ({ ...item, name })),
  );
  volume.write(first, 0, new Uint8Array(100 * BLOCK_SIZE).fill(1));
  volume.write(second, 0, new Uint8Array(50 * BLOCK_SIZE).fill(2));
  fileSystem.createSnapshot(volume, 'early');
  // In the middle of a clone, so that it has two parts of the first file.
  const clone = volume.clone(volume.root.id, 'clone', first);
  volume.write(clone, 40 * BLOCK_SIZE, new Uint8Array(10 * BLOCK_SIZE).fill(3));
  volume.remove(volume.root.id, 'first');
  volume.write(third, 0, new Uint8Array(70 * BLOCK_SIZE).fill(4));
  fileSystem.commit();
  const stretches = heldStretches(new Container(device, mountOptions).volumes);
  expect(stretches.map(({ count, mentions }) => [count, mentions])).toEqual([
    [100, 3],
    [50, expect.any(Number)],
  ]);
  fileSystem.createSnapshot(volume, 'second state');
  const again = open(device);
  const changed = volumeOf(again);
  for (const name of ['second', 'third']) changed.remove(changed.root.id, name);
  again.createSnapshot(changed, 'last');
  again.close();
  const held = heldStretches(new Container(device, mountOptions).volumes);
  const holders = held.map((each) => [each.count, holdersOf(each)]);
  expect(holders.filter(([count]) => count === 50)).toEqual([[50, ['early', 'second state']]]);
  expect(holders.filter(([count]) => count === 100)).toEqual([[100, ['early', 'second state', 'last']]]);
  expect(holders.filter(([count]) => count === 70)).toEqual([[70, ['second state']]]);
});

test('a plan is made for each size that is not too small, and for none that is', () => {
  const { device } = scattered(new Random(4), 80 * MIB);
  const { smallest } = sizeLimits(device, NOTHING);
  expect(shrinkPlan(device, smallest, NOTHING)).toMatchObject({ limit: smallest / BLOCK_SIZE, moves: [] });
  expect(() => shrinkPlan(device, smallest - BLOCK_SIZE, NOTHING)).toThrow(VolumeFullError);
});

test('who wants a larger container does not pay for knowing the smallest', () => {
  const { device } = scattered(new Random(6), 60 * MIB);
  let asked = 0;
  const held = {
    end: device.size / BLOCK_SIZE,
    stretches: () => {
      asked += 1;
      return [];
    },
  };
  const limits = sizeLimits(device, held);
  expect(limits.largest).toBeGreaterThan(1e12);
  expect(asked).toBe(0);
  expect([limits.smallest, limits.heldBySnapshots]).toEqual([limits.smallest, 0]);
  expect(asked).toBe(1);
});

test('stretches are placed in front, without overlap, and not where the pool goes', () => {
  const { device } = scattered(new Random(5), 80 * MIB, (fileSystem, step) => {
    if (step % 5 === 4) fileSystem.createSnapshot(volumeOf(fileSystem), `after ${step}`);
  });
  const { volumes } = new Container(device, mountOptions);
  const stretches = heldStretches(volumes);
  const end = Math.max(...stretches.map(({ start, count }) => start + count));
  const held = { end, stretches: () => stretches };
  const { smallest } = sizeLimits(device, held);
  const { moves, kept, limit } = shrinkPlan(device, smallest, held);
  expect(moves.length).toBeGreaterThan(0);
  const free = freeRuns(openBefore(device), waitingOf(openBefore(device)));
  const places = [...kept, ...moves.map(({ to, stretch }) => ({ start: to, count: stretch.count }))];
  places.sort((a, b) => a.start - b.start);
  for (const [i, { start, count }] of places.entries()) {
    expect(free.some((run) => run.start <= start && start + count <= run.start + run.count)).toBe(true);
    expect(start + count).toBeLessThanOrEqual(places[i + 1]?.start ?? limit);
  }
});
