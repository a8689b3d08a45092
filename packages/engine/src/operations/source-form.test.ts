import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryVolume, withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { info } from '../maintenance/info.js';
import { testContext } from '../run-context.testing.js';
import { backup } from './backup.js';
import { tellsCase } from './source-form.js';

test.each([
  [{}, { fs: 'apfs', caseSensitive: true }],
  [{ fs: 'hfs+' }, { fs: 'hfs+', caseSensitive: true }],
  [
    { fs: 'hfs+', caseSensitive: false },
    { fs: 'hfs+', caseSensitive: false },
  ],
])('B29: a folder becomes APFS, and an image of %j becomes the same again', (asked, expected) => {
  withFolder((folder) => {
    process.env.TINTYPE_HOME = join(folder, 'home');
    const source = join(folder, 'source');
    mkdirSync(source);
    writeFileSync(join(source, 'a'), 'one');
    const [first, second] = ['a.sparsebundle', 'b.sparsebundle'].map((name) => join(folder, name)) as [string, string];
    backup({ source, destination: first, size: 16 << 20, ...asked }, testContext());
    const dry = backup({ source: first, destination: second, size: 16 << 20, dryRun: true }, testContext());
    expect(dry).toMatchObject({ estimate: { oldestMacOS: expected.fs === 'apfs' ? '10.13' : '10.5' } });
    expect(readdirSync(folder)).not.toContain('b.sparsebundle');
    backup({ source: first, destination: second, size: 16 << 20 }, testContext());
    for (const image of [first, second]) expect(info(image, testContext()).volumes).toMatchObject([expected]);
  });
});

test('whether a volume folds case is asked of a name that it has', () => {
  const withNames = (caseSensitive: boolean, ...names: string[]) => {
    const volume = new MemoryVolume({ traits: { caseSensitive } });
    const { root } = volume;
    volume.create(
      root.id,
      names.map((name) => ({ ...root, name, kind: 'file', size: 0, target: '' })),
    );
    return tellsCase(volume);
  };
  expect(withNames(true, '1', 'Letter')).toBe(true);
  expect(withNames(false, '1', 'Letter')).toBe(false);
  expect(withNames(true, 'a', 'A')).toBe(true);
  expect(withNames(true, '1')).toBe(null);
});
