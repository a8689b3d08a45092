import { lstatSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StoreError } from '@tintype/core';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { tintype } from './built.testing.js';
import { followed } from './followed.js';

test('a link leads to its end, and all else is what it is', () => {
  withFolder((folder) => {
    const at = (name: string) => join(folder, name);
    writeFileSync(at('file'), '');
    symlinkSync('file', at('link'));
    symlinkSync('link', at('second'));
    symlinkSync('nowhere', at('dangling'));
    symlinkSync('loop', at('loop'));
    mkdirSync(at('folder'));
    symlinkSync('folder', at('to folder'));
    expect(followed(at('to folder'))).toBe(at('to folder'));
    const end = join(realpathSync(folder), 'file');
    expect(['file', 'link', 'second', 'dangling', 'missing'].map((name) => followed(at(name)))).toEqual([
      at('file'),
      end,
      end,
      at('dangling'),
      at('missing'),
    ]);
    expect(() => followed(at('loop'))).toThrow(StoreError);
    expect(followed(join(folder, 'file', 'below'))).toBe(join(folder, 'file', 'below'));
  });
});

test.each(['a.sparsebundle', 'a.dmg'])('%s behind a link is brought up to date, read and resized', (name) => {
  withFolder((folder) => {
    mkdirSync(join(folder, 'nas'));
    mkdirSync(join(folder, 'source'));
    writeFileSync(join(folder, 'source/note'), 'a note');
    const link = join(folder, 'link');
    expect(tintype('create', join(folder, 'nas', name), '--size', '20m').status).toBe(0);
    symlinkSync(join('nas', name), link);
    expect(tintype('backup', join(folder, 'source'), link).status).toBe(0);
    expect(tintype('cat', link, '/note').stdout).toBe('a note');
    for (const words of [
      ['diff', join(folder, 'source'), link],
      ['diff', link, join(folder, 'source')],
      ['verify', link],
      ['compact', link],
      ['resize', link, '--size', '24m'],
      ['snapshot', 'create', link, 'one'],
      ['snapshot', 'list', link],
      ['backup', link, join(folder, 'copy.sparsebundle'), '--size', '20m'],
      ['rescue', link, join(folder, 'rescued')],
    ])
      expect([words, tintype(...words).status]).toEqual([words, 0]);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    const format = name === 'a.dmg' ? 'udrw' : 'sparsebundle';
    expect(tintype('create', link, '--size', '20m', '--format', format, '--overwrite').status).toBe(1);
  });
});
