// What a package offers is described where it is declared. What was there before the rule stands in `ratchet.json`.

import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { repository } from '../repository.js';
import { beyondRatchet } from './ratchet.js';

const packages = path.join(repository, 'packages');

/** `package: name` of every export of a package's entry that has no doc comment. */
function undocumented(entries: readonly string[]): string[] {
  const program = ts.createProgram(entries, {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    noLib: true,
    types: [],
  });
  const checker = program.getTypeChecker();
  return entries.flatMap((entry) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(entry) as ts.SourceFile);
    const name = path.relative(packages, entry).split(path.sep)[0];
    return checker
      .getExportsOfModule(module as ts.Symbol)
      .filter((symbol) => !isDescribed(symbol, checker))
      .map((symbol) => `${name}: ${symbol.name}`);
  });
}

function isDescribed(symbol: ts.Symbol, checker: ts.TypeChecker): boolean {
  const declared = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  return declared.getDocumentationComment(checker).length > 0 || declared.getJsDocTags(checker).length > 0;
}

test('every export of a package has a doc comment', () => {
  const entries = readdirSync(packages)
    .map((name) => path.join(packages, name, 'src/index.ts'))
    .filter((entry) => existsSync(entry));
  expect(entries.length).toBeGreaterThan(7);
  expect(beyondRatchet('withoutDocComment', undocumented(entries))).toEqual([]);
});
