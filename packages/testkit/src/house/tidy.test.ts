// Rules of the house that a program can check. What was there before a rule stands in `ratchet.json`.

import path from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { beyondRatchet } from './ratchet.js';
import { type Source, sources } from './sources.js';

const LONGEST_FILE = 600;
const LONGEST_FUNCTION = 70;
const all = sources();
const code = all.filter((source) => !source.isTest);
const isHouse = (source: Source): boolean => source.path.startsWith('packages/testkit/src/house/');

function parsed(source: Source): ts.SourceFile {
  return ts.createSourceFile(source.path, source.text, ts.ScriptTarget.Latest, true);
}

/** All nodes of a file, in no order that matters. */
function nodesOf(file: ts.SourceFile): ts.Node[] {
  const nodes: ts.Node[] = [file];
  for (let i = 0; i < nodes.length; i += 1) (nodes[i] as ts.Node).forEachChild((child) => void nodes.push(child));
  return nodes;
}

function linesOf(file: ts.SourceFile, node: ts.Node): number {
  const line = (position: number): number => file.getLineAndCharacterOfPosition(position).line;
  return line(node.getEnd()) - line(node.getStart(file)) + 1;
}

test('files are short', () => {
  const found = all.filter(({ text }) => text.trimEnd().split('\n').length > LONGEST_FILE).map((source) => source.path);
  expect(beyondRatchet('longFiles', found)).toEqual([]);
});

test('functions are short', () => {
  const long = code.flatMap((source) => {
    const file = parsed(source);
    return nodesOf(file)
      .filter((node): node is ts.FunctionLikeDeclaration => ts.isFunctionLike(node) && 'body' in node)
      .filter((node) => linesOf(file, node) > LONGEST_FUNCTION)
      .map((node) => `${source.path}: ${node.name?.getText(file) ?? 'function'}`);
  });
  expect(beyondRatchet('longFunctions', long)).toEqual([]);
});

test('files are named after a subject', () => {
  const nameless = /(^|[-/])(utils?|helpers?|manager|misc|common)(-|\.|\/)/;
  expect(all.filter((source) => nameless.test(source.path)).map((source) => source.path)).toEqual([]);
});

test('types tell the truth', () => {
  const lies = all.flatMap((source) => {
    const file = parsed(source);
    const kinds: [ts.SyntaxKind, string][] = [
      [ts.SyntaxKind.AnyKeyword, 'any'],
      [ts.SyntaxKind.NonNullExpression, 'non-null !'],
    ];
    return nodesOf(file).flatMap((node) => {
      const lie = kinds.find(([kind]) => kind === node.kind);
      const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
      return lie ? [`${source.path}:${line + 1}: ${lie[1]}`] : [];
    });
  });
  expect(lies).toEqual([]);
});

test('shifts of numbers stay within 31 bits', () => {
  // `4 << 30` is 0.
  const overflowing = all.flatMap((source) =>
    [...source.text.matchAll(/\b(\d+) << (\d+)\b/g)]
      .filter(([, value, by]) => Number(value) * 2 ** Number(by) >= 2 ** 31)
      .map(([text]) => `${source.path}: ${text}`)
      .filter(() => !isHouse(source)),
  );
  expect(overflowing).toEqual([]);
});

test('words that do not belong are not there', () => {
  const rules: { word: RegExp; where: (source: Source) => boolean }[] = [
    { word: /@ts-(ignore|nocheck)/, where: () => true },
    { word: /\b(TODO|FIXME|XXX)\b/, where: () => true },
    { word: /\b(test|it|describe)(\.\w+)*\.(only|skip)\(/, where: (source) => source.isTest },
    { word: /(['"`\s])\/(work|root|home)\//, where: () => true },
  ];
  const found = all
    .filter((source) => !isHouse(source))
    .flatMap((source) =>
      source.text
        .split('\n')
        .flatMap((text, i) =>
          rules
            .filter(({ word, where }) => where(source) && word.test(text))
            .map(() => `${source.path}:${i + 1}: ${text.trim()}`),
        ),
    );
  expect(found).toEqual([]);
});

test('only the command prints and exits', () => {
  const wrong = code
    .filter((source) => source.package !== 'cli' && source.package !== 'web')
    .flatMap((source) => {
      const file = parsed(source);
      return nodesOf(file)
        .filter((node) => ts.isPropertyAccessExpression(node))
        .map((node) => node.getText(file))
        .filter((text) => /^(globalThis\.)?(console\.\w+|process\.(exit|stdout|stderr))$/.test(text))
        .map((text) => `${source.path}: ${text}`);
    });
  expect(wrong).toEqual([]);
});

test('beside each file lies its test, or one that imports it', () => {
  const imported = new Set(all.filter((source) => source.isTest).flatMap((source) => testedBy(source)));
  // A thread's file cannot be imported: it is tested through the one that starts it.
  for (const source of code.filter(({ path: file }) => imported.has(file)))
    for (const thread of threadsOf(source)) imported.add(thread);
  const untested = code
    .filter((source) => !/\/(index|limits|lane|main)\.tsx?$/.test(source.path) && !isTypesOnly(source))
    .map((source) => source.path)
    .filter((file) => !imported.has(file));
  expect(beyondRatchet('withoutTest', untested)).toEqual([]);
});

function threadsOf({ path: file, text }: Source): string[] {
  const urls = text.matchAll(/new Worker\(new URL\('\.\/([\w-]+)\.js', import\.meta\.url\)/g);
  return [...urls].map(([, name]) => path.join(path.dirname(file), `${name}.ts`));
}

/** The file that a test is named after, and those of its own package that it imports. */
function testedBy(source: Source): string[] {
  const imports = ts.preProcessFile(source.text, true, true).importedFiles;
  const files = imports
    .filter(({ fileName }) => fileName.startsWith('.'))
    .map(({ fileName }) => path.posix.join(path.posix.dirname(source.path), fileName).replace(/\.js$/, '.ts'));
  return [source.path.replace(/\.(test|fuzz)\.ts$/, '.ts'), ...files];
}

/** Interfaces, types, imports and exports of others: nothing that runs. */
function isTypesOnly(source: Source): boolean {
  return parsed(source).statements.every(
    (statement) =>
      ts.isInterfaceDeclaration(statement) ||
      ts.isTypeAliasDeclaration(statement) ||
      ts.isImportDeclaration(statement) ||
      ts.isExportDeclaration(statement),
  );
}
