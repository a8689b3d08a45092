// Files import each other in one direction only, types included: whoever reads one file never has to read all of a circle.

import path from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { type Source, sources } from './sources.js';

/** Files of the same package that `source` names at its top. What is loaded later, by `import()`, does not count. */
function neighboursOf({ path: file, text }: Source): string[] {
  return ts
    .createSourceFile(file, text, ts.ScriptTarget.Latest)
    .statements.filter((statement) => ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement))
    .flatMap(({ moduleSpecifier }) =>
      moduleSpecifier && ts.isStringLiteral(moduleSpecifier) ? [moduleSpecifier.text] : [],
    )
    .filter((name) => name.startsWith('.'))
    .map((name) => path.posix.join(path.posix.dirname(file), name).replace(/\.js$/, '.ts'));
}

/** What stays when files that import none of the others, or that none of them imports, are taken away again and again. */
function circular(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const left = new Map(imports);
  for (let before = -1; before !== left.size; ) {
    before = left.size;
    for (const [file, neighbours] of left) if (!neighbours.some((neighbour) => left.has(neighbour))) left.delete(file);
    const imported = new Set([...left.values()].flat());
    for (const file of [...left.keys()]) if (!imported.has(file)) left.delete(file);
  }
  return [...left.keys()];
}

test('a circle is found', () => {
  const imports = new Map([
    ['a.ts', ['b.ts']],
    ['b.ts', ['c.ts']],
    ['c.ts', ['b.ts', 'd.ts']],
    ['d.ts', []],
  ]);
  expect(circular(imports)).toEqual(['b.ts', 'c.ts']);
});

test('no files import each other in a circle', () => {
  const all = sources().filter(({ isTest }) => !isTest);
  expect(circular(new Map(all.map((source) => [source.path, neighboursOf(source)])))).toEqual([]);
});
