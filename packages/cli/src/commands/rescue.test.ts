// `tintype rescue` as it is called: exit status, the lines of JSON, the report.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository, temporaryFolder } from '@tintype/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const command = join(repository, 'packages/cli/bin/tintype.js');
let folder = '';

beforeAll(() => {
  folder = temporaryFolder();
  mkdirSync(join(folder, 'source', 'sub'), { recursive: true });
  for (let i = 0; i < 40; i += 1)
    writeFileSync(join(folder, 'source', 'sub', `file ${i}`), Buffer.alloc(60_000, i + 1));
  const made = tintype('backup', 'source', 'a.sparsebundle', '--fs', 'hfs+', '--size', '64m', '--band-size', '1m');
  expect(made.status).toBe(0);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function tintype(...words: string[]) {
  const env = { ...process.env, TINTYPE_HOME: join(folder, 'home') };
  return spawnSync(process.execPath, [command, ...words], { cwd: folder, encoding: 'utf8', env });
}

test('a sound image: exit 0; one with bands gone: exit 3, each file named', () => {
  const sound = tintype('rescue', 'a.sparsebundle', 'all');
  expect(sound.stderr).toContain('40 files whole, 0 in part');
  expect(sound.status).toBe(0);
  const bands = join(folder, 'a.sparsebundle', 'bands');
  const data = readdirSync(bands).find((name) => readFileSync(join(bands, name)).includes(Buffer.alloc(60_000, 20)));
  rmSync(join(bands, data ?? ''));
  const { status, stdout } = tintype('rescue', 'a.sparsebundle', 'some', '--json');
  expect(status).toBe(3);
  const summary = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  expect(summary).toMatchObject({ type: 'summary', report: 'some/_Rescue/report.json', interrupted: false });
  expect(summary.files.whole + summary.files.partial).toBe(40);
  expect(summary.problems.map(({ path }: { path: string }) => path)).toContain('/sub/file 19');
  const whole = readdirSync(join(folder, 'some', 'sub'));
  expect(whole).toHaveLength(summary.files.whole);
  for (const name of whole)
    expect(
      readFileSync(join(folder, 'some', 'sub', name)).equals(readFileSync(join(folder, 'source', 'sub', name))),
    ).toBe(true);
});

test('nothing there: exit 1, and no folder is made', () => {
  const { status, stderr } = tintype('rescue', 'absent.dmg', 'none');
  expect(status).toBe(1);
  expect(stderr).toContain('there is nothing at absent.dmg');
  expect(readdirSync(folder)).not.toContain('none');
});
