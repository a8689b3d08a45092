// Which formats there are to back up into, and what each is for.

import { mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageInfo } from '@tintype/engine';
import { Random, temporaryFolder } from '@tintype/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { events, json, tintype } from '../built.testing.js';

let folder = '';
let source = '';

function write(name: string, content: Uint8Array): void {
  const path = join(source, name);
  writeFileSync(path, content);
  utimesSync(path, 1_700_000_000, 1_700_000_000);
}

beforeAll(() => {
  folder = temporaryFolder();
  source = join(folder, 'source');
  mkdirSync(source);
  write('noise', new Random(1).bytes(300_000));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const isSame = (image: string): boolean => tintype('diff', source, image, '--checksum').status === 0;

test.each([
  ['sparsebundle', 'a.sparsebundle', []],
  ['sparseimage', 'a.sparseimage', []],
  ['udrw', 'rw.dmg', ['--format', 'udrw']],
  ['asif', 'a.asif', []],
])('B6 %s is for repeated backups', (format, name, options) => {
  const image = join(folder, name);
  write('text', Buffer.from('first'));
  expect(tintype('backup', source, image, '--size', '64m', ...options).status).toBe(0);
  expect(json<ImageInfo>('info', image).container.format).toBe(format);
  write('text', Buffer.from('second, and longer'));
  expect(events('backup', source, image).last).toMatchObject({ items: { replaced: 1, created: 0 } });
  expect(isSame(image)).toBe(true);
});

test.each(['udro', 'udzo', 'udbz', 'ulfo', 'ulmo'])('B6 %s is for archives', (format) => {
  const image = join(folder, `${format}.dmg`);
  write('text', Buffer.from('first'));
  expect(tintype('backup', source, image, '--format', format).status).toBe(0);
  expect(json<ImageInfo>('info', image).container.format).toBe(format);
  write('text', Buffer.from('second, and longer'));
  const refused = tintype('backup', source, image);
  expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('read-only') });
  expect(refused.stderr).toContain('--replace');
  expect(tintype('backup', source, image, '--replace').status).toBe(0);
  expect(isSame(image)).toBe(true);
});

test('B12 a sparse image is one file, with all that is in it', () => {
  const place = join(folder, 'one file');
  mkdirSync(place);
  const image = join(place, 'large.sparseimage');
  expect(tintype('backup', source, image, '--size', '64m').status).toBe(0);
  expect(readdirSync(place)).toEqual(['large.sparseimage']);
  const before = statSync(image).size;
  expect(before).toBeGreaterThan(300_000);
  write('more', new Random(2).bytes(6_000_000));
  expect(tintype('backup', source, image).status).toBe(0);
  expect(readdirSync(place)).toEqual(['large.sparseimage']);
  expect(statSync(image).size).toBeGreaterThanOrEqual(before + 5_000_000);
  expect(isSame(image)).toBe(true);
});
