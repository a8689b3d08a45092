import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CancelledError, CorruptError, type NewItem } from '@tintype/core';
import { MemoryVolume, plainAttributes, withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { EngineEvent } from '../events.js';
import { testContext } from '../run-context.testing.js';
import { type DifferenceOptions, diff, differences } from './diff.js';

const ALL = { contents: 'bytes' as const, attributes: true };

/** Files at the root and in the folder `d`, each with its content. */
function volumeOf(files: Readonly<Record<string, string>>): MemoryVolume {
  const volume = new MemoryVolume();
  const item = (name: string, kind: NewItem['kind']): NewItem => ({
    ...plainAttributes,
    name,
    kind,
    size: 0,
    target: '',
    rdevMajor: 0,
    rdevMinor: 0,
  });
  const [folder = 0] = volume.create(volume.root.id, [item('d', 'directory')]);
  for (const [path, content] of Object.entries(files)) {
    const name = path.replace('d/', '');
    const [id = 0] = volume.create(name === path ? volume.root.id : folder, [item(name, 'file')]);
    volume.write(id, 0, Buffer.from(content));
  }
  return volume;
}

function found(a: MemoryVolume, b: MemoryVolume, options: DifferenceOptions = ALL): string[] {
  return [...differences(a, a.root, b, b.root, options)].map(({ path, difference }) => `${path}: ${difference}`);
}

test('equal trees have no differences', () => {
  expect(found(volumeOf({ a: '1', 'd/b': '2' }), volumeOf({ 'd/b': '2', a: '1' }))).toEqual([]);
});

test('every kind of difference is told with its path', () => {
  const a = volumeOf({ a: '1', both: 'x', 'd/mode': '', 'd/only': '' });
  const b = volumeOf({ both: 'y', 'd/mode': '', z: '' });
  const folder = b.lookup(b.root.id, 'd')?.id ?? 0;
  b.setAttributes(b.lookup(folder, 'mode')?.id ?? 0, { mode: 0o600 });
  expect(found(a, b)).toEqual([
    '/a: only in a',
    '/both: content',
    '/z: only in b',
    '/d/mode: attributes',
    '/d/only: only in a',
  ]);
  expect(found(a, b, { contents: 'times' as const, attributes: false })).not.toContain('/d/mode: attributes');
});

test('what cannot be read is one more difference, and the rest is still compared', () => {
  const a = volumeOf({ a: '1', b: '2', 'd/c': '3' });
  const b = volumeOf({ a: '1', b: 'x', 'd/c': '3' });
  const [broken, folder] = [a.lookup(a.root.id, 'a')?.id, b.lookup(b.root.id, 'd')?.id];
  const [read, list] = [a.read.bind(a), b.list.bind(b)];
  const damage = () => {
    throw new CorruptError('fork', 'extents', 0, 'lies outside the volume');
  };
  a.read = (id, position, target) => (id === broken ? damage() : read(id, position, target));
  b.list = (id) => (id === folder ? damage() : list(id));
  expect(found(a, b)).toEqual(['/a: unreadable', '/b: content', '/d: unreadable']);
});

test('two files are compared as such; items left out do not count', () => {
  const a = volumeOf({ a: '1', b: '2' });
  const b = volumeOf({ a: '1', b: 'x' });
  const item = (volume: MemoryVolume, name: string) => volume.lookup(volume.root.id, name) ?? volume.root;
  expect([...differences(a, item(a, 'b'), b, item(b, 'b'), ALL)]).toEqual([{ path: '/', difference: 'content' }]);
  const pick: DifferenceOptions['pick'] = (_, path, items) => items.filter(({ name }) => `${path}/${name}` !== '/b');
  expect(found(a, b, { ...ALL, pick })).toEqual(['/b: only in b']);
});

test('it stops when asked, and at a folder that lies in itself', () => {
  const a = volumeOf({});
  const stop = () => {
    throw new CancelledError();
  };
  expect(() => found(a, volumeOf({}), { ...ALL, between: stop })).toThrow(CancelledError);
  const list = a.list.bind(a);
  a.list = (folder) => (folder === a.root.id ? list(folder) : [{ ...(list(a.root.id)[0] ?? a.root) }]);
  expect(() => found(a, a)).toThrow(CorruptError);
});

test.each([
  ['/d', 'only in a: /d/new'],
  ['d/', 'only in a: /d/new'],
  ['/d/same', 'content: /d/same'],
  [undefined, 'content: /d/same'],
])('with the path %j all differences have their whole path', (path, one) => {
  withFolder((folder) => {
    const [a, b] = [join(folder, 'a'), join(folder, 'b')];
    for (const side of [a, b]) {
      mkdirSync(join(side, 'd'), { recursive: true });
      writeFileSync(join(side, 'd/same'), side);
    }
    writeFileSync(join(b, 'd/same'), 'longer than before');
    writeFileSync(join(a, 'd/new'), '');
    const events: EngineEvent[] = [];
    diff({ a, b, path }, testContext(undefined, events));
    const told = events.flatMap((event) => (event.type === 'result' ? [event.value] : []));
    const lines = told.map((value) =>
      Object.values(value as { path: string; difference: string })
        .reverse()
        .join(': '),
    );
    expect(lines).toContain(one);
    for (const text of lines) expect(text).toMatch(/: \/d(\/(new|same))?$/);
  });
});
