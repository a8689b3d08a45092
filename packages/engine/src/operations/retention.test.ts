import { expect, test } from 'vitest';
import { testContext } from '../run-context.testing.js';
import { backup } from './backup.js';
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

test('a retention that is cancelled deletes nothing more, and the run says so', () =>
  withPlace({}, ({ source, image, run, put, snapshots }) => {
    put('a', 'a');
    for (const [day, name] of ['a', 'b', 'c'].entries()) run(day, { makeSnapshot: name });
    const context = testContext();
    context.emit = (event) => {
      if (event.type === 'phase' && event.name === 'retention') context.progress.cancel();
    };
    const options = { source, destination: image, keepRules: { last: 1 } };
    expect(backup(options, context)).toMatchObject({ interrupted: true });
    expect(snapshots()).toEqual(['a', 'b', 'c']);
    expect(backup(options, testContext())).toMatchObject({ interrupted: false, snapshotsDeleted: ['a', 'b'] });
  }));
