import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { basic, events, tintype } from './built.testing.js';

test('--version and --help answer on standard output', () => {
  expect(tintype('--version')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^tintype \d+\.\d+\.\d+\n$/),
    stderr: '',
  });
  expect(tintype('--help')).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('Usage: tintype COMMAND'),
    stderr: '',
  });
  expect(tintype('ls', '--help')).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('Usage: tintype ls IMAGE'),
    stderr: '',
  });
});

test.each([
  [[], 'Usage: tintype COMMAND'],
  [['bakcup'], 'did you mean backup?'],
  [['mount', 'x.dmg', '/mnt'], 'there is no command "mount"'],
  [['ls'], "See 'tintype ls --help'"],
  [['ls', 'x.dmg', '--nonsense'], "'--nonsense'"],
  [['create', 'x.dmg', '--size', 'huge'], 'is no size'],
  [['backup', 'a', 'b', '--max-delete', 'all'], '--max-delete'],
  [['completion', 'constructor'], 'bash, zsh or fish'],
  [['help', 'bakcup'], 'did you mean backup?'],
  [['backup', 'a', 'b', '--exlude', 'c'], 'did you mean --exclude?'],
  [['ls', 'x.dmg', ''], 'one of them is empty'],
  [['restore', '', 'out'], 'one of them is empty'],
  [['restore', 'x.dmg', 'out', '--path', ''], '--path takes /INSIDE; its value is empty'],
])('%j is wrong usage: exit status 2', (words, message) => {
  expect(tintype(...words)).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining(message) });
});

test('an error under --json is a document of its own, or the last events', () => {
  const error = { type: 'error', code: 'no-source', message: 'there is nothing at nowhere' };
  for (const words of [
    ['ls', 'nowhere'],
    ['info', 'nowhere'],
    ['cat', 'nowhere', '/x'],
    ['snapshot', 'list', 'nowhere'],
  ]) {
    const { status, stdout } = tintype(...words, '--json');
    const [first = ''] = stdout.split('\n');
    expect([words, status, JSON.parse(first)]).toEqual([words, 1, expect.objectContaining(error)]);
  }
  expect(JSON.parse(tintype('ls', '--json').stdout)).toMatchObject({ type: 'error', code: 'usage' });
  expect(events('verify', 'nowhere')).toMatchObject({
    status: 1,
    last: { type: 'summary', problems: [{ code: 'no-source' }] },
  });
});

test('options of every command may stand before it', () => {
  expect(tintype('--quiet', '--json', 'ls', 'nowhere').stdout).toContain('"no-source"');
  expect(tintype('-v', 'completion', 'bash').status).toBe(0);
  expect(tintype('--json')).toMatchObject({ status: 2, stderr: expect.stringContaining('no command "--json"') });
});

test('a missing image is told in one line, without a stack trace', () => {
  const { status, stdout, stderr } = tintype('ls', 'nowhere.sparsebundle');
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^tintype: .*nowhere\.sparsebundle.*\n$/);
});

test('--verbose adds the stack trace', () => {
  expect(tintype('ls', 'nowhere.sparsebundle', '--verbose').stderr).toMatch(/\n {4}at /);
});

test('a damaged image is told with its name, the place, and the next step', () => {
  withFolder((folder) => {
    const image = join(folder, 'damaged.img');
    const disk = new Uint8Array(1 << 20);
    disk.set([0x48, 0x2b, 0, 4], 1024);
    writeFileSync(image, disk);
    const { status, stderr } = tintype('ls', image);
    expect(status).toBe(1);
    expect(stderr).toContain(`tintype: cannot read ${image}: `);
    expect(stderr).toContain(`Run 'tintype verify ${image}'`);
    expect(stderr).not.toMatch(/\n.*\n/);
  });
});

test.skipIf(basic.skip)('what is not there, or not yet, is refused, not ignored', () => {
  expect(tintype('ls', basic.path, '--snapshot', 'x').status).toBe(1);
  expect(tintype('ls', basic.path, '--passphrase-file', 'not-there').status).toBe(1);
});
