// The documents that are made from the code are as the code is now.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { struct, u16, u32 } from '@tintype/core';
import { expect, test } from 'vitest';
import { repository } from '../repository.js';
import { declaredLayouts, layoutsOf, withLayouts } from './layouts.js';

const folder = path.join(repository, 'docs/formats');
const pages = readdirSync(folder).map((name) => ({ name, text: readFileSync(path.join(folder, name), 'utf8') }));
const layouts = await declaredLayouts();

test('docs/commands.md is up to date: npm run docs', async () => {
  const built = pathToFileURL(path.join(repository, 'packages/cli/dist/reference.js')).href;
  const { commandReference } = (await import(built)) as { commandReference(): string };
  expect(readFileSync(path.join(repository, 'docs/commands.md'), 'utf8')).toBe(commandReference());
});

test.each(pages)('the tables of $name are up to date: npm run docs', ({ text }) => {
  expect(withLayouts(text, layouts)).toBe(text);
});

test('each declared structure of the formats stands on one page', () => {
  const shown = pages.flatMap(({ text }) => layoutsOf(text));
  const ours = [...layouts.values()].filter(({ layout }) => layout.source !== 'tintype').map(({ name }) => name);
  expect(ours.length).toBeGreaterThan(50);
  expect([...shown].sort()).toEqual([...new Set(ours)].sort());
});

test('a table shows offsets, widths and meanings', () => {
  const pair = struct('pair', { order: 'big', size: 6, source: 'a test' }, { a: u16('1 | 2'), b: u32() });
  const page = withLayouts('<!-- layout pair -->\n<!-- end -->\n', new Map([['pair', pair]]));
  expect(page).toContain('`pair`: 6 bytes, big endian (a test)');
  expect(page).toContain('| 2      | `b`   | u32  |         |');
  expect(page).toContain('1 \\| 2');
  expect(() => withLayouts('<!-- layout none -->\n<!-- end -->', layouts)).toThrow(RangeError);
});
