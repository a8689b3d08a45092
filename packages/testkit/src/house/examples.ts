// Code in the READMEs, as the tests of the house run it. A `ts` block is a whole program; what it prints stands behind its
// `console.log` lines as comments: `console.log(1 + 1); // 2`.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { repository } from '../repository.js';

export interface Example {
  /** Path of the page, from the repository's root. */
  readonly page: string;
  readonly code: string;
  /** Lines that it says it prints. */
  readonly prints: readonly string[];
}

/** Paths of README.md and of each package's. */
export function readmes(): string[] {
  const packages = readdirSync(path.join(repository, 'packages'));
  return ['README.md', ...packages.map((name) => `packages/${name}/README.md`)];
}

/** The blocks of one language on a page; `kind` is a word behind the language, if any is wanted. */
export function blocks(page: string, language: string, kind = ''): string[] {
  const text = readFileSync(path.join(repository, page), 'utf8');
  return [...text.matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm)]
    .filter(([, name, word = '']) => name === language && (kind === '' || word === kind))
    .map(([, , , code]) => code as string);
}

export function examples(): Example[] {
  return readmes().flatMap((page) => blocks(page, 'ts').map((code) => ({ page, code, prints: printed(code) })));
}

function printed(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)].map(([, line]) => line as string);
}

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  lib: ['lib.es2023.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  typeRoots: [path.join(repository, 'node_modules/@types')],
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
  noEmit: true,
};

/** What the type checker says of files, one line each. */
export function typeErrors(files: readonly string[]): string[] {
  return ts.getPreEmitDiagnostics(ts.createProgram(files, OPTIONS)).map(({ file, start = 0, messageText }) => {
    const line = file ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    return `${path.basename(file?.fileName ?? '')}:${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}

/** The program without its types. */
export const toJavaScript = (code: string): string =>
  ts.transpileModule(code, { compilerOptions: { ...OPTIONS, module: ts.ModuleKind.ESNext } }).outputText;
