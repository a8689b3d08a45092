// SafetyNet as a snapshot, and the rule that decides about it, on real images.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { testContext } from '../run-context.testing.js';
import { backup } from './backup.js';
import { codeOf, DAY, withPlace } from './snapshot-place.testing.js';

test('B26: with snapshots on, SafetyNet is a snapshot made before the run, and no folder', () =>
  withPlace({ snapshots: 'always' }, ({ source, run, put, snapshots, paths, phases }) => {
    put('a', 'one');
    put('b', 'gone');
    run(0);
    expect(snapshots()).toEqual([]);
    put('a', 'two, longer');
    rmSync(join(source, 'b'));
    const { items, rules } = run(1);
    expect(items).toMatchObject({ replaced: 1, removed: 1 });
    expect(rules).toMatchObject([{ rule: 'B30', verdict: 'on', inputs: { snapshots: 'always' } }]);
    expect(phases().slice(-5)).toEqual(['open', 'snapshot-rule', 'prune', 'copy', 'commit']);
    expect(snapshots()).toEqual(['SafetyNet 2027-01-11 08-00-00']);
    expect(paths()).toEqual(['/_SafetyNet', '/a=two, longer']);
    expect(paths('SafetyNet 2027-01-11 08-00-00')).toEqual(['/_SafetyNet', '/a=one', '/b=gone']);
  }));

test('B25: SafetyNet snapshots go after 7 days, or when they are told to; never the newest before the run', () =>
  withPlace({ snapshots: 'always' }, ({ run, put, snapshots }) => {
    put('a', 'a');
    for (const day of [0, 1, 2]) run(day);
    run(8.5);
    const names = ['2027-01-12 08-00-00', '2027-01-18 20-00-00'].map((time) => `SafetyNet ${time}`);
    expect(snapshots()).toEqual(names);
    expect(run(9, { safetyNetKeep: 0 }).snapshotsDeleted).toEqual([names[0]]);
    expect(snapshots()).toEqual([names[1], 'SafetyNet 2027-01-19 08-00-00']);
    run(10, { safetyNetKeep: Number.POSITIVE_INFINITY });
    expect(snapshots()).toHaveLength(3);
  }));

test('B28: without a word about snapshots there are none, and SafetyNet is a folder', () =>
  withPlace({}, ({ source, run, put, snapshots, paths, codes }) => {
    put('b', 'gone');
    put('a', 'a');
    run(0);
    rmSync(join(source, 'b'));
    expect(run(1).rules).toMatchObject([{ verdict: 'off' }]);
    expect(snapshots()).toEqual([]);
    expect(paths()).toContain('/_SafetyNet/2027-01-11 08-00-00/b=gone');
    run(2, { safetyNetKeep: 7 * DAY });
    expect(codes()).toEqual(['snapshot-retention-7']);
  }));

test('B30: a task that was made with a new image turns snapshots off; those that exist stay', () =>
  withPlace({ snapshots: 'always' }, ({ run, put, snapshots, codes }) => {
    put('a', 'a');
    run(0);
    run(1);
    const snapshotTask = { createdAsNew: true, snapshotsOn: true, safetyNetRetentionDays: 7 };
    const { rules } = run(20, { snapshots: 'auto', snapshotTask });
    expect(rules).toMatchObject([{ verdict: 'turn-off', task: { snapshotsOn: false, safetyNetRetentionDays: 0 } }]);
    expect(codes()).toEqual(['snapshots-turned-off']);
    expect(snapshots()).toEqual(['SafetyNet 2027-01-11 08-00-00']);
    run(21, { snapshots: 'auto', snapshotTask: { ...snapshotTask, safetyNetRetentionDays: 0 } });
    expect(snapshots()).toEqual(['SafetyNet 2027-01-11 08-00-00', 'SafetyNet 2027-01-31 08-00-00']);
  }));

test('where there are no snapshots, none can be asked for', () => {
  withFolder((folder) => {
    process.env.TINTYPE_HOME = join(folder, 'home');
    const source = join(folder, 'source');
    mkdirSync(source);
    const to = { source, destination: join(folder, 'b.sparsebundle'), size: 16 << 20, fs: 'hfs+' };
    for (const asked of [{ snapshots: 'always' as const }, { keepRules: { daily: 1 } }])
      expect(codeOf(() => backup({ ...to, ...asked }, testContext()))).toBe('unsupported');
    backup(to, testContext());
    expect(codeOf(() => backup({ ...to, snapshots: 'always' }, testContext()))).toBe('unsupported');
  });
});
