// Real images that are not compressed: every file of them, by its hash, as 7-Zip finds it; and a bundle beside a raw image
// of the same volume.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { fixture, sevenZipHashes, unpackFixture, withFolder, withOracle } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { hostContext } from '../host-context.js';
import { openStack } from '../stack.js';
import { content, list } from './browse.js';

const EMPTY = createHash('sha256').digest('hex');

/** Path and hash of every file's content; what the container's own checks find. */
function hashesOf(image: string): { files: Map<string, string>; findings: unknown[] } {
  const stack = openStack(image, { ...hostContext(), writable: false });
  try {
    const files = new Map<string, string>();
    for (const { path, item } of list(stack.volume, '/', true)) {
      if (item.kind !== 'file') continue;
      const hash = createHash('sha256');
      for (const piece of content(stack.volume, path)) hash.update(piece);
      files.set(path.slice(1).normalize('NFC'), hash.digest('hex'));
    }
    return { files, findings: [...stack.image.verify()] };
  } finally {
    stack.abandon();
  }
}

const images = [
  ['sparse/raw-dmg.zip', 'aj_dmg.dmg', 'keep-calm-carry-on.jpg'],
  ['hfsplus/apm.img.gz', 'apm.img', 'f.txt'],
  ['hfsplus/small-nolayout.raw.gz', 'small-nolayout.raw', 'HELLO.TXT'],
  ['hfsplus/small.img.xz', 'small.img', 'files/蝃蝀'],
] as const;

test.skipIf(withOracle('7zz').skip).each(images)('%s holds the files that 7-Zip finds in it', (name, file, one) => {
  if (fixture(name).skip) return;
  withFolder((folder) => {
    unpackFixture(name, folder);
    const { files, findings } = hashesOf(join(folder, file));
    expect(findings).toEqual([]);
    expect([...files.keys()]).toContain(one);
    const foreign = sevenZipHashes(join(folder, file));
    // It shows the volume as the first folder, and what HFS+ keeps for itself.
    const theirs = new Map(
      [...foreign].map(([path, hash]) => [path.split('/').slice(1).join('/').normalize('NFC'), hash]),
    );
    for (const [path, hash] of files) {
      // A hard link is empty to 7-Zip, its content a file of its own.
      const isLink = theirs.get(path) === EMPTY && hash !== EMPTY;
      if (isLink) expect([...theirs].find(([, each]) => each === hash)?.[0], path).toMatch(/Private Data.*iNode/);
      else expect([path, theirs.get(path)]).toEqual([path, hash]);
    }
  });
});

test.skipIf(fixture('sparse/bundle.zip').skip)(
  'a sparse bundle holds what the raw image of the same content holds',
  () => {
    withFolder((folder) => {
      unpackFixture('sparse/bundle.zip', folder);
      unpackFixture('sparse/raw-dmg.zip', folder);
      const [bundle, raw] = [hashesOf(join(folder, 'aj_bundle.sparsebundle')), hashesOf(join(folder, 'aj_dmg.dmg'))];
      const hash = 'ebb614cab9dfb491f2bef6eb9d94f3668c0dd419009d3580f828d8ce87211947';
      for (const { files, findings } of [bundle, raw]) {
        expect(findings).toEqual([]);
        expect(files.get('keep-calm-carry-on.jpg')).toBe(hash);
      }
      // The rest is what the Finder and the system wrote while each was mounted.
      const own = (files: Map<string, string>): string[] =>
        [...files.keys()].filter((path) => !/^\.(DS_Store|fseventsd)/.test(path));
      expect(own(bundle.files)).toEqual(own(raw.files));
    });
  },
);
