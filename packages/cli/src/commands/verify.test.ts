import { closeSync, openSync, readdirSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fixture, unpackFixture, withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { basic, events, tintype } from '../built.testing.js';

test.skipIf(basic.skip).each([['--quick'], ['--data']])('a sound image has no findings: %s', (level) => {
  const { status, last } = events('verify', basic.path, level);
  expect({ status, last }).toMatchObject({ status: 0, last: { type: 'summary', findings: 0, problems: [] } });
  if (level === '--data') expect(last.filesRead).toBe(10);
});

test.skipIf(basic.skip)('a band that is too long is a finding with its place, and the rest is still checked', () => {
  withFolder((folder) => {
    unpackFixture('sparse/bundle.zip', folder);
    const image = join(folder, 'aj_bundle.sparsebundle');
    const band = join(image, 'bands', '2');
    const file = openSync(band, 'r+');
    writeSync(file, new Uint8Array(4096), 0, 4096, 8_388_608);
    closeSync(file);
    const { status, stdout } = tintype('verify', image);
    expect(status).toBe(3);
    expect(stdout).toMatch(/^error: band-length: band 2: .*4096 bytes longer than the band size \(8388608\)/m);
    const found = events('verify', image).events.filter(({ type }) => type === 'result');
    expect(found[0]).toMatchObject({ kind: 'band-length', place: 'band 2', severity: 'error' });
  });
});

test.skipIf(basic.skip)('a damaged volume, a damaged container: findings, never a crash', () => {
  withFolder((folder) => {
    unpackFixture('sparse/raw-dmg.zip', folder);
    const image = join(folder, 'aj_dmg.dmg');
    const file = openSync(image, 'r+');
    writeSync(file, new Uint8Array(64).fill(0xff), 0, 64, 1024 + 16);
    closeSync(file);
    expect(tintype('verify', image)).toMatchObject({ status: 3, stdout: expect.stringMatching(/^error: /) });
    unpackFixture('sparse/bundle.zip', folder);
    const bundle = join(folder, 'aj_bundle.sparsebundle');
    writeFileSync(join(bundle, 'Info.plist'), '<plist><dict><key>band-size</key><integer>0</integer></dict></plist>');
    const { status, stdout, stderr } = tintype('verify', bundle);
    expect({ status, stdout }).toMatchObject({ status: 3, stdout: expect.stringContaining('info-plist: Info.plist') });
    expect(`${stdout}${stderr}`).not.toContain('internal error');
    expect(readdirSync(folder)).toContain('aj_dmg.dmg');
  });
});

test.skipIf(basic.skip)('a sound image is said to be, and what is missing is a failure', () => {
  for (const level of ['--quick', '--data'])
    expect(tintype('verify', fixture('apfs/basic-udzo.dmg').path, level)).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('appears to be sound'),
    });
  expect(tintype('verify', 'nowhere.dmg').status).toBe(1);
  expect(tintype('verify', basic.path, '--quick', '--data').status).toBe(2);
});
