// How much of an image comes back when bands that hold nothing but contents are gone: counted, file by file.

import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { count, Random, temporaryFolder } from '@tintype/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backup } from '../operations/backup.js';
import { testContext } from '../run-context.testing.js';
import { grown, rescued, wholeIn } from './rescue.testing.js';

const MIB = 1 << 20;
const BAND = MIB;
const BLOCK = 4096;
/** Enough for one file in a thousand to be seen. */
const FILES = count(1200, 6000);
const PROMISED = 0.999;

let folder = '';
beforeAll(() => {
  folder = temporaryFolder();
  process.env.TINTYPE_HOME = join(folder, 'home');
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A block of noise is known by how it begins. */
const head = (bytes: Buffer, at: number): string => {
  const start = Buffer.alloc(16);
  bytes.copy(start, 0, at, Math.min(at + 16, bytes.length));
  return start.toString('latin1');
};

interface Layout {
  /** Bands of which each block is zero, or one of the contents. */
  readonly dataOnly: readonly string[];
  /** In which bands each file lies. */
  readonly bandsOf: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Found by the bytes alone, in the band files. */
function layoutOf(image: string, contents: ReadonlyMap<string, Buffer>): Layout {
  const owners = new Map<string, string>();
  for (const [path, bytes] of contents)
    for (let at = 0; at < bytes.length; at += BLOCK) owners.set(head(bytes, at), path);
  const dataOnly: string[] = [];
  const bandsOf = new Map<string, Set<string>>();
  for (const band of readdirSync(join(image, 'bands'))) {
    const bytes = readFileSync(join(image, 'bands', band));
    let isDataOnly = true;
    for (let at = 0; at < bytes.length; at += BLOCK) {
      const path = owners.get(head(bytes, at));
      if (path !== undefined) bandsOf.set(path, (bandsOf.get(path) ?? new Set()).add(band));
      else if (bytes.subarray(at, at + BLOCK).some((byte) => byte !== 0)) isDataOnly = false;
    }
    if (isDataOnly) dataOnly.push(band);
  }
  return { dataOnly, bandsOf };
}

const isSpared = (bands: ReadonlySet<string> | undefined, gone: ReadonlySet<string>): boolean =>
  ![...(bands ?? [])].some((band) => gone.has(band));

test.each(['hfs+', 'apfs'])(
  'bands of %s without metadata gone: of 1,000 files that were not in them, 999 are whole',
  (fs) => {
    const source = join(folder, `source ${fs}`);
    const image = join(folder, `${fs}.sparsebundle`);
    mkdirSync(source);
    const contents = grown(source, new Random(21), FILES);
    expect(backup({ source, destination: image, fs, size: 512 * MIB, bandSize: BAND }, testContext()).problems).toEqual(
      [],
    );
    const { dataOnly, bandsOf } = layoutOf(image, contents);
    expect(bandsOf.size).toBeGreaterThan(FILES * 0.99);
    expect(dataOnly.length).toBeGreaterThan(5);
    let [wanted, whole, hit] = [0, 0, 0];
    for (let seed = 0; seed < count(1, 8); seed += 1) {
      const random = new Random(seed);
      const ruin = join(folder, `ruin ${fs}.sparsebundle`);
      cpSync(image, ruin, { recursive: true });
      const gone = new Set(random.shuffle(dataOnly).slice(0, 1 + random.below(dataOnly.length)));
      for (const band of gone) rmSync(join(ruin, 'bands', band));
      const to = join(folder, `out ${fs}`);
      rescued(ruin, to);
      const back = wholeIn(to, contents);
      for (const path of contents.keys()) {
        const isWanted = isSpared(bandsOf.get(path), gone);
        if (!isWanted) hit += 1;
        else wanted += 1;
        if (isWanted && back.has(path)) whole += 1;
        // What was in them cannot be whole.
        else if (!isWanted) expect(back.has(path), path).toBe(false);
      }
      rmSync(ruin, { recursive: true });
      rmSync(to, { recursive: true });
    }
    expect(hit).toBeGreaterThan(0);
    expect(wanted).toBeGreaterThan(FILES / 10);
    expect(whole / wanted, `${whole} of ${wanted} files are whole`).toBeGreaterThanOrEqual(PROMISED);
  },
);
