import { join } from 'node:path';
import { fixture, unpackFixture, withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { testContext } from '../run-context.testing.js';
import { snapshot } from './snapshot.js';
import { listSnapshots } from './snapshot-list.js';
import { DAY, FIRST, withPlace } from './snapshot-place.testing.js';

test('name, time, what each holds alone, and pins', () =>
  withPlace({}, ({ image, run, put }) => {
    const MiB = 1 << 20;
    for (const [day, name] of ['a', 'b', 'c'].entries()) {
      put('file', name.repeat((day + 1) * MiB));
      run(day, { makeSnapshot: name, safetyNet: false });
    }
    snapshot({ image, action: 'pin', name: 'b' }, testContext());
    const listed = listSnapshots({ image }, testContext());
    expect(listed).toMatchObject([
      { name: 'a', created: '2027-01-10T08:00:00.000000000Z', pinned: false },
      { name: 'b', created: new Date((FIRST + DAY) * 1000).toISOString().replace('000Z', '000000000Z'), pinned: true },
      { name: 'c', pinned: false },
    ]);
    const over = listed.map(({ alone }, day) => Number(alone) - (day < 2 ? (day + 1) * MiB : 0));
    for (const bytes of over) {
      expect(bytes).toBeGreaterThan(0);
      expect(bytes).toBeLessThan(12 * 4096);
    }
  }));

const encrypted = 'apfs/filevault-volume.img.gz';
test.skipIf(fixture(encrypted).skip)('a list needs no passphrase', () =>
  withFolder((folder) => {
    unpackFixture(encrypted, folder);
    expect(listSnapshots({ image: join(folder, 'filevault-volume.img') }, testContext())).toEqual([]);
  }),
);
