import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageInfo } from '@tintype/engine';
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
    expect(tintype('info', image).stdout).toContain('snapshot first (');
    const differs = (...words: string[]) => tintype('diff', ...words);
    expect(differs(image, image, '--snapshot', 'first')).toMatchObject({ status: 3, stdout: 'content: /a\n' });
    expect(differs(image, image, '--snapshot', 'first', '--snapshot', 'first').status).toBe(0);
    expect(differs(source, image, '--snapshot', 'first', '--volume', '0').status).toBe(3);
    expect(differs(source, image, '--snapshot', 'first', '--snapshot', 'first').status).toBe(2);
    const nameless = tintype('backup', source, image, '--snapshot', 'x'.repeat(300));
    expect([nameless.status, json<ImageInfo>('info', image).volumes]).toMatchObject([2, [{ dirty: false }]]);
    const taken = tintype('backup', source, image, '--snapshot', 'first');
    expect([taken.status, taken.stderr]).toEqual([1, expect.stringContaining('has a snapshot first already')]);

    expect(events('snapshot', 'rename', image, 'first', 'oldest').last).toMatchObject({ snapshot: { name: 'oldest' } });
    expect(tintype('cat', image, '/a', '--snapshot', 'oldest').stdout).toBe('one');
    const [{ xid } = { xid: 0 }] = json<Entry[]>('snapshot', 'list', image);
    expect(tintype('snapshot', 'delete', image, String(xid)).status).toBe(0);
    expect(names(image)).toHaveLength(1);
    expect(tintype('verify', image).status).toBe(0);
    expect(tintype('snapshot', 'delete', image, 'oldest').status).toBe(1);
    expect(tintype('snapshot', 'freeze', image, 'x').status).toBe(2);
    expect(run).toBeTypeOf('function');
  }));

test('a volume is reverted to a snapshot', () =>
  withFolder((folder) => {
    const source = join(folder, 'source');
    const image = join(folder, 'b.sparsebundle');
    mkdirSync(source);
    for (const name of ['first', 'second']) {
      writeFileSync(join(source, 'a'), name);
      const size = name === 'first' ? ['--fs', 'apfs', '--size', '64m'] : [];
      expect(tintype('backup', source, image, '--snapshot', name, ...size).status).toBe(0);
    }
    const refused = tintype('snapshot', 'revert', image, 'first');
    expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining('--delete-newer')]);
    expect(tintype('snapshot', 'list', image, '--delete-newer').status).toBe(2);
    const { last } = events('snapshot', 'revert', image, 'first', '--delete-newer');
    expect(last).toMatchObject({ action: 'revert', snapshot: { name: 'first' } });
    expect(tintype('cat', image, '/a').stdout).toBe('first');
    expect(names(image)).toEqual(['first']);
    expect(tintype('verify', image).status).toBe(0);
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

test('pinned, pruned, and listed with what each holds alone', () =>
  withFolder((folder) => {
    const source = join(folder, 'source');
    const image = join(folder, 'b.sparsebundle');
    mkdirSync(source);
    for (const [i, name] of ['first', 'second', 'third'].entries()) {
      writeFileSync(join(source, 'a'), name.repeat(200_000 * (i + 1)));
      const size = i === 0 ? ['--size', '64m'] : [];
      expect(tintype('backup', source, image, '--no-safetynet', '--snapshot', name, ...size).status).toBe(0);
    }
    expect(tintype('snapshot', 'pin', image, 'first')).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('pinned'),
    });
    const dry = tintype('snapshot', 'prune', image, '--keep-last', '1', '--dry-run');
    expect(dry.stdout.split('\n')).toEqual([
      'keep    third (newest, last)',
      'delete  second',
      'keep    first (pinned)',
      '',
    ]);
    expect(dry.stderr).toMatch(/1 snapshot would be deleted, 2 kept; [\d.]+ MB would be given back/);
    expect(names(image)).toHaveLength(3);
    const { status, last } = events('snapshot', 'prune', image, '--keep-last', '1');
    expect([status, last]).toEqual([
      0,
      expect.objectContaining({ type: 'summary', deleted: 1, kept: 2, dryRun: false }),
    ]);
    const [one, two] = json<{ alone: number; pinned: boolean }[]>('snapshot', 'list', image);
    expect([one?.pinned, two?.pinned]).toEqual([true, false]);
    expect(one?.alone).toBeGreaterThan(1_000_000);
    const rows = tintype('snapshot', 'list', image).stdout.trim().split('\n');
    expect(rows[0]).toMatch(/ +1\.\d+ MB {2}pinned {2}first$/);
    expect(rows[1]).toMatch(/ {2}- {7}third$/);
    expect(tintype('snapshot', 'delete', image, 'first')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('unpin it first'),
    });
    expect(tintype('snapshot', 'unpin', image, 'first').status).toBe(0);
    expect(tintype('snapshot', 'prune', image).status).toBe(2);
    expect(tintype('snapshot', 'delete', image, 'first', '--keep-last', '1').status).toBe(2);
    expect(tintype('verify', image).status).toBe(0);
  }));

test('SafetyNet as a snapshot, by an option, and taken back', () =>
  withFolder((folder) => {
    const source = join(folder, 'source');
    const image = join(folder, 'b.sparsebundle');
    mkdirSync(source);
    writeFileSync(join(source, 'a'), 'one');
    expect(tintype('backup', source, image, '--size', '64m', '--snapshots', 'always').status).toBe(0);
    writeFileSync(join(source, 'a'), 'two, longer');
    const { last } = events('backup', source, image, '--snapshots', 'always');
    expect(last).toMatchObject({ rules: [{ rule: 'B30', verdict: 'on' }] });
    expect(names(image)).toEqual([expect.stringMatching(/^SafetyNet \d{4}-\d\d-\d\d \d\d-\d\d-\d\d$/)]);
    expect(tintype('ls', image, '/_SafetyNet').stdout).not.toMatch(/\d{4}-/);
    expect(tintype('undo', image).status).toBe(0);
    expect(tintype('cat', image, '/a').stdout).toBe('one');
  }));
