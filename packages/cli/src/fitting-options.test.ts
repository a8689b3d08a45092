import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { tintype } from './built.testing.js';

test('options that mean nothing to the format are wrong usage, and nothing is made', () => {
  withFolder((folder) => {
    const [source, image, secret] = [join(folder, 'source'), join(folder, 'a.sparsebundle'), join(folder, 'secret')];
    mkdirSync(source);
    writeFileSync(join(source, 'a'), 'a');
    writeFileSync(secret, 'secret');
    expect(tintype('backup', source, image, '--size', '32m', '--band-size', '1m').status).toBe(0);
    const encrypted = ['--encryption', 'aes-256', '--passphrase-file', secret];
    for (const [command, name, ...options] of [
      ['create', 'x.dmg', '--band-size', '16m'],
      ['create', 'x.sparseimage', '--band-size', '16m'],
      ['backup', 'x.dmg', '--band-size', '16m'],
      ['backup', 'x.dmg', '--format', 'udro', '--level', '9'],
      ['backup', 'x.sparsebundle', '--level', '9'],
      ['backup', 'x', '--level', '9'],
      ['backup', 'x', ...encrypted],
      ['convert', 'x.dmg', '--band-size', '16m'],
      ['convert', 'x.dmg', '--format', 'udrw', '--level', '9'],
      ['convert', 'x.sparsebundle', '--segment-size', '1m'],
      ['migrate', 'x', '--band-size', '16m'],
    ] as const) {
      const from = command === 'create' ? [] : [command === 'backup' ? source : image];
      const out = join(folder, name);
      const { status, stderr } = tintype(command, ...from, out, ...options);
      expect([command, name, options, status]).toEqual([command, name, options, 2]);
      expect(stderr).toMatch(/^tintype: .*(band-size|level|segment-size|aes-256)/);
      expect(existsSync(out)).toBe(false);
    }
    mkdirSync(join(folder, 'x'));
    expect(tintype('backup', source, join(folder, 'x'), ...encrypted).status).toBe(2);
    // What is there keeps its own.
    expect(tintype('backup', source, image, '--band-size', '2m').status).toBe(0);
    expect(tintype('convert', image, join(folder, 'y.dmg'), '--level', '1').status).toBe(0);
  });
});
