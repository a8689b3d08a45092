// A UDIF whose checksums are wrong: refused by whatever reads all of it, before anything is made, unless it is told to go on.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chunkLanes } from '@tintype/codec';
import { Progress, RefusedError } from '@tintype/core';
import { withFolder } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import type { SummaryEvent } from '../events.js';
import { info } from '../maintenance/info.js';
import { inspect } from '../maintenance/inspect.js';
import { rescue } from '../maintenance/rescue.js';
import { verify } from '../maintenance/verify.js';
import type { RunContext } from '../operation.js';
import { testContext } from '../run-context.testing.js';
import { backup } from './backup.js';
import { diff } from './diff.js';
import { migrate } from './migrate.js';
import { restore } from './restore.js';

const NEEDLE = 'what was stored is not what is there';
/** Of the trailer's own, which counts the tables' checksums. */
const MASTER_AT = 512 - 360;

type Damage = 'none' | 'contents' | 'trailer';

interface Place {
  readonly folder: string;
  readonly source: string;
  readonly image: string;
}

function withImage(damage: Damage, body: (place: Place) => void): void {
  withFolder((folder) => {
    process.env.TINTYPE_HOME = join(folder, 'home');
    const [source, image] = [join(folder, 'source'), join(folder, 'a.dmg')];
    mkdirSync(join(source, 'in'), { recursive: true });
    mkdirSync(join(folder, 'home'));
    writeFileSync(join(source, 'in/needle'), NEEDLE);
    writeFileSync(join(source, 'other'), 'other');
    backup({ source, destination: image, format: 'udro', fs: 'hfs+', volumeName: 'v' }, testContext());
    const bytes = readFileSync(image);
    const at = { none: -1, contents: bytes.indexOf(NEEDLE), trailer: bytes.length - MASTER_AT }[damage];
    if (at >= 0) bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(image, bytes);
    body({ folder, source, image });
  });
}

type Run = (place: Place, ignoreChecksums: boolean, context?: RunContext) => SummaryEvent;
const to = ({ folder }: Place, name: string) => join(folder, name);

/** Of contents. */
const WHOLE: Readonly<Record<string, Run>> = {
  restore: (place, ignoreChecksums, context = testContext()) =>
    restore({ image: place.image, target: to(place, 'out'), ignoreChecksums }, context),
  'restore /': (place, ignoreChecksums, context = testContext()) =>
    restore({ image: place.image, target: to(place, 'out'), path: '//', verify: true, ignoreChecksums }, context),
  'migrate to a folder': (place, ignoreChecksums, context = testContext()) =>
    migrate({ image: place.image, out: to(place, 'out'), ignoreChecksums }, context),
  'migrate to a bundle': (place, ignoreChecksums, context = testContext()) =>
    migrate({ image: place.image, out: to(place, 'out.sparsebundle'), size: 64 << 20, ignoreChecksums }, context),
  'migrate to an archive': (place, ignoreChecksums, context = testContext()) =>
    migrate({ image: place.image, out: to(place, 'out.dmg'), ignoreChecksums }, context),
  'backup to a bundle': (place, ignoreChecksums, context = testContext()) =>
    backup(
      { source: place.image, destination: to(place, 'out.sparsebundle'), size: 64 << 20, ignoreChecksums },
      context,
    ),
  'backup to an archive': (place, ignoreChecksums, context = testContext()) =>
    backup({ source: place.image, destination: to(place, 'out.dmg'), ignoreChecksums }, context),
  'diff of contents, the first': (place, ignoreChecksums, context = testContext()) =>
    diff({ a: place.image, b: place.source, checksum: true, ignoreChecksums }, context),
  'diff of contents, the second': (place, ignoreChecksums, context = testContext()) =>
    diff({ a: place.source, b: place.image, checksum: true, ignoreChecksums }, context),
};

const LAZY: Readonly<Record<string, Run>> = {
  'restore --path': (place, ignoreChecksums) =>
    restore({ image: place.image, target: to(place, 'out'), path: '/in', ignoreChecksums }, testContext()),
  'restore --dry-run': (place, ignoreChecksums) =>
    restore({ image: place.image, target: to(place, 'out'), dryRun: true, ignoreChecksums }, testContext()),
  'backup --dry-run': (place, ignoreChecksums) =>
    backup(
      { source: place.image, destination: to(place, 'out.sparsebundle'), dryRun: true, ignoreChecksums },
      testContext(),
    ),
  'diff of times': (place, ignoreChecksums) =>
    diff({ a: place.image, b: place.source, ignoreChecksums }, testContext()),
  'diff --path': (place, ignoreChecksums) =>
    diff({ a: place.image, b: place.source, path: '/in', checksum: true, ignoreChecksums }, testContext()),
};

const contents = expect.stringMatching(/^the checksum of the clear bytes of .*Apple_HFS.* in .*a\.dmg does not agree/);
const tables = expect.stringMatching(/^the checksum of all tables in .*a\.dmg does not agree/);

function expectRefused(run: Run, place: Place, message: unknown): void {
  const before = readdirSync(place.folder, { recursive: true });
  let told: unknown = null;
  try {
    run(place, false);
  } catch (error) {
    told = error;
  }
  expect(told).toBeInstanceOf(RefusedError);
  expect(told).toMatchObject({ code: 'checksum', message });
  expect(readdirSync(place.folder, { recursive: true })).toEqual(before);
}

describe.each(Object.entries(WHOLE))('%s', (_name, run) => {
  test('contents that do not agree are refused before anything is made, unless told to go on', () =>
    withImage('contents', (place) => {
      expectRefused(run, place, contents);
      expect(run(place, true)).toMatchObject({ type: 'summary' });
    }));

  test('so is a trailer that does not go with the tables; a good image is not', () => {
    withImage('trailer', (place) => {
      expectRefused(run, place, tables);
      expect(run(place, true)).toMatchObject({ type: 'summary', problems: [] });
    });
    withImage('none', (place) => expect(run(place, false)).toMatchObject({ type: 'summary', problems: [] }));
  });

  test('asked to stop, nothing is made', () =>
    withImage('none', (place) => {
      const before = readdirSync(place.folder, { recursive: true });
      const progress = new Progress();
      progress.cancel();
      expect(() => run(place, false, { ...testContext(), progress })).toThrow(
        expect.objectContaining({ code: 'cancelled' }),
      );
      expect(readdirSync(place.folder, { recursive: true })).toEqual(before);
    }));
});

describe.each(Object.entries(LAZY))('%s', (_name, run) => {
  test('only the trailer is looked at', () => {
    withImage('contents', (place) => expect(run(place, false)).toMatchObject({ type: 'summary' }));
    withImage('trailer', (place) => {
      expectRefused(run, place, tables);
      expect(run(place, true)).toMatchObject({ type: 'summary' });
    });
  });
});

test('with lanes the same is found, and they are closed', () => {
  for (const damage of ['none', 'contents'] as const)
    withImage(damage, (place) => {
      let open = 0;
      const newLanes = () => {
        const lanes = chunkLanes(1, 0);
        const close = lanes.close.bind(lanes);
        open += 1;
        lanes.close = () => {
          open -= 1;
          close();
        };
        return lanes;
      };
      const context = { ...testContext(), newLanes };
      const perform = () => WHOLE.restore?.(place, false, context);
      if (damage === 'contents') expect(perform).toThrow(RefusedError);
      else expect(perform()).toMatchObject({ items: { created: 3 }, problems: [] });
      expect(open).toBe(0);
    });
});

test('verify, info, inspect and rescue go on, and say what is wrong', () =>
  withImage('trailer', (place) => {
    const { image } = place;
    const context = testContext();
    expect(verify({ image }, context)).toMatchObject({ findings: 1 });
    expect(info(image, context)).toMatchObject({
      findings: [{ kind: 'udif-master-checksum' }],
      volumes: [{ name: 'v' }],
    });
    for (const where of [null, 'header', 'koly'])
      expect([...inspect(image, where, {}, context)].join('\n'), String(where)).toMatch(
        /damaged: koly: the checksum of all/,
      );
    expect(rescue({ image, target: to(place, 'rescued') }, context)).toMatchObject({
      files: { whole: 2 },
      findings: expect.arrayContaining([expect.objectContaining({ kind: 'udif-master-checksum' })]),
    });
  }));

test('one that is damaged can be replaced, and is no reason to refuse a command that never reads it', () =>
  withImage('trailer', ({ image, source }) => {
    expect(backup({ source, destination: image, replace: true }, testContext())).toMatchObject({ problems: [] });
    expect(info(image, testContext()).findings).toEqual([]);
  }));
