import { rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@tintype/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isKnownVolume, rememberVolume, tintypeHome } from './home.js';

const UUID = '59FC879B-1D9C-389A-B786-4E425DE8DA04';
const before = { ...process.env };
let folder = '';

beforeEach(() => {
  folder = temporaryFolder();
  process.env.TINTYPE_HOME = join(folder, 'home');
});
afterEach(() => {
  process.env = { ...before };
  rmSync(folder, { recursive: true, force: true });
});

test('TINTYPE_HOME decides, then XDG_STATE_HOME', () => {
  expect(tintypeHome()).toBe(join(folder, 'home'));
  delete process.env.TINTYPE_HOME;
  process.env.XDG_STATE_HOME = '/state';
  expect(tintypeHome()).toBe('/state/tintype');
});

test('a volume is remembered once, where only its owner reads it', () => {
  expect(isKnownVolume(UUID)).toBe(false);
  rememberVolume(UUID);
  rememberVolume(UUID);
  expect(isKnownVolume(UUID)).toBe(true);
  const file = statSync(join(folder, 'home', 'known'));
  expect({ size: file.size, mode: file.mode & 0o777 }).toEqual({ size: UUID.length + 1, mode: 0o600 });
});

test('a home that cannot be written does not end a backup', () => {
  writeFileSync(join(folder, 'file'), '');
  process.env.TINTYPE_HOME = join(folder, 'file', 'below');
  expect(() => rememberVolume(UUID)).not.toThrow();
  expect(isKnownVolume(UUID)).toBe(false);
});
