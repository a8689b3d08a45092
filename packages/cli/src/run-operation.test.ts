import { spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@tintype/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ENVIRONMENT, type Event, events, PROGRAM, tintype } from './built.testing.js';

const MIB = 1 << 20;
/** Long enough for a signal to arrive while it is copied. */
const LARGE = 400;

let folder = '';
let source = '';

beforeAll(() => {
  folder = temporaryFolder();
  source = join(folder, 'source');
  mkdirSync(source);
  const piece = randomFillSync(new Uint8Array(16 * MIB));
  for (let written = 0; written < LARGE; written += 16) appendFileSync(join(source, 'large'), piece);
  for (let i = 0; i < 20; i += 1) writeFileSync(join(source, `small-${i}`), String(i));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly events: Event[];
}

/** Starts a backup and calls `then` when it has begun to copy. */
function backup(image: string, then: (kill: (signal: NodeJS.Signals) => void) => void): Promise<Ended> {
  const child = spawn(process.execPath, [PROGRAM, 'backup', source, image, '--fs', 'hfs+', '--size', '1g', '--json'], {
    env: ENVIRONMENT,
  });
  let out = '';
  let isCopying = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    if (isCopying || !out.includes('"copy"')) return;
    isCopying = true;
    then((signal) => child.kill(signal));
  });
  return new Promise((resolve) => {
    child.on('close', (status, signal) => {
      const lines = out.split('\n').filter((line) => line.endsWith('}'));
      resolve({ status, signal, events: lines.map((line) => JSON.parse(line) as Event) });
    });
  });
}

test.each(['SIGINT', 'SIGTERM'] as const)('%s commits, ends with 130, and the next run completes', async (signal) => {
  const image = join(folder, `${signal}.sparsebundle`);
  const { status, events: told } = await backup(image, (kill) => kill(signal));
  expect(status).toBe(130);
  expect(told.at(-1)).toMatchObject({ type: 'summary', interrupted: true });
  expect(told.some(({ type, name }) => type === 'phase' && name === 'commit')).toBe(true);
  expect(tintype('verify', image).status).toBe(0);
  expect(events('backup', source, image)).toMatchObject({ status: 0, last: { items: { failed: 0 } } });
  expect(tintype('diff', source, image, '--checksum').status).toBe(0);
});

test('a second signal stops at once; the image is at its last commit', async () => {
  const image = join(folder, 'twice.sparsebundle');
  const started = Date.now();
  const { status } = await backup(image, (kill) => {
    kill('SIGTERM');
    setTimeout(() => kill('SIGTERM'), 5);
  });
  expect(status).toBe(130);
  expect(Date.now() - started).toBeLessThan(30_000);
  expect(tintype('verify', image).status).toBe(0);
});

test('while one run writes, another one is refused with 5', async () => {
  const image = join(folder, 'locked.sparsebundle');
  let second: ReturnType<typeof events> | null = null;
  const first = await backup(image, () => {
    second = events('backup', source, image);
  });
  expect(first.status).toBe(0);
  expect(second).toMatchObject({ status: 5, last: { type: 'summary', problems: [{ code: 'locked' }] } });
});
