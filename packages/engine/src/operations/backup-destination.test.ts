import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { rescue } from '../maintenance/rescue.js';
import { testContext } from '../run-context.testing.js';
import { backup } from './backup.js';
import { restore } from './restore.js';

const form = { fs: 'hfs+', size: 20 << 20 } as const;

test('a source that is its destination, or lies in it, is refused, and nothing is touched', () => {
  withFolder((folder) => {
    const source = join(folder, 'all/source');
    mkdirSync(source, { recursive: true });
    writeFileSync(join(source, 'a'), 'a');
    symlinkSync(source, join(folder, 'link'));
    for (const [from, to] of [
      [source, source],
      [join(folder, 'link'), source],
      [source, join(folder, 'all')],
      [source, folder],
    ] as const)
      for (const dryRun of [false, true])
        expect(() => backup({ source: from, destination: to, dryRun }, testContext()), from).toThrow(/source/);
    expect(readdirSync(folder).sort()).toEqual(['all', 'link']);
    expect(readdirSync(join(folder, 'all'), { recursive: true }).sort()).toEqual(['source', 'source/a']);
    // Beside it, with the same beginning, is another place.
    expect(backup({ source, destination: join(folder, 'all/sour') }, testContext()).problems).toEqual([]);
    const image = join(folder, 'b.sparsebundle');
    backup({ source, destination: image, ...form }, testContext());
    expect(() => backup({ source: image, destination: image }, testContext())).toThrow('is the source itself');
  });
});

test('nothing is copied out into the bundle of an image', () => {
  withFolder((folder) => {
    const source = join(folder, 'source');
    const image = join(folder, 'b.sparsebundle');
    mkdirSync(source);
    backup({ source, destination: image, ...form }, testContext());
    const before = readdirSync(image).sort();
    for (const copyOut of [restore, rescue])
      expect(() => copyOut({ image, target: image }, testContext())).toThrow('is a disk image, not a folder');
    expect(readdirSync(image).sort()).toEqual(before);
  });
});
