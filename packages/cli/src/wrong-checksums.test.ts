// Every command that can refuse a UDIF for its checksums: exit status 1, which one is wrong and what to do now, and nothing is
// made; with --ignore-checksums it goes on.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { basic, events, json, tintype } from './built.testing.js';

/** Before the end of the file, where a trailer has the checksum of all tables. */
const MASTER = 512 - 360;

let good: Buffer | null = null;

/** Chunks of bytes as they are, so that one of them can be changed. */
function goodImage(): Buffer {
  withFolder((folder) => {
    const image = join(folder, 'good.dmg');
    if (!good) expect(tintype('convert', basic.path, image, '--format', 'udro').status).toBe(0);
    good ??= readFileSync(image);
  });
  return Buffer.from(good ?? []);
}

function withDamaged(damage: 'contents' | 'trailer', body: (folder: string, image: string) => void): void {
  withFolder((folder) => {
    const image = join(folder, 'bad.dmg');
    const bytes = goodImage();
    // Of the contents a bit of the boot blocks, which no file system looks at.
    const at = damage === 'contents' ? bytes.indexOf('H+') - 100 : bytes.length - MASTER;
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(image, bytes);
    body(folder, image);
  });
}

const WHOLE = [
  ['restore', 'IMAGE', 'OUT'],
  ['migrate', 'IMAGE', 'OUT.sparsebundle', '--size', '64m'],
  ['backup', 'IMAGE', 'OUT.sparsebundle', '--size', '64m'],
  ['diff', 'IMAGE', 'IMAGE', '--checksum'],
];
const LAZY = [
  ['ls', 'IMAGE'],
  ['cat', 'IMAGE', '/hello.txt'],
  ['stat', 'IMAGE', '/'],
  ['find', 'IMAGE'],
  ['xattr', 'IMAGE', '/'],
  ['du', 'IMAGE'],
  ['diff', 'IMAGE', 'IMAGE'],
  ['restore', 'IMAGE', 'OUT', '--path', '/hello.txt'],
  ['restore', 'IMAGE', 'OUT', '--dry-run'],
  ['snapshot', 'list', 'IMAGE'],
];

function expectBoth(words: readonly string[], folder: string, image: string, message: RegExp): void {
  const given = words.map((word) => word.replace('IMAGE', image).replace('OUT', join(folder, 'out')));
  const told = tintype(...given);
  expect([told.status, told.stdout], words.join(' ')).toEqual([1, '']);
  expect(told.stderr).toMatch(message);
  expect(told.stderr).toMatch(/bad\.dmg.*Run 'tintype verify'.*--ignore-checksums/);
  expect(readdirSync(folder)).toEqual(['bad.dmg']);
  const { status, stderr } = tintype(...given, '--ignore-checksums');
  expect([status, words.join(' ')], stderr).toEqual([0, words.join(' ')]);
}

test.skipIf(basic.skip).each(WHOLE)('contents: %s', (...words) => {
  withDamaged('contents', (folder, image) =>
    expectBoth(words, folder, image, /the checksum of the clear bytes of .*Apple_HFS/),
  );
});

test.skipIf(basic.skip).each([...WHOLE, ...LAZY])('the trailer: %s', (...words) => {
  withDamaged('trailer', (folder, image) => expectBoth(words, folder, image, /the checksum of all tables/));
});

test.skipIf(basic.skip)('info and inspect show it, and verify finds it', () =>
  withDamaged('trailer', (_, image) => {
    expect(tintype('info', image).stdout).toMatch(/^damaged: +koly: the checksum of all tables does not agree/m);
    expect(json('info', image)).toMatchObject({ findings: [{ kind: 'udif-master-checksum' }] });
    expect(tintype('inspect', image, 'koly').stdout).toMatch(/^damaged: koly: the checksum of all tables/m);
    expect(tintype('verify', image)).toMatchObject({
      status: 3,
      stdout: expect.stringMatching(/udif-master-checksum/),
    });
    expect(events('restore', image, `${image}.out`)).toMatchObject({ status: 1, last: { failed: true } });
    expect(json('info', basic.path)).toMatchObject({ findings: [] });
  }),
);
