import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { tintype } from '../built.testing.js';

function completed(words: string): string {
  const { stdout } = tintype('completion', 'bash');
  const script = `${stdout}\nCOMP_WORDS=(tintype ${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _tintype; echo "\${COMPREPLY[*]}"`;
  return spawnSync('bash', ['-c', script], { encoding: 'utf8' }).stdout.trim();
}

test('bash completes commands, and the options of a command', () => {
  expect(completed('ba')).toBe('backup');
  expect(completed('backup --exc')).toBe('--exclude --exclude-caches');
  expect(completed('backup --no-d')).toBe('--no-delete');
});

test('zsh and fish scripts name every command', () => {
  for (const shell of ['zsh', 'fish']) {
    const { status, stdout } = tintype('completion', shell);
    expect(status).toBe(0);
    for (const word of ['backup', 'restore', 'inspect', 'filter-from']) expect(stdout).toContain(word);
  }
});
