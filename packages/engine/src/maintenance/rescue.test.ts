// Real images with bands removed: what comes back whole is what it was, and what does not is named.

import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { count, FULL, Random, temporaryFolder } from '@tintype/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backup } from '../operations/backup.js';
import { testContext } from '../run-context.testing.js';
import { rescue } from './rescue.js';
import { grown, rescued, wholeIn } from './rescue.testing.js';

const MIB = 1 << 20;
const BAND = MIB;

let folder = '';
beforeAll(() => {
  folder = temporaryFolder();
  process.env.TINTYPE_HOME = join(folder, 'home');
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe.each(['hfs+', 'apfs'] as const)('%s', (fs) => {
  const image = () => join(folder, `${fs}.sparsebundle`);
  let contents = new Map<string, Buffer>();

  beforeAll(() => {
    const source = join(folder, `source ${fs}`);
    contents = grown(source, new Random(3), FULL ? 4000 : 250);
    const options = { source, destination: image(), fs, size: 96 * MIB, bandSize: BAND };
    expect(backup(options, testContext()).problems).toEqual([]);
  });

  test('all of a sound image comes back, and a second time nothing is touched', () => {
    const to = join(folder, `sound ${fs}`);
    const { summary, report } = rescued(image(), to);
    expect(summary).toMatchObject({ files: { whole: contents.size, partial: 0, lost: 0 }, problems: [], findings: [] });
    expect(wholeIn(to, contents).size).toBe(contents.size);
    expect(report.volumes).toHaveLength(1);
    expect(readdirSync(join(to, '_Rescue'))).toEqual(['report.json']);
    expect(rescued(image(), to).summary.problems).toEqual([]);
  });

  test.each(Array.from({ length: count(2, 30) }, (_, i) => i))('with bands removed, seed %i', (seed) => {
    const random = new Random(seed);
    const ruin = join(folder, `ruin ${fs} ${seed}.sparsebundle`);
    cpSync(image(), ruin, { recursive: true });
    const gone = random.shuffle(readdirSync(join(ruin, 'bands'))).slice(0, 1 + random.below(3));
    for (const band of gone) rmSync(join(ruin, 'bands', band));
    if (random.oneIn(3)) for (const name of ['Info.plist', 'Info.bckup']) rmSync(join(ruin, name));
    const to = join(folder, `out ${fs} ${seed}`);
    const { summary, report } = rescued(ruin, to);
    const whole = wholeIn(to, contents);
    const partial = new Map(report.volumes.flatMap((volume) => volume.partial).map((each) => [each.path, each]));
    expect(summary.files).toMatchObject({ partial: partial.size });
    for (const path of whole) expect(partial.has(path)).toBe(false);
    for (const [path, { ranges, size }] of partial) {
      const bytes = contents.get(path);
      if (!bytes) continue;
      const copy = readFileSync(join(to, '_Rescue', 'partial', path));
      expect([copy.length, size], path).toEqual([bytes.length, bytes.length]);
      if (ranges.some(({ reason }) => reason === 'differs' || reason === 'unplaced')) continue;
      const kept = Buffer.from(bytes);
      for (const { start, length } of ranges) kept.fill(0, start, start + length);
      expect(copy.equals(kept), path).toBe(true);
    }
    rmSync(ruin, { recursive: true });
    rmSync(to, { recursive: true });
  });
});

test('an image in use and under a lease of nobody is read all the same, and not written', () => {
  const source = join(folder, 'leased');
  const contents = grown(source, new Random(8), 20);
  const image = join(folder, 'leased.sparsebundle');
  backup(
    {
      source,
      destination: image,
      fs: 'hfs+',
      size: 64 * MIB,
      encryption: 'aes-128',
      kdfRounds: 1000,
      passphrase: Buffer.from('open'),
    },
    testContext(),
  );
  writeFileSync(join(image, 'tintype.lease.7'), Buffer.alloc(512));
  const before = readdirSync(image, { recursive: true }).sort();
  expect(() => rescue({ image, target: join(folder, 'closed') }, testContext())).toThrow(/passphrase/);
  const to = join(folder, 'opened');
  expect(rescued(image, to, 'open').summary).toMatchObject({ files: { whole: 20 } });
  expect(wholeIn(to, contents).size).toBe(20);
  expect(readdirSync(image, { recursive: true }).sort()).toEqual(before);
});

test('what is no image gives nothing, and says so', () => {
  const noise = join(folder, 'noise.dmg');
  writeFileSync(noise, new Random(1).bytes(MIB));
  expect(() => rescue({ image: noise, target: join(folder, 'nothing') }, testContext())).toThrow(/nothing of a volume/);
  expect(existsSync(join(folder, 'nothing'))).toBe(false);
  expect(() => rescue({ image: join(folder, 'absent'), target: folder }, testContext())).toThrow(/nothing at/);
});
