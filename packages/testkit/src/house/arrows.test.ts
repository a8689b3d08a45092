// Who may import whom: calls only go down, and the packages at one level never meet.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { repository } from '../repository.js';
import { type Source, sources } from './sources.js';

/** By package: the packages it may import. All but `web` may import `core`. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  cli: ['engine', 'engine/run', 'service', 'mount'],
  web: ['service/api'],
  service: ['engine'],
  engine: ['codec', 'image', 'hfsplus', 'apfs', 'host'],
  mount: [],
  hfsplus: ['codec'],
  apfs: ['codec'],
  image: ['codec'],
  host: [],
  codec: [],
  core: [],
  testkit: [],
};

/** Files are handed in here: these packages open none themselves, start nothing, print nothing. */
const withoutHost = ['core', 'codec', 'image', 'hfsplus', 'apfs'];
const hostModules = ['node:fs', 'node:fs/promises', 'node:child_process', 'node:net', 'node:http', 'node:os'];
// The lease is kept alive by a thread of its own, which cannot be handed a store; a WebAssembly library is read from its
// package, once a thread.
const withHost = ['packages/image/src/heartbeat.ts', 'packages/codec/src/bzip2/library.ts'];
const printing = ['node:console', 'node:readline', 'node:repl'];

const code = sources().filter((source) => !source.isTest);

function importsOf(source: Source): string[] {
  return ts.preProcessFile(source.text, true, true).importedFiles.map((file) => file.fileName);
}

function wrongImports(source: Source): string[] {
  const allowed = arrows[source.package];
  if (!allowed) return [`${source.path}: package ${source.package} is not in the table of arrows`];
  // The page may import one entry of the service; all others whatever their package offers.
  const isNamed = (name: string): boolean =>
    source.package === 'web' ? allowed.includes(name) : ['core', ...allowed].includes(name.split('/')[0] ?? '');
  return importsOf(source)
    .filter((name) => name.startsWith('@tintype/') && !isNamed(name.slice('@tintype/'.length)))
    .map((name) => `${source.path} imports ${name}`);
}

test('packages import only what lies below them', () => {
  expect(code.flatMap(wrongImports)).toEqual([]);
});

test('no import leaves its package by a path', () => {
  const leaving = code.flatMap((source) => {
    const root = `packages/${source.package}/src`;
    return importsOf(source)
      .filter((name) => name.startsWith('.'))
      .map((name) => path.posix.join(path.posix.dirname(source.path), name))
      .filter((target) => !target.startsWith(`${root}/`) && target !== `packages/${source.package}/package.json`)
      .map((target) => `${source.path} imports ${target}`);
  });
  expect(leaving).toEqual([]);
});

test('libraries below the host open no files, and no library prints', () => {
  const wrong = code.flatMap((source) => {
    const forbidden = [
      ...(withoutHost.includes(source.package) && !withHost.includes(source.path) ? hostModules : []),
      ...(['cli', 'testkit'].includes(source.package) ? [] : printing),
    ];
    return importsOf(source)
      .filter((name) => forbidden.includes(name))
      .map((name) => `${source.path} imports ${name}`);
  });
  expect(wrong).toEqual([]);
});

test('a package names in package.json what it imports', () => {
  const missing = code
    .filter((source) => source.package !== 'testkit')
    .flatMap((source) => {
      const file = path.join(repository, 'packages', source.package, 'package.json');
      const manifest = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Manifest) : {};
      const named = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
      return importsOf(source)
        .filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
        .map((name) =>
          name
            .split('/')
            .slice(0, name.startsWith('@') ? 2 : 1)
            .join('/'),
        )
        .filter((name) => !named.includes(name))
        .map((name) => `${source.path} imports ${name}`);
    });
  expect(missing).toEqual([]);
});

interface Manifest {
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
}
