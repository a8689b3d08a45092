import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openHostFolder } from '@tintype/host';
import { Random, withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { GuardedSource } from '../tree/source-guard.js';
import { ContentSampler } from './archive-sample.js';

function ratioOf(format: 'udzo' | 'udro', contents: readonly Uint8Array[], level?: number): number {
  return withFolder((folder) => {
    for (const [i, bytes] of contents.entries()) writeFileSync(join(folder, String(i).padStart(5, '0')), bytes);
    mkdirSync(join(folder, 'folder'));
    const volume = openHostFolder(folder, { writable: false }).volumes[0];
    if (!volume) throw new Error('a folder is a volume');
    const source = new GuardedSource(volume, { mayLoop: false });
    const sampler = new ContentSampler(format, level);
    const items = source.list(source.root.id).sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const item of items) sampler.add(source, item);
    return sampler.ratio();
  });
}

const random = new Random(8);
const noise = (length: number) => random.bytes(length);
const text = (length: number) => Buffer.alloc(length, 'all work and no play ');

test('noise stays as it is, text nearly goes, and half of each is half', () => {
  expect(ratioOf('udzo', [noise(3_000_000)])).toBeCloseTo(1, 2);
  expect(ratioOf('udzo', [text(3_000_000)])).toBeLessThan(0.02);
  expect(ratioOf('udro', [text(3_000_000)])).toBe(1);
  expect(ratioOf('udzo', [])).toBe(1);
  const mixed = Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? noise(60_000) : text(60_000)));
  expect(ratioOf('udzo', mixed)).toBeGreaterThan(0.4);
  expect(ratioOf('udzo', mixed)).toBeLessThan(0.6);
});

test('samples become rarer, and each stands for more', () => {
  const large = Buffer.concat([text(60 << 20), noise(60 << 20)]);
  const ratio = ratioOf('udzo', [large], 1);
  expect(ratio).toBeGreaterThan(0.35);
  expect(ratio).toBeLessThan(0.65);
});
