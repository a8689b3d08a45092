import { expect, test } from 'vitest';
import { testContext } from '../run-context.testing.js';
import { prune } from './prune.js';
import { snapshot } from './snapshot.js';
import { codeOf, withPlace } from './snapshot-place.testing.js';

test('no retention and no hand deletes a snapshot that is pinned, whatever its name', () =>
  withPlace({}, ({ image, run, put, snapshots }) => {
    put('a', 'a');
    for (const [day, name] of ['a', 'b', 'c', 'd'].entries()) run(day, { makeSnapshot: name });
    const act = (action: 'pin' | 'unpin' | 'delete', name: string) => snapshot({ image, action, name }, testContext());
    act('pin', 'b');
    snapshot({ image, action: 'rename', name: 'b', to: 'kept' }, testContext());
    expect(codeOf(() => act('delete', 'kept'))).toBe('snapshot-pinned');
    prune({ image, keepRules: { last: 1 } }, testContext());
    expect(snapshots()).toEqual(['kept', 'd']);
    run(9, { makeSnapshot: 'e', keepRules: { free: 2 ** 40 } });
    expect(snapshots()).toEqual(['kept', 'e']);
    act('unpin', 'kept');
    act('delete', 'kept');
    expect(snapshots()).toEqual(['e']);
    expect(codeOf(() => act('pin', 'kept'))).toBe('no-snapshot');
  }));
