// A structure check beside the reading of contents tells what the two tell one after the other.

import {
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { CancelledError, type Finding, Progress, TintypeError } from '@tintype/core';
import { Random, temporaryFolder } from '@tintype/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
// The built thread: a worker cannot run from the source.
import { CheckThread } from '../../dist/maintenance/check-thread.js';
import type { EngineEvent, SummaryEvent } from '../events.js';
import type { RunContext } from '../operation.js';
import { backup } from '../operations/backup.js';
import { testContext } from '../run-context.testing.js';
import type { CheckTask, RunningCheck } from './check-task.js';
import { verify } from './verify.js';

const MIB = 1 << 20;
/** More than what makes a thread worth its start. */
const LARGE = 66 * MIB;

interface Told {
  readonly findings: readonly Finding[];
  readonly summary: SummaryEvent | null;
  /** Code of what was thrown. */
  readonly error: string | null;
  /** Checks in threads. */
  readonly threads: number;
}

function told(image: string, newCheck?: (task: CheckTask) => RunningCheck, options = {}): Told {
  const events: EngineEvent[] = [];
  let threads = 0;
  const counted = (task: CheckTask): RunningCheck => {
    threads += 1;
    if (!newCheck) throw new Error('nobody starts a thread');
    return newCheck(task);
  };
  const context: RunContext = { ...testContext(undefined, events), ...(newCheck ? { newCheck: counted } : {}) };
  let summary: SummaryEvent | null = null;
  let error: string | null = null;
  try {
    summary = verify({ image, level: 'data', ...options }, context);
  } catch (thrown) {
    if (!(thrown instanceof TintypeError)) throw thrown;
    error = thrown.code;
  }
  const findings = events.flatMap((event) => (event.type === 'result' ? [event.value as Finding] : []));
  return { findings, summary, error, threads };
}

let folder = '';

beforeAll(() => {
  folder = temporaryFolder();
  process.env.TINTYPE_HOME = join(folder, 'home');
  const source = join(folder, 'source');
  mkdirSync(join(source, 'sub'), { recursive: true });
  const random = new Random(7);
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => random.below(256));
  writeFileSync(join(source, 'large'), Buffer.alloc(LARGE, bytes(4099)));
  for (let i = 0; i < 300; i += 1) writeFileSync(join(source, 'sub', `file ${i}`), bytes(1000 + i));
  const size = 256 * MIB;
  for (const fs of ['apfs', 'hfs+'])
    backup({ source, destination: join(folder, `${fs}.sparsebundle`), size, fs }, testContext());
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** An image whose bits may be turned over. */
function copyOf(fs: string): string {
  const image = join(folder, 'copy.sparsebundle');
  rmSync(image, { recursive: true, force: true });
  cpSync(join(folder, `${fs}.sparsebundle`), image, { recursive: true });
  return image;
}

/** Turns over bits of the first bands, where the structures lie, and of data. */
function spoil(image: string, random: Random, count: number): void {
  const bands = readdirSync(join(image, 'bands')).toSorted((a, b) => Number.parseInt(a, 16) - Number.parseInt(b, 16));
  for (let i = 0; i < count; i += 1) {
    const band = bands[random.below(i % 2 === 0 ? 2 : bands.length)] ?? '0';
    const handle = openSync(join(image, 'bands', band), 'r+');
    const byte = new Uint8Array(1);
    const position = random.below(8 * MIB);
    if (readSync(handle, byte, 0, 1, position) === 1)
      writeSync(handle, Uint8Array.of((byte[0] ?? 0) ^ 0x10), 0, 1, position);
    closeSync(handle);
  }
}

test.each(['apfs', 'hfs+'])(
  'findings of a check in a thread are those of a serial one, in the same order: %s',
  (fs) => {
    const image = copyOf(fs);
    const random = new Random(fs.length);
    const sound = told(image, (task) => new CheckThread(task));
    expect(sound).toMatchObject({ findings: [], threads: 1, error: null, summary: { filesChecked: 301 } });
    const kinds = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      spoil(image, random, 60);
      const here = told(image);
      expect({ ...told(image, (task) => new CheckThread(task)), threads: 0 }).toEqual(here);
      for (const { kind } of here.findings) kinds.add(kind);
    }
    expect(kinds).toContain('content');
    expect(kinds.size).toBeGreaterThan(1);
  },
);

test('where no thread comes up, the caller checks; and a small image is not worth one', () => {
  const image = copyOf('apfs');
  spoil(image, new Random(3), 60);
  const here = told(image);
  expect(here.findings.length).toBeGreaterThan(0);
  expect({ ...told(image, (task) => new CheckThread(task, -1)), threads: 0 }).toEqual(here);
  const small = join(folder, 'small.sparsebundle');
  backup({ source: join(folder, 'source', 'sub'), destination: small, fs: 'apfs', size: 64 * MIB }, testContext());
  expect(told(small, (task) => new CheckThread(task))).toMatchObject({ threads: 0, findings: [] });
});

test('an encrypted image is opened by the thread, too', () => {
  const image = join(folder, 'encrypted.sparsebundle');
  const secret = { encryption: 'aes-128', kdfRounds: 1000, passphrase: Buffer.from('open sesame') };
  backup({ source: join(folder, 'source'), destination: image, size: 256 * MIB, fs: 'apfs', ...secret }, testContext());
  const { passphrase } = secret;
  expect(told(image, (task) => new CheckThread(task), { passphrase })).toMatchObject({ threads: 1, findings: [] });
});

test('a thread that cannot check says why, and one that is asked to stop stops', () => {
  const task = { image: '/nowhere/at all', start: 0, size: MIB };
  const absent = new CheckThread({ ...task, progress: new Progress().memory });
  expect(() => absent.wait(() => {})).toThrow(/there is nothing/);
  expect(absent.isDone).toBe(true);
  absent.close();
  const progress = new Progress();
  const stop = (each: CheckTask): RunningCheck => {
    progress.cancel();
    return new CheckThread({ ...each, progress: progress.memory });
  };
  expect(told(join(folder, 'hfs+.sparsebundle'), stop)).toMatchObject({ error: 'cancelled', summary: null });
  const looked = new CheckThread({ ...task, progress: progress.memory });
  expect(() => looked.wait(() => progress.check())).toThrow(CancelledError);
  looked.close();
});
