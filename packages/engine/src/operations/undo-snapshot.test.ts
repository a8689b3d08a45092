// Taking back a run whose SafetyNet is a snapshot; `undo.test` does it beside those with folders.

import { expect, test } from 'vitest';
import { testContext } from '../run-context.testing.js';
import { snapshot } from './snapshot.js';
import { codeOf, DAY, FIRST, withPlace } from './snapshot-place.testing.js';
import { undo } from './undo.js';

test('an undo brings attributes back, too, and keeps what it takes away', () =>
  withPlace({ snapshots: 'always' }, ({ image, run, put, snapshots, paths }) => {
    put('a', 'one');
    run(0);
    put('new', 'new');
    put('a', 'other');
    run(1);
    const items = undo({ image }, testContext(FIRST + 2 * DAY)).items;
    expect(items).toMatchObject({ replaced: 1, removed: 1 });
    expect(paths()).toEqual(['/_SafetyNet', '/a=one']);
    expect(paths(snapshots().at(-1))).toEqual(['/_SafetyNet', '/a=other', '/new=new']);
  }));

test('without its snapshot a run is not taken back', () =>
  withPlace({ snapshots: 'always' }, ({ image, run, put, snapshots, paths }) => {
    put('a', 'one');
    run(0);
    put('a', 'two, longer');
    run(1);
    snapshot({ image, action: 'delete', name: snapshots()[0] ?? '' }, testContext());
    expect(codeOf(() => undo({ image }, testContext()))).toBe('safetynet-gone');
    expect(paths()).toContain('/a=two, longer');
  }));

test('a run that grew its image in between is taken back as one', () =>
  withPlace({ snapshots: 'always' }, ({ image, run, put, snapshots, paths, codes }) => {
    put('a', 'one');
    run(0);
    put('a', 'other');
    for (let i = 0; i < 20; i += 1) put(`file ${i}`, String(i).repeat(2 << 20));
    expect(run(1)).toMatchObject({ grown: { before: 32 << 20 } });
    expect(codes()).toContain('grown');
    expect(snapshots()).toHaveLength(1);
    undo({ image }, testContext(FIRST + 2 * DAY));
    expect(paths()).toEqual(['/_SafetyNet', '/a=one']);
    // What is left is the first run.
    undo({ image }, testContext(FIRST + 3 * DAY));
    expect(paths().filter((path) => !path.startsWith('/_SafetyNet'))).toEqual([]);
    expect(codeOf(() => undo({ image }, testContext(FIRST + 4 * DAY)))).toBe('nothing-to-undo');
  }));
