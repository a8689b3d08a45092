// Each promise of `BEHAVIOURS.md` that is kept has a test whose title names its number.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { repository } from '../repository.js';
import { sources } from './sources.js';

const done = JSON.parse(
  readFileSync(path.join(repository, 'packages/testkit/src/house/behaviours.json'), 'utf8'),
) as string[];

/** Titles of all tests and groups of tests. */
function titles(): string[] {
  return sources()
    .filter((source) => source.isTest || source.path.includes('/contracts/'))
    .flatMap(({ path: name, text }) => {
      const file = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
      const nodes: ts.Node[] = [file];
      const found: string[] = [];
      for (let i = 0; i < nodes.length; i += 1) {
        const node = nodes[i] as ts.Node;
        node.forEachChild((child) => void nodes.push(child));
        if (!ts.isCallExpression(node) || !/^(test|it|describe)\b/.test(node.expression.getText(file))) continue;
        const title = node.arguments[0];
        if (title && (ts.isStringLiteralLike(title) || ts.isTemplateExpression(title))) found.push(title.getText(file));
      }
      return found;
    });
}

test('the list is in order and names no promise twice', () => {
  for (const name of done) expect(name).toMatch(/^B[1-9]\d?$/);
  const numbers = done.map((name) => Number(name.slice(1)));
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
});

test('each promise that is kept has a test', () => {
  const all = titles();
  expect(done.filter((name) => !all.some((title) => new RegExp(`\\b${name}\\b`).test(title)))).toEqual([]);
});
