import { spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostContext } from '@tintype/engine';
import { temporaryFolder } from '@tintype/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ENVIRONMENT, type Event, events, PROGRAM, tintype } from './built.testing.js';

const MIB = 1 << 20;
/** Long enough for a signal to arrive while it is copied. */
const LARGE = 256;

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

/** Starts a backup, halts it at its first event, sends the signals and lets it go on: they arrive while it works. */
function interrupted(image: string, signals: readonly NodeJS.Signals[]): Promise<Ended> {
  const child = spawn(process.execPath, [PROGRAM, 'backup', source, image, '--fs', 'hfs+', '--size', '1g', '--json'], {
    env: ENVIRONMENT,
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (out === '') for (const signal of ['SIGSTOP', ...signals, 'SIGCONT'] as const) child.kill(signal);
    out += text;
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
  const { status, events: told } = await interrupted(image, [signal]);
  expect(status).toBe(130);
  expect(told.at(-1)).toMatchObject({ type: 'summary', interrupted: true });
  expect(told.some(({ type, name }) => type === 'phase' && name === 'commit')).toBe(true);
  expect(tintype('verify', image).status).toBe(0);
  expect(events('backup', source, image)).toMatchObject({ status: 0, last: { items: { failed: 0 } } });
  expect(tintype('diff', source, image, '--checksum').status).toBe(0);
});

test('a second signal stops at once, and the next run completes', async () => {
  const image = join(folder, 'twice.sparsebundle');
  const { status, signal, events: told } = await interrupted(image, ['SIGINT', 'SIGTERM']);
  expect({ status, signal }).toEqual({ status: 130, signal: null });
  expect(told.some(({ type }) => type === 'summary')).toBe(false);
  expect(tintype('backup', source, join(folder, 'fresh.sparsebundle'), '--size', '1g').status).toBe(0);
});

test('an image that someone else writes is refused with 5', () => {
  const image = join(folder, 'locked.sparsebundle');
  expect(tintype('create', image, '--size', '20m').status).toBe(0);
  const lock = hostContext().store.open(join(image, 'lock'), 'write');
  try {
    expect(lock.lock('exclusive')).toBe(true);
    expect(events('backup', source, image)).toMatchObject({
      status: 5,
      last: { type: 'summary', problems: [{ code: 'locked' }] },
    });
    expect(tintype('ls', image)).toMatchObject({ status: 5, stderr: expect.stringContaining('is in use by') });
  } finally {
    lock.close();
  }
});
