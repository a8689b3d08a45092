import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StoreError } from '@tintype/core';
import { UsageError } from '@tintype/engine/run';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { Values } from './command.js';
import { Passphrases, takeFromEnvironment } from './passphrase.js';

const read = (values: Values) => new Passphrases({ values, operands: [], filters: [] });
const shown = (bytes: Uint8Array | undefined) => (bytes ? Buffer.from(bytes).toString('utf8') : null);

function fromFile(content: string): string | null {
  return withFolder((folder) => {
    const file = join(folder, 'p');
    writeFileSync(file, content);
    return shown(read({ 'passphrase-file': file }).first);
  });
}

test('a file: to its end or a NUL, less one newline', () => {
  expect(fromFile('secret')).toBe('secret');
  expect(fromFile('secret\n')).toBe('secret');
  expect(fromFile('secret\n\n')).toBe('secret\n');
  expect(fromFile('se cret \0rest')).toBe('se cret ');
  expect(fromFile('Grüße\n')).toBe('Grüße');
  expect(fromFile('')).toBe('');
  expect(() => fromFile('x'.repeat(70_000))).toThrow(UsageError);
});

test('a descriptor, for either', () => {
  withFolder((folder) => {
    writeFileSync(join(folder, 'p'), 'one\n');
    writeFileSync(join(folder, 'q'), 'two');
    const [a, b] = ['p', 'q'].map((name) => openSync(join(folder, name), 'r'));
    const found = read({ 'passphrase-fd': String(a), 'new-passphrase-fd': String(b) });
    expect([shown(found.first), shown(found.second)]).toEqual(['one', 'two']);
    for (const descriptor of [a, b]) closeSync(descriptor as number);
  });
  expect(() => read({ 'passphrase-fd': 'x' })).toThrow(UsageError);
});

test('two places for one passphrase, or one that is not there', () => {
  expect(() => read({ 'passphrase-file': 'a', stdinpass: true })).toThrow(UsageError);
  expect(() => read({ 'passphrase-file': join('not', 'there') })).toThrow(StoreError);
});

test('the environment, which has it no more afterwards; an option comes first', async () => {
  const environment = { TINTYPE_PASSPHRASE: 'env', TINTYPE_NEW_PASSPHRASE: 'new', OTHER: 'x' };
  takeFromEnvironment(environment);
  expect(environment).toEqual({ OTHER: 'x' });
  const found = read({});
  expect([shown(found.first), shown(found.second), found.isExplicit]).toEqual(['env', 'new', false]);
  expect(await found.obtain('x')).toBe(false);
  withFolder((folder) => {
    writeFileSync(join(folder, 'p'), 'file');
    const option = read({ 'passphrase-file': join(folder, 'p') });
    expect([shown(option.first), option.isExplicit]).toEqual(['file', true]);
  });
  found.wipe();
  expect(shown(found.first)).toBe('\0\0\0');
});
