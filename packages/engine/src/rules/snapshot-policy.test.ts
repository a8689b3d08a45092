import { expect, test } from 'vitest';
import { NO_TASK, retentionNotice, snapshotPolicy, snapshotsTurnedOff, type TaskSnapshots } from './snapshot-policy.js';

const task = (createdAsNew: boolean, snapshotsOn: boolean, safetyNetRetentionDays: number): TaskSnapshots => ({
  createdAsNew,
  snapshotsOn,
  safetyNetRetentionDays,
});

test('B28: snapshots are off by default, and can be turned on', () => {
  expect(snapshotPolicy('auto', NO_TASK).verdict).toBe('off');
  expect(snapshotPolicy('always', NO_TASK).verdict).toBe('on');
});

test.each([
  [task(true, true, 7), 'turn-off'],
  [task(false, true, 7), 'on'],
  [task(true, false, 7), 'off'],
  [task(true, true, 6.999), 'on'],
  [task(true, true, 8), 'on'],
  [task(true, true, 0), 'on'],
])('B30: %j under auto: %s', (settings, verdict) => {
  expect(snapshotPolicy('auto', settings)).toMatchObject({ rule: 'B30', verdict, inputs: settings });
  expect(snapshotPolicy('always', settings)).toMatchObject({ verdict: 'on', task: settings });
  expect(snapshotPolicy('never', settings)).toMatchObject({ verdict: 'off', task: settings });
});

test('B30: the history names the three values', () => {
  const line = snapshotsTurnedOff(task(true, true, 7));
  expect(line).toMatch(/new image: true; snapshots on: true; .* 7 days/);
});

test('B31: the retention becomes 0 with it, so turning snapshots on again sticks', () => {
  const { task: after } = snapshotPolicy('auto', task(true, true, 7));
  expect(after).toEqual(task(true, false, 0));
  const again = snapshotPolicy('auto', { ...after, snapshotsOn: true });
  expect(again).toMatchObject({ verdict: 'on', task: task(true, true, 0) });
});

test('B32: a retention of 7 makes the next run turn them off again, and is warned about where it is entered', () => {
  const again = { ...snapshotPolicy('auto', task(true, true, 7)).task, snapshotsOn: true };
  expect(snapshotPolicy('auto', { ...again, safetyNetRetentionDays: 7 }).verdict).toBe('turn-off');
  expect(retentionNotice('auto', 7)).toContain('turns its snapshots off');
  expect([retentionNotice('auto', 6), retentionNotice('always', 7), retentionNotice('never', 7)]).toEqual([
    null,
    null,
    null,
  ]);
});
