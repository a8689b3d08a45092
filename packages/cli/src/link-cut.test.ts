// A share that really goes away in the middle of a backup: sshfs to an sshd whose link is cut. It comes back, and the run
// completes by itself; or it does not, and the run says so, with a sound image that the next run completes.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  apfsck,
  CutShare,
  count,
  FULL,
  fsckHfsplus,
  lacksCutShares,
  Random,
  temporaryFolder,
  withOracle,
} from '@tintype/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ENVIRONMENT, type Event, PROGRAM } from './built.testing.js';

const MIB = 1 << 20;
const FILES = 40;
const BAND = MIB;

let folder = '';
let source = '';

beforeAll(() => {
  folder = temporaryFolder();
  source = join(folder, 'source');
  mkdirSync(source);
  const bytes = Buffer.from(new Random(7).bytes(2 * MIB));
  for (let i = 0; i < FILES; i += 1) {
    bytes.writeUInt32LE(i, 0);
    writeFileSync(join(source, `f${i}`), bytes);
  }
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  readonly events: () => readonly Event[];
  readonly stderr: () => string;
}

function start(...words: string[]): Started {
  const child = spawn(process.execPath, [PROGRAM, ...words], { env: ENVIRONMENT });
  let out = '';
  let err = '';
  child.stdout.on('data', (text) => {
    out += String(text);
  });
  child.stderr.on('data', (text) => {
    err += String(text);
  });
  const events = (): Event[] =>
    out
      .split('\n')
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line) as Event);
  return { child, ended: once(child, 'close').then(([status]) => status), events, stderr: () => err };
}

/** Not `tintype`, which would hold up the other rounds. */
const run = (...words: string[]): Promise<number | null> => start(...words).ended;

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Until so many of the image's bands are on the server. */
async function bandsReach(image: string, bands: number): Promise<void> {
  while (readdirSync(join(image, 'bands')).length < bands) await pause(2);
}

interface Round {
  readonly round: number;
  readonly fs: string;
  readonly reconnect: boolean;
}

/** Of the two file systems and the two ways to mount, each with each. */
const roundsOf = (rounds: number): Round[] =>
  Array.from({ length: rounds }, (_, round) => ({
    round,
    fs: (round >> 1) % 2 === round % 2 ? 'hfs+' : 'apfs',
    reconnect: round % 2 === 0,
  }));

/** Starts a backup over the link, and cuts that at a random moment. */
async function cutBackup({ round, fs }: Round, share: CutShare, ...words: string[]) {
  const real = join(share.folder, 'b.sparsebundle');
  const image = join(share.mount, 'b.sparsebundle');
  expect(await run('create', real, '--size', '2g', '--fs', fs, '--band-size', `${BAND}`, '--quiet')).toBe(0);
  const present = readdirSync(join(real, 'bands')).length;
  const started = start('backup', source, image, '--json', ...words);
  await bandsReach(real, present + new Random(round).between(5, FILES));
  share.cut();
  return { real, started };
}

async function expectWhole(image: string): Promise<void> {
  expect(await run('verify', image, '--data')).toBe(0);
  expect(await run('diff', source, image, '--checksum')).toBe(0);
}

/** By the foreign checker, where there is one. */
async function expectSoundForOthers(image: string, fs: string): Promise<void> {
  if (withOracle(fs === 'apfs' ? 'apfsck' : 'fsck.hfsplus').skip) return;
  const raw = `${image}.raw`;
  expect(await run('raw', image, raw, '--volume', '0')).toBe(0);
  // Nobody unmounted it: -u.
  expect(fs === 'apfs' ? apfsck(raw, '-uw') : fsckHfsplus(raw)).toMatchObject({ ok: true });
  rmSync(raw);
}

/** Long enough, where the client connects anew, for it to see that it must. */
const cutFor = ({ reconnect }: Round): number => (FULL ? 30_000 : reconnect ? 8000 : 4000);

test.skipIf(lacksCutShares()).concurrent.each(roundsOf(count(2, 20)))(
  'B4: a link that is cut and comes back: the run completes by itself (%j)',
  { timeout: 300_000 },
  async (round) => {
    const share = new CutShare(round);
    try {
      const { real, started } = await cutBackup(round, share);
      await pause(cutFor(round));
      share.restore();
      expect(await started.ended, started.stderr()).toBe(0);
      expect(started.events().at(-1)).toMatchObject({ type: 'summary', problems: [], items: { created: FILES } });
      const isTold = started.events().some(({ type, code }) => type === 'warning' && code === 'waiting');
      // Where calls only hang, it depends on how long the connection takes to try again.
      if (round.reconnect || FULL) expect(isTold).toBe(true);
      await expectWhole(real);
    } finally {
      share.close();
    }
  },
);

test.skipIf(lacksCutShares()).concurrent.each(roundsOf(count(1, 8)))(
  'B4: a link that is cut for good: exit 1, and the next run completes (%j)',
  { timeout: 300_000 },
  async (round) => {
    const share = new CutShare(round);
    try {
      const { real, started } = await cutBackup(round, share, '--wait', '3s');
      while (!started.events().some(({ type }) => type === 'summary')) await pause(50);
      // A call that the kernel has handed to the client ends with the mount, not with the process.
      share.forceUnmount();
      expect(await started.ended).toBe(1);
      expect(started.events().at(-2)).toMatchObject({ type: 'error', code: 'link-lost' });
      expect(started.stderr()).toMatch(/the next run goes on from there/);
      expect(await run('verify', real)).toBe(0);
      await expectSoundForOthers(real, round.fs);
      expect(await run('backup', source, real)).toBe(0);
      await expectWhole(real);
    } finally {
      share.close();
    }
  },
);

test('the rounds try each file system with each way to mount', () => {
  expect(new Set(roundsOf(4).map(({ fs, reconnect }) => `${fs} ${reconnect}`)).size).toBe(4);
});
