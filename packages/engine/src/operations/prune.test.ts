import { expect, test } from 'vitest';
import type { EngineEvent } from '../events.js';
import type { KeepRules } from '../operation.js';
import { testContext } from '../run-context.testing.js';
import { openStack } from '../stack.js';
import { prune } from './prune.js';
import { codeOf, withPlace } from './snapshot-place.testing.js';

/** What a writer may write. */
function freeIn(image: string): number {
  const stack = openStack(image, { ...testContext(), writable: true });
  const { free } = stack.fileSystem;
  expect(stack.driver.snapshotSpace(stack.device, stack.live.uuid)?.free).toBe(free);
  stack.abandon();
  return free;
}

test('B27: a dry run says what a run then does, by age and for room', () =>
  withPlace({}, ({ image, run, put, snapshots }) => {
    for (let day = 0; day < 6; day += 1) {
      put('a', String(day).repeat((2 << 20) + day));
      run(day, { makeSnapshot: `day ${day}`, safetyNet: false });
    }
    const asked = (keepRules: KeepRules, dryRun: boolean) => {
      const events: EngineEvent[] = [];
      const summary = prune({ image, keepRules, dryRun }, testContext(undefined, events));
      return { summary, lines: events.flatMap((event) => (event.type === 'result' ? [event.value] : [])) };
    };
    const before = freeIn(image);
    // Two of the five old versions must go, and no more.
    const rules = { daily: 5, free: before + (3 << 20) };
    const dry = asked(rules, true);
    expect(snapshots()).toHaveLength(6);
    expect(dry.summary).toMatchObject({ dryRun: true, deleted: 2, kept: 4 });
    const real = asked(rules, false);
    expect(real.lines).toEqual(dry.lines);
    expect(real.summary).toEqual({ ...dry.summary, dryRun: false });
    expect(snapshots()).toEqual([2, 3, 4, 5].map((day) => `day ${day}`));
    expect(dry.lines.slice(-2)).toMatchObject([
      { snapshot: 'day 1', action: 'delete', reasons: ['no room'] },
      { snapshot: 'day 0', action: 'delete', reasons: [] },
    ]);
    const gained = freeIn(image) - before;
    expect(Math.abs(gained - Number(dry.summary.bytes))).toBeLessThan(16 * 4096);
  }));

test('without a rule nothing is deleted', () =>
  withPlace({}, ({ image, run, put, snapshots }) => {
    put('a', 'a');
    run(0, { makeSnapshot: 'x' });
    expect(() => prune({ image, keepRules: {} }, testContext())).toThrow('which snapshots stay');
    expect(snapshots()).toEqual(['x']);
  }));

test('where there are no snapshots, none can be pruned', () =>
  withPlace({ fs: 'hfs+' }, ({ image, run, put }) => {
    put('a', 'a');
    run(0);
    expect(codeOf(() => prune({ image, keepRules: { last: 1 } }, testContext()))).toBe('unsupported');
  }));
