import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { ENVIRONMENT, PROGRAM, tintype } from './built.testing.js';

/** Where every write fails with ENOSPC. */
const FULL = '/dev/full';
const isMissing = !existsSync(FULL);

function toFull(...words: string[]): { readonly status: number | null; readonly stderr: string } {
  const full = openSync(FULL, 'w');
  try {
    const { status, stderr } = spawnSync(process.execPath, [PROGRAM, ...words], {
      env: ENVIRONMENT,
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    return { status, stderr };
  } finally {
    closeSync(full);
  }
}

test.skipIf(isMissing)('a standard output that is full is told in one line, whatever the command', () => {
  withFolder((folder) => {
    const image = join(folder, 'a.sparsebundle');
    writeFileSync(join(folder, 'note'), 'a note');
    expect(tintype('backup', folder, image, '--size', '20m').status).toBe(0);
    for (const words of [
      ['--version'],
      ['--help'],
      ['ls', '--help'],
      ['ls', image],
      ['ls', image, '--json'],
      ['cat', image, '/note'],
      ['info', image],
      ['verify', image, '--json'],
      ['backup', folder, image, '--json'],
    ]) {
      const { status, stderr } = toFull(...words);
      const oneLine = expect.stringMatching(/^tintype: standard output: [^\n]+\n$/);
      expect([words, status, stderr]).toEqual([words, 1, oneLine]);
    }
  });
});

test.skipIf(isMissing)('a backup whose events cannot be written still backs up', () => {
  withFolder((folder) => {
    const image = join(folder, 'a.sparsebundle');
    writeFileSync(join(folder, 'note'), 'a note');
    expect(toFull('backup', folder, image, '--size', '20m', '--json').status).toBe(1);
    expect(tintype('cat', image, '/note').stdout).toBe('a note');
  });
});

test.skipIf(isMissing)('a standard error that is full changes nothing', () => {
  const full = openSync(FULL, 'w');
  const { status } = spawnSync(process.execPath, [PROGRAM, 'ls'], { stdio: ['ignore', 'ignore', full] });
  closeSync(full);
  expect(status).toBe(2);
});

test('a reader that has gone ends the command quietly', () => {
  const { status, stderr } = spawnSync(
    'bash',
    ['-c', `"$0" "$1" --help | true; echo "\${PIPESTATUS[0]}"`, process.execPath, PROGRAM],
    {
      encoding: 'utf8',
    },
  );
  expect([status, stderr]).toEqual([0, '']);
});
