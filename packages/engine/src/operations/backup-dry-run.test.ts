// A dry run says what a run would do: each is tried on a copy of the same image.

import { cpSync, linkSync, mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { BackupEstimate } from '../events.js';
import { create } from '../maintenance/create.js';
import type { BackupOptions } from '../operation.js';
import { testContext } from '../run-context.testing.js';
import { backup } from './backup.js';
import { bytesToWrite, selectedBytes } from './backup-dry-run.js';
import { folderSide } from './sides.js';

const OLD = 1_000_000_000;
const MANY = 1100;
const SIZE = 1 << 20;

interface Place {
  readonly source: string;
  /** Dry and real, each on a copy of the image. */
  readonly both: (options?: Partial<BackupOptions>) => readonly unknown[];
}

function withMany(body: (place: Place) => void): void {
  withFolder((folder) => {
    const [source, image] = [join(folder, 'source'), join(folder, 'b.sparsebundle')];
    mkdirSync(join(source, 'many'), { recursive: true });
    for (let i = 0; i < MANY; i += 1) writeFileSync(join(source, 'many', String(i)), '');
    writeFileSync(join(source, 'a'), 'first');
    for (const path of ['a', 'many', '.']) utimesSync(join(source, path), OLD, OLD);
    backup({ source, destination: image, fs: 'hfs+', size: 64 << 20 }, testContext());
    let copies = 0;
    const both = (options: Partial<BackupOptions> = {}) =>
      [true, false].map((dryRun) => {
        copies += 1;
        const destination = join(folder, `${copies}.sparsebundle`);
        cpSync(image, destination, { recursive: true });
        try {
          const { items, problems } = backup({ source, destination, dryRun, ...options }, testContext());
          return { items, problems };
        } catch (error) {
          return (error as Error).message;
        }
      });
    body({ source, both });
  });
}

test('what would be removed: nothing under --no-delete, and not too much', () => {
  withMany(({ source, both }) => {
    rmSync(join(source, 'many'), { recursive: true });
    for (const [options, removed, problems] of [
      [{}, 0, [{ code: 'max-delete' }]],
      [{ maxDelete: 100 }, MANY + 1, []],
      [{ delete: false }, 0, []],
    ] as const) {
      const [dry, real] = both(options);
      expect(dry).toMatchObject({ items: { removed }, problems });
      expect(dry).toEqual(real);
    }
    rmSync(join(source, 'a'));
    const [dry, real] = both();
    expect(dry).toContain('is empty, but the backup is not');
    expect(dry).toBe(real);
  });
});

test('contents are compared where a run compares them', () => {
  withMany(({ source, both }) => {
    const path = join(source, 'a');
    const { mtime } = statSync(path);
    writeFileSync(path, 'other');
    utimesSync(path, OLD, mtime);
    for (const [checksum, replaced] of [
      [false, 0],
      [true, 1],
    ] as const) {
      const [dry, real] = both({ checksum });
      expect(dry).toMatchObject({ items: { replaced } });
      expect(dry).toEqual(real);
    }
  });
});

test.each([
  ['x.asif', {}, '26'],
  ['x.dmg', { format: 'ulmo', fs: 'hfs+' }, '10.15'],
  ['x.dmg', { fs: 'hfs+' }, '10.5'],
])('B5: which macOS opens %s, made with %j, is decided by format and file system', (name, options, oldestMacOS) => {
  withFolder((folder) => {
    const source = join(folder, 'source');
    mkdirSync(source);
    writeFileSync(join(source, 'a'), 'one');
    const dry = backup({ source, destination: join(folder, name), dryRun: true, ...options }, testContext());
    expect(dry).toMatchObject({ estimate: { oldestMacOS } });
  });
});

test('a file with several names is counted once, and not at all where the backup has one of them', () => {
  withFolder((folder) => {
    const [source, image] = [join(folder, 'source'), join(folder, 'b.sparsebundle')];
    mkdirSync(join(source, 'below'), { recursive: true });
    writeFileSync(join(source, 'a'), Buffer.alloc(SIZE, 7));
    for (let i = 0; i < 5; i += 1) linkSync(join(source, 'a'), join(source, 'below', String(i)));
    const options = { source, destination: image, fs: 'hfs+', size: 16 << 20 } as const;
    const dry = backup({ ...options, dryRun: true }, testContext());
    expect(dry.estimate).toMatchObject({ items: 7, bytes: SIZE });
    const archive = backup(
      { ...options, destination: join(folder, 'a.dmg'), format: 'udro', dryRun: true },
      testContext(),
    );
    expect((archive.estimate as BackupEstimate).imageSize).toBeLessThan(4 << 20);
    const side = folderSide(source, false);
    expect(selectedBytes(options, side, testContext())).toBe(SIZE);
    side.close();
    create({ image, fs: 'hfs+', size: 16 << 20 }, testContext());
    expect(bytesToWrite(options, testContext())).toBeLessThan(SIZE + 65_536);
    backup({ source, destination: image }, testContext());
    linkSync(join(source, 'a'), join(source, 'z'));
    expect(bytesToWrite(options, testContext())).toBeLessThan(65_536);
  });
});
