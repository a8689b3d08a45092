import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { fixture, fixtureBytes, unpackFixture, withFolder } from './fixtures.js';
import { expand, fsckHfsplus, kernelRead, mkfsHfsplus, sevenZipHashes, sevenZipList, withOracle } from './oracles.js';

const image = fixture('hfsplus/basic-udzo.dmg');

test.skipIf(withOracle('fsck.hfsplus').skip || withOracle('mkfs.hfsplus').skip)(
  'the checker tells sound from broken',
  () => {
    withFolder((folder) => {
      const file = path.join(folder, 'volume');
      writeFileSync(file, new Uint8Array(16 << 20));
      expect(mkfsHfsplus(file, ['-v', 'Test']).ok).toBe(true);
      expect(fsckHfsplus(file)).toMatchObject({ ok: true, exit: 0 });
      const bytes = readFileSync(file);
      bytes.fill(0xff, 4096, 8192);
      writeFileSync(file, bytes);
      expect(fsckHfsplus(file).ok).toBe(false);
    });
  },
);

test.skipIf(image.skip || withOracle('7zz').skip)('7-Zip lists, reads and expands a real image', () => {
  const manifest: unknown = JSON.parse(readFileSync(fixture('hfsplus/basic.manifest.json').path, 'utf8'));
  const hashes = sevenZipHashes(image.path);
  const hello = [...hashes].find(([name]) => name.endsWith('hello.txt'));
  expect(hello).toBeDefined();
  expect(JSON.stringify(manifest)).toContain(hello?.[1]);
  expect(sevenZipList(image.path).some((entry) => entry.path.endsWith('bigattr.txt') && entry.size === 28)).toBe(true);
  expect(expand(image.path)).toHaveLength(16 << 20);
});

test.skipIf(image.skip || withOracle('kernel-read').skip)('the kernel reads a real image', () => {
  withFolder((folder) => {
    const file = path.join(folder, 'raw');
    writeFileSync(file, expand(image.path));
    const { items, verdict } = kernelRead(file);
    expect(verdict).toMatchObject({ ok: true });
    expect(items.find((item) => item.path === 'hello.txt')).toMatchObject({ type: 'file' });
  });
});

test.skipIf(fixture('sparse/bundle.zip').skip)('fixtures are unpacked', () => {
  withFolder((folder) => {
    unpackFixture('sparse/bundle.zip', folder);
    expect(fixtureBytes('hfsplus/small-nolayout.raw.gz')).toHaveLength(819_200);
    expect(fixtureBytes('hfsplus/small.img.xz').length).toBeGreaterThan(1 << 19);
  });
});
