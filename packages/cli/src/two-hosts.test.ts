// Two hosts and one image: two mounts of one share, where locks of one are not seen by the other. The first process has a
// clock that is an hour ahead, and is stopped in the middle of its work for longer than its lease lives.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  count,
  lacksMounts,
  missingPrograms,
  Random,
  type TwoMounts,
  temporaryFolder,
  twoMounts,
} from '@tintype/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ENVIRONMENT, PROGRAM, tintype } from './built.testing.js';

const BAND = 1 << 20;
const FILES = 60;
/** Three silent heartbeats of 5 s, and one more. */
const LEASE_SECONDS = 20;
const CALLS = 'write,pwrite64,ftruncate,fallocate,unlink,rename,openat,mkdir';

let share: TwoMounts;
let folder = '';
let source = '';

beforeEach(() => {
  share = twoMounts();
  folder = temporaryFolder();
  source = join(folder, 'source');
  mkdirSync(source);
});
afterEach(() => {
  share.close();
  rmSync(folder, { recursive: true });
});

function changeSource(seed: number): void {
  const bytes = Buffer.from(new Random(seed).bytes(BAND));
  for (let i = 0; i < FILES; i += 1) {
    bytes.writeUInt32LE(seed * FILES + i, 0);
    writeFileSync(join(source, `f${i}`), Buffer.concat([bytes, bytes, bytes]));
  }
}

interface Lost {
  readonly ended: Promise<number | null>;
  readonly trace: string;
  stderr: string;
}

/** A backup through the first mount, by a clock that is ahead, with its calls written down. */
function startBackup(image: string): Lost {
  const trace = join(folder, 'trace');
  const words = ['-f', '-y', '-o', trace, '-e', `trace=${CALLS}`, 'faketime', '-f', '+1h'];
  const child = spawn('strace', [...words, process.execPath, PROGRAM, 'backup', source, image, '--quiet'], {
    env: ENVIRONMENT,
  });
  const lost: Lost = { ended: once(child, 'exit').then(([status]) => status), trace, stderr: '' };
  child.stderr?.on('data', (text) => {
    lost.stderr += String(text);
  });
  return lost;
}

/** The process that holds the lease, once it has written so much. */
async function whileWriting(image: string, enough: () => boolean): Promise<number> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    const name = readdirSync(image).find((each) => each.startsWith('tintype.lease.'));
    if (!name || !enough()) continue;
    const text = readFileSync(join(image, name), 'utf8');
    if (text !== '') return (JSON.parse(text) as { pid: number }).pid;
  }
}

/** Changes of the image's own files that began before the process was stopped, and after. */
function changes(trace: string, image: string): { readonly before: number; readonly after: readonly string[] } {
  const lines = readFileSync(trace, 'utf8').split('\n');
  const stop = lines.findIndex((line) => line.includes('--- stopped by SIGSTOP ---'));
  const isChange = (line: string): boolean =>
    line.includes(image) &&
    !/tintype\.lease\.|resumed>/.test(line) &&
    (!line.includes('openat(') || /O_CREAT|O_TRUNC/.test(line));
  expect(stop).toBeGreaterThan(0);
  return { before: lines.slice(0, stop).filter(isChange).length, after: lines.slice(stop).filter(isChange) };
}

const bandsOf = (image: string): number => readdirSync(join(image, 'bands')).length;

const missing = missingPrograms('strace', 'faketime');
const isSkipped = lacksMounts() || missing.skip;
const rounds = Array.from({ length: count(1, 6) }, (_, round) => ({
  round,
  fs: round % 2 === 0 ? 'hfs+' : 'apfs',
}));
test.skipIf(isSkipped).each(rounds)(
  'B22: stopped for longer than its lease lives, a writer writes nothing more (%j)',
  { timeout: 180_000 },
  async ({ fs, round }) => {
    const [one, two] = share.mounts.map((mount) => join(mount, 'b.sparsebundle')) as [string, string];
    const real = join(share.folder, 'b.sparsebundle');
    changeSource(1);
    expect(tintype('create', one, '--size', '2g', '--fs', fs, '--band-size', '1m', '--quiet').status).toBe(0);
    expect(tintype('backup', source, one, '--quiet').status).toBe(0);
    changeSource(2);
    const bands = bandsOf(real) + new Random(round).between(4, FILES);
    const lost = startBackup(one);
    const pid = await whileWriting(real, () => bandsOf(real) >= bands);
    process.kill(pid, 'SIGSTOP');
    const started = performance.now();
    const taker = tintype('backup', source, two);
    expect(taker.stderr).toMatch(/60 items/);
    expect(taker.status).toBe(0);
    expect(performance.now() - started).toBeGreaterThan(LEASE_SECONDS * 1000);
    process.kill(pid, 'SIGCONT');
    expect(await lost.ended).toBe(5);
    expect(lost.stderr).toMatch(/was taken over by/);
    const { before, after } = changes(lost.trace, one);
    expect(before).toBeGreaterThan(4);
    expect(after.length, after.join('\n')).toBeLessThanOrEqual(1);
    expect(tintype('verify', two, '--data').stderr).toMatch(/appears to be sound/);
    expect(tintype('diff', source, two, '--checksum').status).toBe(0);
  },
);
