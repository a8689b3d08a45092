import {
  existsSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder, withFolder } from '@tintype/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Event, events, json, tintype } from '../built.testing.js';

const SIZE = ['--fs', 'hfs+', '--size', '64m'];

interface Listing {
  readonly items: readonly { readonly path: string }[];
}

/** A file that is old enough not to be looked at twice. */
function write(file: string, content: string): void {
  writeFileSync(file, content);
  utimesSync(file, 1_700_000_000, 1_700_000_000);
}

function smallTree(folder: string): string {
  const source = join(folder, 'source');
  mkdirSync(join(source, 'sub'), { recursive: true });
  write(join(source, 'a.txt'), 'alpha');
  write(join(source, 'b.o'), 'object');
  write(join(source, 'sub', 'keep.o'), 'kept object');
  symlinkSync('a.txt', join(source, 'link'));
  // Whole seconds, which HFS+ keeps.
  for (const path of ['link', 'sub', '.']) lutimesSync(join(source, path), 1_700_000_000, 1_700_000_000);
  return source;
}

function pathsOf(image: string): string[] {
  return json<Listing>('ls', image, '-R')
    .items.map(({ path }) => path)
    .filter((path) => !path.startsWith('/_SafetyNet'));
}

let folder = '';
beforeAll(() => {
  folder = temporaryFolder();
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('a first run copies all, a second one nothing, and a restore gives it back', () => {
  const source = smallTree(folder);
  const image = join(folder, 'b.sparsebundle');
  const first = events('backup', source, image, ...SIZE);
  expect(first.status).toBe(0);
  expect(first.last).toMatchObject({
    type: 'summary',
    source,
    destination: image,
    items: { created: 5, replaced: 0, removed: 0, failed: 0 },
    bytes: { scanned: 22, copied: 22 },
    problems: [],
  });
  expect(Object.keys(first.last)).toEqual(expect.arrayContaining(['seconds', 'commits']));
  expect((first.last.bytes as { written: number }).written).toBeGreaterThan(22);
  const phases = first.events.filter(({ type }) => type === 'phase').map(({ name }) => name);
  expect(phases).toEqual(expect.arrayContaining(['open', 'copy', 'commit']));

  const second = events('backup', source, image, '--verify');
  expect(second.events).toContainEqual({ type: 'phase', name: 'verify' });
  expect(second.status).toBe(0);
  expect(second.last).toMatchObject({
    items: { created: 0, replaced: 0, updated: 0, removed: 0, failed: 0 },
    bytes: { copied: 0 },
  });

  const target = join(folder, 'restored');
  expect(events('restore', image, target)).toMatchObject({
    status: 0,
    last: { type: 'summary', items: { created: 5 } },
  });
  expect(readFileSync(join(target, 'sub', 'keep.o'), 'utf8')).toBe('kept object');
  expect(tintype('diff', source, target, '--checksum')).toMatchObject({ status: 0 });
  expect(tintype('diff', source, image, '--checksum')).toMatchObject({ status: 0 });
  expect(tintype('verify', image, '--data')).toMatchObject({ status: 0 });
  expect(tintype('backup', source, image, '--quiet')).toMatchObject({ status: 0, stdout: '', stderr: '' });
});

test('restore leaves what is there, diff lists what differs: exit status 3', () => {
  const image = join(folder, 'b.sparsebundle');
  const target = join(folder, 'restored');
  writeFileSync(join(target, 'a.txt'), 'mine');
  const conflict = events('restore', image, target);
  expect(conflict.status).toBe(3);
  expect(conflict.last).toMatchObject({ problems: [{ path: '/a.txt', code: 'conflict' }] });
  expect(readFileSync(join(target, 'a.txt'), 'utf8')).toBe('mine');
  expect(tintype('restore', image, target).stderr).toContain('/a.txt');
  expect(tintype('diff', target, image)).toMatchObject({ status: 3, stdout: 'content: /a.txt\n' });
  expect(tintype('restore', image, target, '--overwrite', 'always').status).toBe(0);
  expect(readFileSync(join(target, 'a.txt'), 'utf8')).toBe('alpha');
});

test('one file is restored by its path', () => {
  const target = join(folder, 'one');
  expect(tintype('restore', join(folder, 'b.sparsebundle'), target, '--path', '/sub/keep.o').status).toBe(0);
  expect(readFileSync(join(target, 'keep.o'), 'utf8')).toBe('kept object');
});

test('the order of filters counts: the last that matches decides', () => {
  withFolder((own) => {
    const source = smallTree(own);
    const image = (name: string) => join(own, `${name}.sparsebundle`);
    expect(tintype('backup', source, image('in'), ...SIZE, '--exclude', '*.o', '--include', 'keep.o').status).toBe(0);
    expect(pathsOf(image('in'))).toEqual(['/a.txt', '/link', '/sub', '/sub/keep.o']);
    expect(tintype('backup', source, image('out'), ...SIZE, '--include', 'keep.o', '--exclude', '*.o').status).toBe(0);
    expect(pathsOf(image('out'))).toEqual(['/a.txt', '/link', '/sub']);
    writeFileSync(join(own, 'rules'), '# comment\n*.o\n!keep.o\n');
    expect(tintype('backup', source, image('file'), ...SIZE, '--filter-from', join(own, 'rules')).status).toBe(0);
    expect(pathsOf(image('file'))).toEqual(['/a.txt', '/link', '/sub', '/sub/keep.o']);
  });
});

test('an excluded name may begin with what means something else in a rule', () => {
  withFolder((own) => {
    const source = join(own, 'source');
    mkdirSync(source);
    for (const name of ['!a', '#b', 'c']) write(join(source, name), name);
    const image = join(own, 'x.sparsebundle');
    expect(tintype('backup', source, image, ...SIZE, '--exclude', '!a', '--exclude', '#b').status).toBe(0);
    expect(pathsOf(image)).toEqual(['/c']);
  });
});

test('a dry run makes nothing, and estimates', () => {
  withFolder((own) => {
    const source = smallTree(own);
    const image = join(own, 'dry.sparsebundle');
    const { status, last } = events('backup', source, image, '--dry-run');
    expect(status).toBe(0);
    expect(last).toMatchObject({
      type: 'summary',
      estimate: { items: 5, bytes: 22, oldestMacOS: expect.any(String), freeSpace: expect.any(Number) },
    });
    expect(existsSync(image)).toBe(false);
  });
});

test.each<[string, string[], number, string]>([
  ['a source that is missing', ['nothing', 'x.sparsebundle'], 1, 'nothing'],
  ['a parent that is missing', ['.', 'nowhere/x.sparsebundle'], 1, 'no-parent'],
  ['--must-exist', ['.', 'x.sparsebundle', '--must-exist'], 1, 'missing'],
  ['--replace of what is no archive', ['.', 'x.sparsebundle', '--replace'], 2, 'usage'],
  ['--keep without --replace', ['.', 'x.dmg', '--keep', '2'], 2, 'usage'],
  ['--keep of no number', ['.', 'x.dmg', '--replace', '--keep', 'all'], 2, 'usage'],
  ['--grow sometimes', ['.', 'x.sparsebundle', '--grow', 'sometimes'], 2, 'usage'],
  ['an unknown format', ['.', 'x.sparsebundle', '--format', 'zip'], 2, 'usage'],
])('%s ends with its exit status, an error, and a summary', (_, words, status, code) => {
  withFolder((own) => {
    const [source = '', destination = '', ...options] = words;
    const outcome = events(
      'backup',
      source === '.' ? smallTree(own) : join(own, source),
      join(own, destination),
      ...options,
    );
    expect(outcome.status).toBe(status);
    const error = outcome.events.find(({ type }: Event) => type === 'error');
    expect(error?.code ?? '').toBe(code === 'nothing' ? 'no-source' : code);
    expect(outcome.last).toMatchObject({ type: 'summary', problems: [{ code: error?.code }] });
    expect(existsSync(join(own, destination))).toBe(false);
  });
});

test('an empty source, and a format that the image has not, change nothing', () => {
  withFolder((own) => {
    const empty = join(own, 'empty');
    mkdirSync(empty);
    const image = join(folder, 'b.sparsebundle');
    const before = pathsOf(image);
    expect(tintype('backup', empty, image)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('--allow-empty'),
    });
    expect(tintype('backup', join(folder, 'source'), image, '--format', 'sparseimage')).toMatchObject({ status: 2 });
    expect(pathsOf(image)).toEqual(before);
  });
});
