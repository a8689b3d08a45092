import { expect, test } from 'vitest';
import { withPlace } from './snapshot-place.testing.js';

test('B27: what the rules do not keep goes after the run; a rule for room goes further', () =>
  withPlace({}, ({ run, put, snapshots, phases, codes }) => {
    put('a', 'a');
    for (const [now, name] of [
      [0, 'a'],
      [0.1, 'b'],
      [1, 'c'],
      [2, 'd'],
    ] as const)
      run(now, { makeSnapshot: name });
    expect(run(3, { makeSnapshot: 'e', keepRules: { daily: 3 } }).snapshotsDeleted).toEqual(['a', 'b']);
    expect(phases().slice(-3)).toEqual(['commit', 'snapshot', 'retention']);
    expect(run(4, { makeSnapshot: 'f', keepRules: { free: 1 << 20 } }).snapshotsDeleted).toBeUndefined();
    expect(codes()).toEqual([]);
    expect(run(5, { makeSnapshot: 'g', keepRules: { free: 2 ** 40 } }).snapshotsDeleted).toEqual(['c', 'd', 'e', 'f']);
    expect(codes()).toEqual(['keep-free']);
    expect(snapshots()).toEqual(['g']);
  }));
