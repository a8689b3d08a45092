// The process is killed at random moments of a backup: the image is sound at once, and the next run completes it.

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { count, Random, withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { PROGRAM } from './built.testing.js';

function makeTree(folder: string): void {
  for (let i = 0; i < 30; i += 1) {
    mkdirSync(join(folder, `d${i}`), { recursive: true });
    for (let j = 0; j < 60; j += 1) writeFileSync(join(folder, `d${i}`, `f${j}`), Buffer.alloc(i * 900 + j * 50, j));
  }
}

/** Runs a command and kills it after so many milliseconds; false if it had ended before. */
function killAfter(words: readonly string[], milliseconds: number, home: string): boolean {
  const env = { ...process.env, TINTYPE_HOME: home };
  const { signal } = spawnSync(process.execPath, [PROGRAM, ...words], {
    timeout: milliseconds,
    killSignal: 'SIGKILL',
    env,
  });
  return signal === 'SIGKILL';
}

function tintype(home: string, ...words: string[]): number | null {
  return spawnSync(process.execPath, [PROGRAM, ...words, '--quiet'], { env: { ...process.env, TINTYPE_HOME: home } })
    .status;
}

const PATIENCE = count(120_000, 900_000);

const title = 'killed at random moments, the image is sound and the next run completes';
test.each(['hfs+', 'apfs'])(`%s: ${title}`, { timeout: PATIENCE }, (fs) => {
  withFolder((folder) => {
    const source = join(folder, 'source');
    const image = join(folder, 'b.sparsebundle');
    const home = join(folder, 'home');
    makeTree(source);
    expect(tintype(home, 'create', image, '--fs', fs, '--size', '1g')).toBe(0);
    const random = new Random(42);
    let killed = 0;
    for (let round = 0; round < count(4, 100); round += 1) {
      writeFileSync(join(source, 'd3', `new-${round}`), Buffer.alloc(100_000 + round, round));
      if (killAfter(['backup', source, image, '--quiet'], random.between(150, 1200), home)) killed += 1;
      expect(tintype(home, 'verify', image), `round ${round}`).toBe(0);
    }
    expect(killed).toBeGreaterThan(0);
    expect(tintype(home, 'backup', source, image)).toBe(0);
    expect(tintype(home, 'diff', source, image, '--checksum')).toBe(0);
  });
});
