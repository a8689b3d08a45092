// Inspect looks at what is damaged, too.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TintypeError, UnsupportedError } from '@tintype/core';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { testContext } from '../run-context.testing.js';
import { create } from './create.js';
import { inspect } from './inspect.js';

/** Position of the volume header: a GPT's first partition begins at sector 40. */
const HEADER = 40 * 512 + 1024;

function withImage(damage: (bytes: Buffer) => void, body: (look: (place: string | null) => string) => void): void {
  withFolder((folder) => {
    const image = join(folder, 'x.dmg');
    create({ image, format: 'udrw', fs: 'hfs+', size: 16 << 20, volumeName: 'Ruin' }, testContext());
    const bytes = readFileSync(image);
    damage(bytes);
    writeFileSync(image, bytes);
    body((place) => [...inspect(image, place, undefined, testContext())].join('\n'));
  });
}

test('a sound volume: its places, and a structure field by field', () => {
  withImage(
    () => {},
    (look) => {
      expect(look(null)).toContain('volume 0 (hfs+); places:');
      expect(look('header')).toMatch(/signature.*0x482b/i);
      expect(() => look('nowhere')).toThrow(UnsupportedError);
    },
  );
});

test('a volume header with absurd fields is shown as it lies there', () => {
  withImage(
    // The size of a block.
    (bytes) => bytes.writeUInt32BE(12_345, HEADER + 40),
    (look) => {
      expect(look(null)).toContain('volume 0 (hfs+, damaged); places:');
      expect(look('header')).toMatch(/blockSize.*12345/);
      expect(look('alternate')).toMatch(/blockSize.*4096/);
      expect(() => look('catalog')).toThrow(expect.objectContaining<Partial<TintypeError>>({ code: 'corrupt' }));
    },
  );
});

test('where even the signature is gone, the type of the partition tells what to look for', () => {
  withImage(
    (bytes) => bytes.fill(0, HEADER, HEADER + 512),
    (look) => {
      expect(look('header')).toMatch(/blockSize.*0/);
      expect(look('alternate')).toMatch(/blockSize.*4096/);
    },
  );
});
