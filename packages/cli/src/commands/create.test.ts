import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageInfo } from '@tintype/engine';
import { apfsck, fsckHfsplus, withFolder, withOracle } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { events, json, tintype } from '../built.testing.js';

const judges = { 'hfs+': fsckHfsplus, apfs: apfsck } as const;
const isMissing = withOracle('fsck.hfsplus').skip || withOracle('apfsck').skip;

test.skipIf(isMissing).each([
  ['hfs+', 'x.sparsebundle', ['--fs', 'hfs+']],
  ['hfs+', 'x.sparseimage', ['--fs', 'hfs+', '--case-sensitive']],
  ['hfs+', 'x.dmg', ['--fs', 'hfs+', '--layout', 'none', '--volume-name', 'Ünïcode']],
  ['hfs+', 'x.img', ['--fs', 'hfs+', '--layout', 'apm']],
  ['apfs', 'x.sparsebundle', []],
  ['apfs', 'x.sparseimage', ['--case-sensitive']],
  ['apfs', 'x.dmg', ['--layout', 'none', '--volume-name', 'Ünïcode']],
] as const)('%s in %s %j: a volume that the foreign checker accepts', (fs, name, options) => {
  withFolder((folder) => {
    const image = join(folder, name);
    expect(events('create', image, '--size', '20m', ...options)).toMatchObject({
      status: 0,
      last: { type: 'summary', image, size: 20 << 20 },
    });
    const { container, volumes } = json<ImageInfo>('info', image);
    expect(container.size).toBe(20 << 20);
    const isCaseSensitive = options.some((option) => option === '--case-sensitive');
    const called = options.some((option) => option === 'Ünïcode') ? 'Ünïcode' : 'x';
    expect(volumes).toMatchObject([{ fs, name: called, caseSensitive: isCaseSensitive, files: 0, directories: 0 }]);
    const raw = join(folder, 'v.raw');
    expect(tintype('raw', image, raw, '--volume', '0').status).toBe(0);
    expect(judges[fs](raw)).toMatchObject({ ok: true });
  });
});

test('a size that is too small for a volume makes nothing, and says how much is needed', () => {
  withFolder((folder) => {
    for (const size of ['900k', '600k']) {
      const { status, stderr } = tintype('create', join(folder, 'x.sparsebundle'), '--size', size);
      expect([status, stderr]).toEqual([2, expect.stringContaining('no room for a volume: the least is 1mb')]);
    }
    for (const image of ['x.sparsebundle', 'x.dmg', 'x.sparseimage'])
      expect(tintype('create', join(folder, image), '--size', '0').status).toBe(2);
    expect(tintype('create', join(folder, 'x.dmg'), '--size', '20t')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('22.0 TB is too large: the most is 16.0 TB'),
    });
    expect(readdirSync(folder)).toEqual([]);
    for (const fs of ['apfs', 'hfs+'])
      for (const layout of ['gpt', 'apm', 'none']) {
        const image = join(folder, `${fs} ${layout}.sparsebundle`);
        expect(tintype('create', image, '--size', '1mb', '--fs', fs, '--layout', layout).status, image).toBe(0);
        expect(tintype('verify', image).status, image).toBe(0);
      }
  });
});

test('a format that cannot be written to later says what to do instead', () => {
  withFolder((folder) => {
    expect(tintype('create', join(folder, 'x.dmg'), '--format', 'udzo')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/udzo is a read-only format.*'tintype backup'.*sparsebundle/),
    });
    expect(readdirSync(folder)).toEqual([]);
  });
});

test('B44 --preallocate allocates every block of a raw image, and is refused elsewhere', () => {
  withFolder((folder) => {
    const image = join(folder, 'x.dmg');
    expect(tintype('create', image, '--size', '16m', '--preallocate').status).toBe(0);
    expect(statSync(image).blocks * 512).toBeGreaterThanOrEqual(16 << 20);
    expect(tintype('create', join(folder, 'x.sparsebundle'), '--size', '16m', '--preallocate').status).toBe(2);
    expect(tintype('create', join(folder, 'y.dmg'), '--size', '14t', '--preallocate')).toMatchObject({ status: 1 });
    expect(readdirSync(folder)).toEqual(['x.dmg']);
  });
});

test('nothing is overwritten unasked, and what is no image never', () => {
  withFolder((folder) => {
    const image = join(folder, 'x.sparsebundle');
    mkdirSync(image);
    writeFileSync(join(image, 'letter.txt'), 'mine');
    for (const words of [[], ['--overwrite']])
      expect(tintype('create', image, '--size', '16m', ...words).status).toBe(1);
    expect(existsSync(join(image, 'letter.txt'))).toBe(true);
    const other = join(folder, 'y.sparsebundle');
    expect(tintype('create', other, '--size', '16m').status).toBe(0);
    expect(tintype('create', other, '--size', '16m')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('--overwrite'),
    });
    expect(tintype('create', other, '--size', '16m', '--overwrite').status).toBe(0);
  });
});

test('a name that ends with a slash is the name before it', () => {
  withFolder((folder) => {
    const image = join(folder, 'a.sparsebundle');
    expect(tintype('create', `${image}/`, '--size', '20m').status).toBe(0);
    expect(tintype('ls', `${image}//`).status).toBe(0);
    expect(tintype('convert', `${image}/`, join(folder, 'b.sparsebundle/')).status).toBe(0);
    expect(tintype('info', join(folder, 'b.sparsebundle')).status).toBe(0);
  });
});
