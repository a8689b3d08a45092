import { spawnSync } from 'node:child_process';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageInfo } from '@tintype/engine';
import { withFolder, withOracle } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { basic, events, json, tintype } from '../built.testing.js';

const seven = withOracle('7zz');

test.skipIf(basic.skip || seven.skip)(
  'an image of macOS through every format, and back: nothing differs',
  () => {
    withFolder((folder) => {
      let from = basic.path;
      for (const [name, format] of [
        ['a.dmg', 'udzo'],
        ['b.dmg', 'udbz'],
        ['c.dmg', 'ulfo'],
        ['d.dmg', 'ulmo'],
        ['e.dmg', 'udro'],
        ['f.sparsebundle', 'sparsebundle'],
        ['g.sparseimage', 'sparseimage'],
        ['h.dmg', 'udrw'],
      ] as const) {
        const out = join(folder, name);
        const words = ['convert', from, out, ...(format === 'udzo' ? [] : ['--format', format])];
        expect(events(...words)).toMatchObject({ status: 0, last: { type: 'summary', out, format } });
        expect(json<ImageInfo>('info', out).container.format).toBe(format);
        if (name.endsWith('.dmg') && format !== 'udrw') {
          const { status, stdout } = spawnSync(seven.path, ['t', '-tdmg', out], { encoding: 'utf8' });
          expect([name, status, /warning|error/i.test(stdout)]).toEqual([name, 0, false]);
        }
        from = out;
      }
      expect(tintype('diff', basic.path, from, '--checksum').status).toBe(0);
      expect(tintype('verify', from, '--data').status).toBe(0);
    });
  },
  120_000,
);

test.skipIf(basic.skip)(
  'in segments: as many files as it takes, joined again, replaced by fewer, which leave none of the old ones',
  () => {
    withFolder((folder) => {
      const [parts, one] = [join(folder, 'parts.dmg'), join(folder, 'one.dmg')];
      const cut = (size: string, ...more: string[]) =>
        events('convert', basic.path, parts, '--format', 'udro', '--segment-size', size, ...more);
      const own = () => readdirSync(folder).filter((name) => name.startsWith('parts.'));
      expect(cut('400k')).toMatchObject({ status: 0, last: { segments: own().length } });
      const many = own().length;
      expect(many).toBeGreaterThan(2);
      for (const name of own()) expect(statSync(join(folder, name)).size).toBeLessThanOrEqual(400 << 10);
      expect(json<ImageInfo>('info', parts).container.format).toBe('udro');
      expect(tintype('verify', parts, '--data').status).toBe(0);
      expect(tintype('diff', basic.path, parts, '--checksum').status).toBe(0);
      expect(tintype('convert', parts, one).status).toBe(0);
      expect(tintype('diff', basic.path, one, '--checksum').status).toBe(0);
      expect(cut('1m').status).toBe(1);
      expect(own().length).toBe(many);
      expect(cut('1m', '--overwrite')).toMatchObject({ status: 0, last: { segments: own().length } });
      expect(own().length).toBeLessThan(many);
      expect(tintype('backup', join(folder, 'x'), parts, '--replace', '--keep', '1').stderr).toMatch(/several files/);
      expect(tintype('convert', basic.path, parts, '--overwrite').status).toBe(0);
      expect(readdirSync(folder).sort()).toEqual(['one.dmg', 'parts.dmg']);
      expect(tintype('convert', basic.path, join(folder, 'y.img'), '--segment-size', '1m').status).toBe(2);
      expect(tintype('convert', basic.path, join(folder, 'y.dmg'), '--segment-size', 'big').status).toBe(2);
    });
  },
  120_000,
);

test.skipIf(basic.skip)('nothing is overwritten unasked; a level, a format and an extension must be clear', () => {
  withFolder((folder) => {
    const out = join(folder, 'x.dmg');
    writeFileSync(out, 'mine');
    expect(tintype('convert', basic.path, out).status).toBe(1);
    expect(tintype('convert', basic.path, out, '--overwrite').status).toBe(1);
    expect(tintype('convert', basic.path, join(folder, 'y.xyz')).status).toBe(2);
    expect(tintype('convert', basic.path, join(folder, 'y.dmg'), '--level', '10').status).toBe(2);
    expect(tintype('convert', join(folder, 'none'), join(folder, 'y.dmg')).status).toBe(1);
    expect(readdirSync(folder)).toEqual(['x.dmg']);
  });
});

test.skipIf(basic.skip)(
  'encrypted on the way, with another passphrase, and clear again only if asked',
  () => {
    withFolder((folder) => {
      const [one, two] = ['one', 'two'].map((secret) => {
        writeFileSync(join(folder, secret), secret);
        return join(folder, secret);
      }) as [string, string];
      const [a, b, c, d] = ['a.dmg', 'b.sparsebundle', 'c.dmg', 'd.dmg'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
        string,
      ];
      const rounds = ['--kdf-rounds', '1000'];
      expect(tintype('convert', basic.path, a, '--encryption', 'aes-256').status).toBe(4);
      expect(
        tintype('convert', basic.path, a, '--encryption', 'aes-256', '--passphrase-file', one, ...rounds).status,
      ).toBe(0);
      expect(tintype('convert', a, b, '--passphrase-file', one, '--new-passphrase-file', two, ...rounds).status).toBe(
        0,
      );
      expect(json<ImageInfo>('info', b).container.encryption).toMatchObject({ keyBits: 256 });
      expect(tintype('ls', b, '--passphrase-file', one).status).toBe(4);
      expect(tintype('convert', b, c, '--passphrase-file', two, ...rounds).status).toBe(0);
      expect(tintype('convert', c, d, '--passphrase-file', two, '--encryption', 'none').status).toBe(0);
      expect(tintype('diff', basic.path, d, '--checksum').status).toBe(0);
    });
  },
  120_000,
);
