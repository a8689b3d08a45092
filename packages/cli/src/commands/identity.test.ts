// What a backup does when its destination is not there, or is another one.

import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageInfo } from '@tintype/engine';
import { temporaryFolder } from '@tintype/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { events, json, tintype } from '../built.testing.js';

let folder = '';
let source = '';
let place = '';
let image = '';
let uuid = '';

beforeAll(() => {
  folder = temporaryFolder();
  source = join(folder, 'source');
  place = join(folder, 'mount');
  image = join(place, 'b.sparsebundle');
  for (const each of [source, place]) mkdirSync(each);
  writeFileSync(join(source, 'a'), 'first');
  expect(tintype('backup', source, image, '--size', '64m').status).toBe(0);
  uuid = json<ImageInfo>('info', image).volumes[0]?.uuid ?? '';
  expect(uuid).toMatch(/^[0-9A-F-]{36}$/);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('B9 the image is opened directly, and its identity is checked first', () => {
  const { status, events: told } = events('backup', source, image, '--volume', uuid);
  expect(status).toBe(0);
  expect(told[0]).toEqual({ type: 'phase', name: 'identity' });
  const other = join(folder, 'other');
  renameSync(image, other);
  expect(tintype('backup', source, image, '--size', '64m').status).toBe(0);
  writeFileSync(join(source, 'b'), 'second');
  // Another image in its place: nothing is written to it.
  const refused = tintype('backup', source, image, '--volume', uuid);
  expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining(`holds no volume ${uuid}`) });
  expect(tintype('ls', image).stdout).not.toMatch(/^b$/m);
  rmSync(image, { recursive: true });
  renameSync(other, image);
  expect(tintype('backup', source, image, '--volume', uuid).status).toBe(0);
  expect(tintype('ls', image).stdout).toMatch(/^b$/m);
});

test.each([
  ['the image', () => renameSync(image, join(folder, 'away'))],
  ['all of its share, whose mount point is an empty folder', () => {}],
  ['its mount point', () => renameSync(place, join(folder, 'unmounted'))],
])('B9 %s is missing: the run fails, and nothing is made in the enclosing folder', (_what, remove) => {
  remove();
  for (const words of [['--must-exist'], ['--volume', uuid]]) {
    const { status, stderr } = tintype('backup', source, image, ...words);
    expect(stderr).toMatch(/does not exist/);
    expect(status).toBe(1);
  }
  expect(readdirSync(folder, { recursive: true }).filter((name) => /mount[/]./.test(String(name)))).toEqual([]);
});

test('B9 an enclosing folder is not taken for the image', () => {
  const plain = join(folder, 'plain');
  mkdirSync(plain);
  const { status, stderr } = tintype('backup', source, plain, '--volume', uuid);
  expect(stderr).toContain('is a folder');
  expect(status).toBe(1);
  expect(readdirSync(plain)).toEqual([]);
});
