// A backup and a restore on a host whose system calls are not known: folders are walked by path, with node:fs alone.

import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { FULL, missingPrograms, Random, temporaryFolder } from '@tintype/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { EngineEvent } from '../events.js';
import { missingCalls } from '../host-context.js';
import { testContext } from '../run-context.testing.js';
import { backup } from './backup.js';
import { diff } from './diff.js';
import { restore } from './restore.js';

// The library is looked for once, at the first call.
const { platform } = process;
Object.defineProperty(process, 'platform', { value: 'freebsd' });
const missing = missingCalls();
Object.defineProperty(process, 'platform', { value: platform });

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

function makeSource(files: number): string {
  const source = `${folder}/source`;
  const random = new Random(7);
  fs.mkdirSync(`${source}/a/deep/er`, { recursive: true });
  for (let i = 0; i < files; i += 1) {
    const path = `${source}/${['', 'a/', 'a/deep/', 'a/deep/er/'][i % 4]}file ${i}`;
    fs.writeFileSync(path, random.bytes(random.below(20_000)), { mode: [0o644, 0o600, 0o755, 0o4755, 0o444][i % 5] });
    fs.utimesSync(path, 1, 1_500_000_000 + i + 0.25);
  }
  fs.writeFileSync(Buffer.concat([Buffer.from(`${source}/b`), Buffer.from([0xe4])]), 'not UTF-8');
  fs.linkSync(`${source}/file 0`, `${source}/a/second name`);
  fs.symlinkSync('a/deep', `${source}/link`);
  fs.symlinkSync('/nowhere', `${source}/a/dangling`);
  fs.mkdirSync(`${source}/shut`);
  fs.writeFileSync(`${source}/shut/in`, 'x');
  fs.chmodSync(`${source}/shut`, 0o555);
  for (const path of ['a/deep/er', 'a/deep', 'a', 'shut', ''])
    fs.utimesSync(`${source}/${path}`, 1, 1_400_000_000 + path.length);
  return source;
}

test.skipIf(missingPrograms('rsync').skip)('what comes back is what was there, as rsync sees it', () => {
  process.env.TINTYPE_HOME = `${folder}/home`;
  expect(missing).toContain('extended attributes');
  const source = makeSource(FULL ? 2000 : 60);
  const events: EngineEvent[] = [];
  const context = testContext(undefined, events);
  const image = `${folder}/image.sparsebundle`;
  const options = { source, destination: image, size: 1 << 28 };
  const made = backup(options, context);
  expect(made).toMatchObject({ interrupted: false, problems: [] });
  const target = `${folder}/target`;
  expect(restore({ image, target, trust: true }, context)).toMatchObject({ problems: [], interrupted: false });
  const codes = events.flatMap((event) => (event.type === 'warning' ? [event.code] : []));
  expect(codes.filter((code) => code === 'folder-losses')).toHaveLength(2);
  const differing = execFileSync('rsync', ['-aHcni', '--delete', `${source}/`, `${target}/`], { encoding: 'utf8' });
  expect(differing).toBe('');
  const again = backup({ source, destination: image }, testContext());
  expect(again).toMatchObject({ items: { created: 0, replaced: 0, removed: 0, failed: 0 } });
  expect(diff({ a: image, b: target }, testContext())).toMatchObject({ problems: [] });
});

test('a pipe and a device stay behind, each with its reason', () => {
  const source = makeSource(1);
  execFileSync('mkfifo', [`${source}/pipe`]);
  const image = `${folder}/image.sparsebundle`;
  backup({ source, destination: image, size: 1 << 28 }, testContext());
  const summary = restore({ image, target: `${folder}/target`, trust: true }, testContext());
  expect(summary.problems).toEqual([expect.objectContaining({ path: '/pipe', code: 'kind' })]);
});
