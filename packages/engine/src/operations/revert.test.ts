import { expect, test } from 'vitest';
import { testContext } from '../run-context.testing.js';
import { revertTo } from './revert.js';
import { snapshot } from './snapshot.js';
import { listSnapshots } from './snapshot-list.js';
import { codeOf, withPlace } from './snapshot-place.testing.js';

test('the volume becomes what a snapshot holds; newer ones go only when asked for, pinned ones never', () =>
  withPlace({ safetyNet: false }, ({ image, run, put, paths, snapshots }) => {
    for (const [day, name] of ['one', 'two', 'three'].entries()) {
      put('a', `${name} `.repeat(5000));
      put(`new in ${name}`, name);
      run(day, { makeSnapshot: name });
    }
    const then = paths('two');
    const last = paths();
    const act = (action: 'pin' | 'unpin' | 'revert', name: string, deleteNewer = false) =>
      snapshot({ image, action, name, deleteNewer }, testContext());
    expect(codeOf(() => act('revert', 'two'))).toBe('newer-snapshots');
    act('pin', 'one');
    act('pin', 'three');
    expect(codeOf(() => act('revert', 'two', true))).toBe('snapshot-pinned');
    expect(paths()).toEqual(last);
    act('unpin', 'three');
    act('revert', 'two', true);
    expect(snapshots()).toEqual(['one', 'two']);
    expect(paths()).toEqual(then);
    // A pin is younger than the tree that is back, and holds.
    const pinned = listSnapshots({ image }, testContext()).map((each) => [each.name, each.pinned]);
    expect(pinned).toEqual([
      ['one', true],
      ['two', false],
    ]);
    expect(run(5, { makeSnapshot: 'four' }).problems).toEqual([]);
    expect(paths()).toEqual(last);
    expect(codeOf(() => act('revert', 'three'))).toBe('no-snapshot');
    expect(revertTo).toBeTypeOf('function');
  }));
