// Limits of real hosts (B13): of the process (`prlimit --fsize`), and of file systems in a loop device. A backup past one
// stops with it named; what was committed is whole.

import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { showSize } from '@tintype/core';
import { FULL, isCi, missingPrograms, Random, temporaryFolder } from '@tintype/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ENVIRONMENT, type Outcome, PROGRAM, tintype } from './built.testing.js';

const MIB = 1 << 20;
/** The 4 GiB in the full run. */
const LIMIT = FULL ? 2 ** 32 : 64 * MIB;
const PATIENCE = FULL ? 900_000 : 60_000;

let folder = '';
let source = '';
beforeEach(() => {
  folder = temporaryFolder();
  source = join(folder, 'source');
  mkdirSync(source);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** More than the limit, in eight files. */
function writeSource(): void {
  const bytes = Buffer.from(new Random(1).bytes(MIB));
  const pieces = Math.ceil((LIMIT * 1.25) / 8 / MIB);
  for (let i = 0; i < 8; i += 1) {
    const file = openSync(join(source, `f${i}`), 'w');
    for (let piece = 0; piece < pieces; piece += 1) {
      bytes.writeUInt32LE(i * pieces + piece, 0);
      writeSync(file, bytes);
    }
    closeSync(file);
  }
}

function limited(...words: string[]): Outcome {
  const { status, stdout, stderr } = spawnSync('prlimit', [`--fsize=${LIMIT}`, process.execPath, PROGRAM, ...words], {
    env: ENVIRONMENT,
  });
  return { status, stdout: stdout.toString('utf8'), bytes: stdout, stderr: stderr.toString('utf8') };
}

const lacksLimits = process.platform !== 'linux' || missingPrograms('prlimit').skip;
const fileSystems = FULL ? (['hfs+', 'apfs'] as const) : (['hfs+'] as const);

test.skipIf(lacksLimits).each(fileSystems)(
  'B13: a limit of the process, met by an image with %s',
  { timeout: PATIENCE },
  (fs) => {
    writeSource();
    const named = new RegExp(`a file there can have ${showSize(LIMIT)} at most`);
    const size = String(4 * LIMIT);
    for (const [name, options] of [
      ['own.sparseimage', []],
      ['asked.sparseimage', ['--size', size]],
      ['own.img', []],
    ] as const) {
      const image = join(folder, name);
      for (let run = 0; run < 2; run += 1) {
        const { status, stderr } = limited('backup', source, image, ...(run === 0 ? [...options, '--fs', fs] : []));
        expect(stderr, name).toMatch(named);
        expect(status, name).toBe(1);
      }
      expect(tintype('verify', image, '--data').status, name).toBe(0);
      // What was committed stays, and counts.
      expect(tintype('ls', image).stdout, name).toMatch(/^f0$/m);
      rmSync(image);
    }
    const raw = join(folder, 'asked.img');
    expect(limited('backup', source, raw, '--size', size, '--fs', fs)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(named),
    });
    expect(readdirSync(folder)).toEqual(['source']);
    const bundle = join(folder, 'b.sparsebundle');
    expect(limited('backup', source, bundle, '--fs', fs, '--quiet')).toMatchObject({ status: 0, stderr: '' });
    expect(tintype('diff', source, bundle, '--checksum').status).toBe(0);
  },
);

test.skipIf(lacksLimits)('B13: in a folder, a file that is too long costs itself only', { timeout: PATIENCE }, () => {
  for (const [name, bytes] of [
    ['a', 100],
    ['m', LIMIT + MIB],
    ['n', LIMIT / 2],
    ['z', 100],
  ] as const) {
    const file = openSync(join(source, name), 'w');
    writeSync(file, Buffer.from(name), 0, 1, bytes - 1);
    closeSync(file);
  }
  const image = join(folder, 'b.sparsebundle');
  expect(tintype('backup', source, image).status).toBe(0);
  for (const words of [
    ['backup', source, join(folder, 'copy')],
    ['restore', image, join(folder, 'restored')],
  ]) {
    const { status, stderr } = limited(...words);
    expect({ status, stderr }).toEqual({ status: 3, stderr: expect.stringMatching(/\/m: .*EFBIG/) });
    expect(stderr).not.toContain('sparsebundle');
    const there = readdirSync(words.at(-1) as string).filter((name) => name !== '_SafetyNet');
    expect(there.sort()).toEqual(['a', 'n', 'z']);
  }
});

test.skipIf(lacksLimits)(
  'B13: a copy or archive that is too long names the limit, and leaves nothing',
  { timeout: PATIENCE },
  () => {
    writeSource();
    const bundle = join(folder, 'b.sparsebundle');
    expect(tintype('backup', source, bundle, '--size', String(2 * LIMIT)).status).toBe(0);
    const named = new RegExp(`a file there can have ${showSize(LIMIT)} at most`);
    const at = (name: string): string => join(folder, name);
    for (const words of [
      ['backup', source, at('a.dmg'), '--format', 'udro'],
      ['convert', bundle, at('c.dmg'), '--format', 'udro'],
      ['convert', bundle, at('c.img'), '--format', 'udrw'],
      ['convert', bundle, at('c.sparseimage')],
      ['migrate', bundle, at('m.dmg'), '--format', 'udro'],
      ['raw', bundle, at('r.img')],
    ]) {
      const { status, stderr } = limited(...words);
      expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(named) });
      // Where the length is known, nothing was begun.
      expect(stderr.includes(' would have '), words.join(' ')).toBe(words[2]?.endsWith('.img') === true);
      expect(readdirSync(folder).sort(), words.join(' ')).toEqual(['b.sparsebundle', 'source']);
    }
  },
);

interface Loop {
  /** What makes the file system in a file. */
  readonly make: readonly string[];
  /** Bytes of that file, which is sparse. */
  readonly size: number;
  /** Type for `mount`. */
  readonly type: string;
  readonly limit: number;
}

const loops: Readonly<Record<string, Loop>> = {
  'ext2 with blocks of 1 KiB': {
    make: ['mkfs.ext2', '-q', '-b', '1024', '-N', '2000'],
    size: 24 * 2 ** 30,
    type: 'ext2',
    limit: 17_247_252_480,
  },
  FAT32: { make: ['mkfs.vfat', '-F', '32'], size: 6 * 2 ** 30, type: 'vfat', limit: 2 ** 32 - 1 },
};

/** The file system mounted at `place`; null if this host has no such mounts. */
function mounted({ make, size, type }: Loop, place: string): string | null {
  const [program = '', ...words] = make;
  if (missingPrograms(program).missing.length > 0) return `there is no ${program}`;
  const disk = `${place}.disk`;
  writeFileSync(disk, '');
  execFileSync('truncate', ['-s', String(size), disk]);
  execFileSync(program, [...words, disk], { stdio: 'ignore' });
  mkdirSync(place);
  const { status, stderr } = spawnSync('mount', ['-t', type, '-o', 'loop', disk, place], { encoding: 'utf8' });
  return status === 0 ? null : stderr.trim();
}

test.skipIf(!FULL || process.platform !== 'linux').for(Object.keys(loops))(
  'B13: %s, whose limit sparse files meet',
  { timeout: PATIENCE },
  (name, { skip }) => {
    const loop = loops[name] as Loop;
    const place = join(folder, 'host');
    const missing = mounted(loop, place);
    // No kernel for servers has every file system: what is not there is said, not failed.
    if (missing !== null && (loop.type === 'vfat' || !isCi)) skip(missing);
    expect(missing).toBeNull();
    try {
      const file = openSync(join(source, 'large'), 'w');
      for (let at = 0; at < loop.limit + 64 * MIB; at += MIB) writeSync(file, Buffer.from('x'), 0, 1, at);
      closeSync(file);
      const named = new RegExp(`a file there can have ${showSize(loop.limit)} at most`);
      const image = join(place, 'a.sparseimage');
      const size = String(2 ** 36);
      const refused = tintype('backup', source, image, '--fs', 'hfs+', '--size', size);
      expect(refused.stderr).toMatch(named);
      expect(refused.status).toBe(1);
      expect(tintype('verify', image).status).toBe(0);
      const raw = tintype('backup', source, join(place, 'a.img'), '--fs', 'hfs+', '--size', size);
      expect(raw).toMatchObject({ status: 1, stderr: expect.stringMatching(named) });
      rmSync(image);
      const bundle = join(place, 'a.sparsebundle');
      const made = tintype('backup', source, bundle, '--fs', 'hfs+', '--size', size, '--band-size', '1g');
      expect(made.status).toBe(0);
      expect(tintype('diff', source, bundle).status).toBe(0);
      expect(tintype('probe', place, '--json').stdout).toContain(`"largestFile":${loop.limit}`);
    } finally {
      execFileSync('umount', [place]);
    }
  },
);
