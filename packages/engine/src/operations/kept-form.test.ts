// Options that only a new image can have, given for one that is there.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { EngineEvent } from '../events.js';
import type { BackupOptions } from '../operation.js';
import { testContext } from '../run-context.testing.js';
import { backup } from './backup.js';

const FORM = { fs: 'apfs', size: 64 << 20, bandSize: 8 << 20, volumeName: 'Mine', caseSensitive: true } as const;

/** What a second backup with those options says that the image keeps. */
function told(change: Partial<BackupOptions>, extension = 'sparsebundle'): string[] {
  return withFolder((folder) => {
    process.env.TINTYPE_HOME = join(folder, 'home');
    const [source, destination] = [join(folder, 's'), join(folder, `b.${extension}`)];
    mkdirSync(source);
    const { bandSize, ...rest } = FORM;
    const form =
      extension === 'sparsebundle' ? FORM : extension === 'dmg' ? { ...rest, format: 'udrw' as const } : rest;
    backup({ source, destination, ...form, allowEmpty: true }, testContext());
    const events: EngineEvent[] = [];
    backup({ source, destination, ...form, ...change, allowEmpty: true }, testContext(undefined, events));
    return events.flatMap((event) =>
      event.type === 'warning' && event.code === 'kept-form' ? event.message.replace(folder, '') : [],
    );
  });
}

test('the same options again say nothing', () => {
  expect(told({})).toEqual([]);
});

test.each([
  [{ caseSensitive: false }, 'names that differ in case'],
  [{ bandSize: 16 << 20 }, 'bands of 8.39 MB'],
  [{ size: 128 << 20 }, "its size of 67.1 MB (see 'tintype resize')"],
  [{ volumeName: 'Other' }, 'the volume name Mine'],
  [{ volumeName: 'Other', caseSensitive: false }, 'names that differ in case, the volume name Mine'],
])('%o is not what the image has', (change, kept) => {
  expect(told(change)).toEqual([`/b.sparsebundle exists, and keeps ${kept}`]);
});

test.each([
  ['sparseimage', 'bands of 1.05 MB'],
  ['dmg', 'its file without bands'],
])('a .%s keeps %s', (extension, kept) => {
  expect(told({ bandSize: 8 << 20 }, extension)).toEqual([`/b.${extension} exists, and keeps ${kept}`]);
});
