import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StoreError, VolumeFullError } from '@tintype/core';
import { MemoryStore, Random, withFolder } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { memoryContext } from '../maintenance/waste.testing.js';
import { openStack } from '../stack.js';
import { backup } from './backup.js';
import { isFull } from './room.js';

const MIB = 1 << 20;
const IMAGE = '/b.sparsebundle';
const made = {
  destination: IMAGE,
  fs: 'apfs',
  size: 24 * MIB,
  bandSize: MIB,
  safetyNet: false,
  grow: 'never',
} as const;

/** Runs that each replace the one file of 5 MiB, with a snapshot of each: the third finds the volume full. */
function filled(store: MemoryStore, source: string, runs: number): void {
  for (let i = 0; i < runs; i += 1) {
    writeFileSync(join(source, 'file'), new Random(i).bytes(5 * MIB));
    backup({ ...made, source, makeSnapshot: `run ${i}` }, { ...memoryContext(store), now: () => 1_800_000_000 + i });
  }
  writeFileSync(join(source, 'file'), new Random(99).bytes(5 * MIB + 1));
}

function snapshotsOf(store: MemoryStore): string[] {
  const stack = openStack(IMAGE, { ...memoryContext(store), writable: false });
  const names = (stack.live.snapshots ?? []).map(({ name }) => name);
  stack.abandon();
  return names;
}

describe('a backup that finds no room', () => {
  const later = (store: MemoryStore) => ({ ...memoryContext(store), now: () => 1_800_001_000 });

  test('B16: deletes first what its rules let go, and says so', () => {
    withFolder((source) => {
      const store = new MemoryStore();
      filled(store, source, 4);
      expect(() => backup({ ...made, source }, later(store))).toThrow(VolumeFullError);
      expect(snapshotsOf(store)).toEqual(['run 0', 'run 1', 'run 2', 'run 3']);
      const summary = backup({ ...made, source, keepRules: { last: 2 } }, later(store));
      expect(summary).toMatchObject({ problems: [], snapshotsDeleted: ['run 0', 'run 1'] });
      expect(snapshotsOf(store)).toEqual(['run 2', 'run 3']);
    });
  });

  test('ends as it was where they keep everything', () => {
    withFolder((source) => {
      const store = new MemoryStore();
      filled(store, source, 4);
      expect(() => backup({ ...made, source, keepRules: { last: 9 } }, later(store))).toThrow(VolumeFullError);
      expect(snapshotsOf(store).length).toBe(4);
    });
  });

  test('also if it is the host that is full', () => {
    withFolder((source) => {
      const store = new MemoryStore();
      filled(store, source, 3);
      const { capacity } = store.limits;
      store.limits.capacity = capacity - store.facts('/').free + MIB;
      const context = later(store);
      const { free } = store.facts('/');
      expect(() => backup({ ...made, source }, context)).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
      expect(store.facts('/').free).toBeGreaterThanOrEqual(free);
      const summary = backup({ ...made, source, keepRules: { last: 1 } }, context);
      expect(summary).toMatchObject({ problems: [], snapshotsDeleted: ['run 0', 'run 1'] });
    });
  });

  test.each(['hfs+', 'apfs'])('gives back to its host what it wrote for nothing (%s)', (fs) => {
    withFolder((source) => {
      const store = new MemoryStore();
      const options = { ...made, fs, source };
      writeFileSync(join(source, 'file'), new Random(1).bytes(MIB));
      backup(options, memoryContext(store));
      store.limits.capacity -= store.facts('/').free - 3 * MIB;
      const { free } = store.facts('/');
      writeFileSync(join(source, 'more'), new Random(2).bytes(6 * MIB));
      expect(() => backup(options, later(store))).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
      expect(store.facts('/').free).toBeGreaterThanOrEqual(free - 64 * 1024);
      store.limits.capacity += 6 * MIB;
      expect(backup(options, later(store))).toMatchObject({ problems: [], items: { created: 1, unchanged: 1 } });
    });
  });

  test('what full means', () => {
    expect(isFull(new VolumeFullError(1, 0))).toBe(true);
    expect(isFull(new VolumeFullError(1, 0, 'startup-disk', 'must stay free', {}))).toBe(false);
    expect(['ENOSPC', 'EDQUOT', 'EIO', 'EFBIG'].map((code) => isFull(new StoreError(code, 'write', '/b')))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
