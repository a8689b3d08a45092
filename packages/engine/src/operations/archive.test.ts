// Backups to read-only images: made afresh, beside what is there, and whole or not at all.

import {
  linkSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { chunkLanes } from '@tintype/codec';
import { CancelledError, Progress, type TintypeError } from '@tintype/core';
import { imageFacts } from '@tintype/image';
import { count, FaultStore, Random, withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { BackupEstimate, EngineEvent, SummaryEvent } from '../events.js';
import { verify } from '../maintenance/verify.js';
import type { BackupOptions, RunContext } from '../operation.js';
import { testContext } from '../run-context.testing.js';
import { backup } from './backup.js';
import { diff } from './diff.js';

/** Milliseconds for very many files, on a busy machine. */
const MANY = count(600_000, 3_600_000);
const passphrase = (): Uint8Array => Buffer.from('open sesame');

interface Place {
  readonly folder: string;
  readonly source: string;
  readonly image: string;
}

function withSource(
  body: (place: Place, run: (options?: Partial<BackupOptions>, context?: Partial<RunContext>) => SummaryEvent) => void,
) {
  withFolder((folder) => {
    process.env.TINTYPE_HOME = join(folder, 'home');
    const source = join(folder, 'source');
    mkdirSync(join(source, 'sub'), { recursive: true });
    const random = new Random(9);
    for (let i = 0; i < 60; i += 1)
      put(join(source, 'sub', `file-${i}`), Buffer.alloc(1 + random.below(40_000), `text ${i} `));
    put(join(source, 'noise'), Buffer.from(random.bytes(3 << 20)));
    const image = join(folder, 'a.dmg');
    const run = (options: Partial<BackupOptions> = {}, context: Partial<RunContext> = {}): SummaryEvent =>
      backup({ source, destination: image, kdfRounds: 1, ...options }, { ...testContext(), ...context });
    body({ folder, source, image }, run);
  });
}

function put(path: string, content: Uint8Array | string): void {
  writeFileSync(path, content);
  utimesSync(path, 1_000_000_000, 1_000_000_000);
}

/** Findings of the image, and its differences from the source. */
function judged({ source, image }: Place, secret?: Uint8Array): unknown[] {
  const events: EngineEvent[] = [];
  const context = testContext(undefined, events);
  verify({ image, level: 'data', passphrase: secret }, context);
  diff({ a: source, b: image, checksum: true, passphrase: secret }, context);
  return events.filter(({ type }) => type === 'result');
}

const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return (error as TintypeError).code ?? (error as Error).name;
  }
  return 'done';
};

test.each([
  ['udzo', 'apfs'],
  ['udzo', 'hfs+'],
  ['ulfo', 'apfs'],
  ['udro', 'hfs+'],
])('a backup to %s with %s holds the source, and its checksums are right', (format, fs) => {
  withSource((place, run) => {
    const summary = run({ format, fs }, { newLanes: () => chunkLanes(1, 0) });
    expect(summary.problems).toEqual([]);
    expect(imageFacts(testContext().store, place.image).format).toBe(format);
    expect(judged(place)).toEqual([]);
    expect(readdirSync(place.folder).sort()).toEqual(['a.dmg', 'home', 'source']);
  });
});

test('B8: an archive that is there is replaced only if that is said, and old ones are kept by number', () => {
  withSource((place, run) => {
    const { image, folder, source } = place;
    run();
    const first = readFileSync(image);
    expect(codeOf(() => run())).toBe('read-only-image');
    expect(codeOf(() => run({ keep: 1 }))).toBe('usage');
    expect(readFileSync(image).equals(first)).toBe(true);
    put(join(source, 'new'), 'new');
    run({ replace: true, keep: 2 });
    const second = readFileSync(image);
    expect(judged(place)).toEqual([]);
    put(join(source, 'newer'), 'newer');
    run({ replace: true, keep: 2 });
    run({ replace: true, keep: 2 });
    expect(readdirSync(folder).sort()).toEqual(['a.1.dmg', 'a.2.dmg', 'a.dmg', 'home', 'source']);
    expect(readFileSync(join(folder, 'a.2.dmg')).equals(second)).toBe(true);
    run({ replace: true });
    expect(judged(place)).toEqual([]);
  });
});

test('whichever of the last calls fails for good, the next run keeps each old archive once', () => {
  withSource((place, run) => {
    const { folder, source } = place;
    rmSync(join(source, 'sub'), { recursive: true });
    const name = (file: string): string => readFileSync(join(folder, file)).subarray(-448, -432).toString('hex');
    const ids = (): string[] =>
      readdirSync(folder)
        .filter((file) => file.endsWith('.dmg') && !file.startsWith('.'))
        .sort((a, b) => b.length - a.length)
        .map(name);
    run();
    const { store } = testContext();
    const counted = new FaultStore(store, { call: Number.POSITIVE_INFINITY, code: 'EIO' });
    run({ replace: true, keep: 2 }, { store: counted });
    const { calls } = counted;
    let replaced = 0;
    for (let call = calls - 30; call <= calls; call += count(3, 1)) {
      const old = name('a.dmg');
      const fault = new FaultStore(store, { call, code: 'EIO', lasts: Number.POSITIVE_INFINITY });
      codeOf(() => run({ replace: true, keep: 2, wait: 0 }, { store: fault }));
      if (name('a.dmg') !== old) replaced += 1;
      const before = name('a.dmg');
      run({ replace: true, keep: 2 });
      const after = ids();
      expect([call, new Set(after).size, after.includes(before)]).toEqual([call, after.length, true]);
      expect(readdirSync(folder).filter((file) => file.includes('.tintype.'))).toEqual([]);
    }
    expect(replaced).toBeGreaterThan(0);
    expect(replaced).toBeLessThan(30);
  });
});

test('what is no archive is not replaced, and an archive keeps its format and its secret', () => {
  withSource((place, run) => {
    const { folder, image } = place;
    const other = join(folder, 'b.sparsebundle');
    run({ destination: other, size: 64 << 20 });
    expect(codeOf(() => run({ destination: other, replace: true }))).toBe('usage');
    expect(codeOf(() => run({ mustExist: true }))).toBe('missing');
    run({ format: 'ulfo', encryption: 'aes-128', passphrase: passphrase() });
    expect(codeOf(() => run({ replace: true }))).toBe('passphrase-missing');
    expect(codeOf(() => run({ replace: true, passphrase: Buffer.from('wrong') }))).toBe('passphrase-wrong');
    run({ replace: true, passphrase: passphrase() });
    expect(imageFacts(testContext().store, image).encryption?.keyBits).toBe(128);
    expect(judged(place, passphrase())).toEqual([]);
    expect(codeOf(() => run({ replace: true, format: 'udrw', passphrase: passphrase() }))).toBe('usage');
  });
});

test('a run that is stopped, or fails, leaves what was there, and nothing else', () => {
  withSource((place, run) => {
    run();
    const first = readFileSync(place.image);
    for (const phase of ['scan', 'open', 'copy', 'verify']) {
      const progress = new Progress();
      const emit = (event: EngineEvent): void => {
        if (event.type === 'phase' && event.name === phase) progress.cancel();
      };
      let isInterrupted: boolean | undefined;
      try {
        isInterrupted = run({ replace: true }, { progress, emit }).interrupted;
      } catch (error) {
        isInterrupted = error instanceof CancelledError;
      }
      expect([phase, isInterrupted]).toEqual([phase, true]);
      expect(readdirSync(place.folder).sort()).toEqual(['a.dmg', 'home', 'source']);
    }
    expect(codeOf(() => run({ replace: true, size: 4 << 20, fs: 'hfs+' }))).not.toBe('done');
    expect(readFileSync(place.image).equals(first)).toBe(true);
    expect(readdirSync(place.folder).sort()).toEqual(['a.dmg', 'home', 'source']);
  });
});

test('a source with more than its sizes say gets a larger volume', () => {
  withSource((place, run) => {
    // Attributes are not in the sizes.
    const events: EngineEvent[] = [];
    const sparse = join(place.source, 'sparse');
    put(sparse, '');
    truncateSync(sparse, 5 << 20);
    const context = { emit: (event: EngineEvent) => void events.push(event) };
    run({ size: 40 << 20 }, context);
    expect(imageFacts(testContext().store, place.image).size).toBe(40 << 20);
    expect(judged(place)).toEqual([]);
  });
});

test.each(['apfs', 'hfs+'])('with SOURCE_DATE_EPOCH equal input gives equal bytes: %s', (fs) => {
  const made = (now: number, options: Partial<BackupOptions> = {}): Buffer => {
    let bytes = Buffer.alloc(0);
    withSource(({ source, image }, run) => {
      linkSync(join(source, 'noise'), join(source, 'same'));
      symlinkSync('noise', join(source, 'link'));
      linkSync(join(source, 'link'), join(source, 'link-2'));
      for (const path of ['link', 'link-2']) lutimesSync(join(source, path), 1_000_000_000, 1_000_000_000);
      for (const path of ['sub', '']) utimesSync(join(source, path), 1_000_000_000, 1_000_000_000);
      const random = (target: Uint8Array) => void crypto.getRandomValues(target);
      const summary = run({ fs, ...options }, { sourceDateEpoch: 1_500_000_000, now: () => now, random });
      expect(summary.problems).toEqual([]);
      bytes = readFileSync(image);
    });
    return bytes;
  };
  const first = made(1_800_000_000);
  expect(made(1_800_009_999).equals(first)).toBe(true);
  expect(made(1_800_009_999, { volumeName: 'other' }).equals(first)).toBe(false);
  const secret = { encryption: 'aes-256', passphrase: passphrase() };
  expect(made(1_800_000_000, secret).equals(made(1_800_000_000, secret))).toBe(false);
});

test('B34: a dry run says beforehand how large an archive becomes, by compressing samples', () => {
  withSource((place, run) => {
    for (const format of ['udzo', 'ulfo', 'udro']) {
      const { estimate } = run({ format, dryRun: true }) as SummaryEvent & { estimate: BackupEstimate };
      expect(readdirSync(place.folder)).not.toContain('a.dmg');
      run({ format });
      const { size } = statSync(place.image);
      rmSync(place.image);
      expect(estimate.imageSize / size, format).toBeGreaterThan(0.85);
      expect(estimate.imageSize / size, format).toBeLessThan(1.2);
      expect(estimate.peakSpace).toBeGreaterThanOrEqual(estimate.imageSize);
    }
  });
});

test.each(['apfs', 'hfs+'])(
  'B35: one pass, and never more on the disk than the archive at its end: %s',
  { timeout: MANY },
  (fs) => {
    withSource((place, run) => {
      const items = count(20_000, 1_000_000);
      for (let i = 0; i < items; i += 1) {
        if (i % 1000 === 0) mkdirSync(join(place.source, `many-${i / 1000}`));
        writeFileSync(join(place.source, `many-${Math.floor(i / 1000)}`, `item-${i}`), `content ${i}`);
      }
      let peak = 0;
      const { store } = testContext();
      const size = (): number =>
        readdirSync(place.folder)
          .filter((name) => name.includes('a.dmg'))
          .reduce((sum, name) => sum + (statSync(join(place.folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);
      const watched = {
        ...store,
        open: (path: string, mode: 'read' | 'write' | 'create') => {
          const file = store.open(path, mode);
          const write = file.write.bind(file);
          file.write = (position, bytes) => {
            write(position, bytes);
            peak = Math.max(peak, size());
          };
          return file;
        },
      };
      const { archive } = run({ fs }, { store: watched, newLanes: () => chunkLanes(1, 0) }) as SummaryEvent & {
        archive: { bytes: number; peak: number; superseded: number };
      };
      const final = statSync(place.image).size;
      expect(archive.bytes).toBe(final);
      expect(archive.superseded).toBeLessThanOrEqual(final * 0.01);
      expect(archive.peak).toBeLessThanOrEqual(final * 1.02);
      // Beside the lease, of 512 bytes.
      expect(peak).toBeLessThanOrEqual(final * 1.02 + 1024);
      expect(peak).toBeGreaterThan(final / 2);
    });
  },
);
