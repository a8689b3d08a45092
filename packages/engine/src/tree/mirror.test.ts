// Files with several names whose copies differ: what was found to differ must not come back under another name. And folders
// that can be read no more.

import { chmodSync, existsSync, linkSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withFolder } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { verify } from '../maintenance/verify.js';
import { backup } from '../operations/backup.js';
import { diff } from '../operations/diff.js';
import { testContext } from '../run-context.testing.js';

const OLD = 1_000_000_000;
/** Where the names of one file are; those outside of `tree` are not backed up. */
const PLACES = [
  ['one folder', ['tree/a', 'tree/b', 'tree/c']],
  ['several folders', ['tree/a', 'tree/one/b', 'tree/two/c']],
  ['the tree and beside it', ['tree/a', 'beside']],
] as const;

/** Writes a file with those names, last changed at `time` (seconds since 1970). */
function write(folder: string, names: readonly string[], content: Uint8Array, time: number): void {
  for (const name of ['tree/one', 'tree/two']) mkdirSync(join(folder, name), { recursive: true });
  const [first, ...more] = names.map((name) => join(folder, name)) as [string, ...string[]];
  const isNew = !existsSync(first);
  writeFileSync(first, content);
  if (isNew) for (const name of more) linkSync(first, name);
  utimesSync(first, time, time);
}

describe.each(['hfs+', 'apfs'] as const)('%s', (fs) => {
  describe.each(PLACES)('names in %s', (_, names) => {
    test.each([
      ['changed again within a tick of the clock', 10, false],
      ['changed again within a tick of the clock', 3 << 20, false],
      ['that only --checksum finds changed', 10, true],
    ])('a file %s: every name gets its %i new bytes', (_, size, checksum) => {
      withFolder((folder) => {
        process.env.TINTYPE_HOME = join(folder, 'home');
        const time = checksum ? OLD : Math.floor(Date.now() / 1000);
        write(folder, names, Buffer.alloc(size, 'before'), time);
        const [source, image] = [join(folder, 'tree'), join(folder, 'b.sparsebundle')];
        const given = { source, destination: image };
        backup({ ...given, fs, size: 64 << 20 }, testContext());
        write(folder, names, Buffer.alloc(size, 'behind'), time);
        expect(diff({ a: source, b: image, checksum: true }, testContext()).differences).toBeGreaterThan(0);
        const inTree = names.filter((name) => name.startsWith('tree/'));
        expect(backup({ ...given, checksum }, testContext()).items).toMatchObject({
          replaced: inTree.length,
          created: 0,
        });
        expect(diff({ a: source, b: image, checksum: true }, testContext())).toMatchObject({ differences: 0 });
        expect(verify({ image, level: 'data' }, testContext())).toMatchObject({ findings: 0 });
        expect(backup(given, testContext()).items).toMatchObject({ replaced: 0, created: 0 });
      });
    });
  });
});

/** Root may read every folder: then `run` is somebody else's. */
function withoutRights(run: () => void): void {
  const { geteuid, seteuid, setegid } = process;
  if (geteuid?.() !== 0 || !seteuid || !setegid) {
    run();
    return;
  }
  setegid(65_534);
  seteuid(65_534);
  try {
    run();
  } finally {
    seteuid(0);
    setegid(0);
  }
}

test.each(['sparsebundle', 'folder'])(
  'a folder that can be read no more is one failure, and its copy stays: %s',
  (kind) => {
    withFolder((folder) => {
      chmodSync(folder, 0o777);
      process.env.TINTYPE_HOME = join(folder, 'home');
      const [source, destination] = [join(folder, 'tree'), join(folder, kind === 'folder' ? 'copy' : 'b.sparsebundle')];
      const closed = join(source, 'sub/closed');
      withoutRights(() => {
        for (const made of kind === 'folder' ? [closed, destination] : [closed]) mkdirSync(made, { recursive: true });
        for (const name of ['file', 'more']) writeFileSync(join(closed, name), name);
        const given = { source, destination, size: 64 << 20, verify: true };
        expect(backup(given, testContext())).toMatchObject({ items: { created: 4 }, problems: [] });
        chmodSync(closed, 0o000);
        try {
          const { items, problems } = backup(given, testContext());
          expect(problems).toMatchObject([{ path: '/sub/closed', code: 'EACCES' }]);
          expect(items).toMatchObject({ failed: 1, removed: 0 });
        } finally {
          for (const each of [closed, join(destination, 'sub/closed')]) if (existsSync(each)) chmodSync(each, 0o755);
        }
        expect(diff({ a: source, b: destination }, testContext())).toMatchObject({ differences: 0 });
      });
    });
  },
);
