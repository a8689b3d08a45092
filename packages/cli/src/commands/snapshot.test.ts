import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { events, json, tintype } from '../built.testing.js';
import { run } from './snapshot.js';

interface Entry {
  readonly name: string;
  readonly xid: number;
}

const names = (image: string): string[] => {
  const { stdout } = tintype('snapshot', 'list', image, '--json');
  return (JSON.parse(stdout) as Entry[]).map(({ name }) => name);
};

test('snapshots are made, read, renamed and deleted; what they hold stays as it was', () =>
  withFolder((folder) => {
    const source = join(folder, 'source');
    const image = join(folder, 'b.sparsebundle');
    mkdirSync(source);
    writeFileSync(join(source, 'a'), 'one');
    const first = ['backup', source, image, '--fs', 'apfs', '--size', '64m', '--snapshot', 'first'];
    expect(tintype(...first).status).toBe(0);
    writeFileSync(join(source, 'a'), 'two, longer');
    expect(tintype('backup', source, image, '--snapshot', 'auto').status).toBe(0);
    expect(names(image)).toEqual(['first', expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)]);
    expect(tintype('cat', image, '/a', '--snapshot', 'first').stdout).toBe('one');
    expect(tintype('cat', image, '/a').stdout).toBe('two, longer');
    const taken = tintype('backup', source, image, '--snapshot', 'first');
    expect([taken.status, taken.stderr]).toEqual([1, expect.stringContaining('has a snapshot first already')]);

    expect(events('snapshot', 'rename', image, 'first', 'oldest').last).toMatchObject({ snapshot: { name: 'oldest' } });
    expect(tintype('cat', image, '/a', '--snapshot', 'oldest').stdout).toBe('one');
    const [{ xid } = { xid: 0 }] = json<Entry[]>('snapshot', 'list', image);
    expect(tintype('snapshot', 'delete', image, String(xid)).status).toBe(0);
    expect(names(image)).toHaveLength(1);
    expect(tintype('verify', image).status).toBe(0);
    expect(tintype('snapshot', 'delete', image, 'oldest').status).toBe(1);
    expect(tintype('snapshot', 'pin', image, 'x').status).toBe(2);
    expect(run).toBeTypeOf('function');
  }));

test('HFS+ has none, and says so before anything is made', () =>
  withFolder((folder) => {
    const image = join(folder, 'b.sparsebundle');
    mkdirSync(join(folder, 'source'));
    const made = tintype('backup', join(folder, 'source'), image, '--fs', 'hfs+', '--snapshot', 'x');
    expect([made.status, made.stderr]).toEqual([1, expect.stringContaining('only APFS volumes can')]);
    expect(tintype('info', image).status).toBe(1);
    expect(tintype('create', image, '--fs', 'hfs+', '--size', '64m').status).toBe(0);
    expect(tintype('snapshot', 'create', image, 'x').status).toBe(1);
  }));
