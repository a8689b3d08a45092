// New containers, judged by apfsck.

import { SparseDevice, withOracle } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { expectApfsckContent, formatOptions, formatted } from './container.testing.js';
import { format } from './format.js';

const MB = 1_000_000;
const MiB = 1 << 20;
const GiB = 1 << 30;

const sizes = [
  900_000,
  MB,
  MiB,
  2 * MiB,
  MiB * 4 + 512,
  10 * MB,
  16 * MiB,
  18_612_224,
  18_616_320,
  32 * MiB,
  100 * MiB,
  128 * MiB - 4096,
  128 * MiB,
  500 * MB,
  GiB,
  3 * GiB + 4096,
  16 * GiB,
  50 * GiB,
  1.5e12,
  8_574_096_900_096,
  8_574_096_900_096 + 4096,
  16e12,
];
test.skipIf(withOracle('apfsck').skip).each(sizes)(
  'apfsck has nothing to say about a container of %i bytes',
  (size) => {
    for (const caseSensitive of [false, true]) expectApfsckContent(formatted(size, { caseSensitive }));
  },
);

test.each([899_999, 16e12 + 1])('%i bytes are refused', (size) => {
  expect(() => format(new SparseDevice(size), formatOptions)).toThrow(expect.objectContaining({ code: 'unsupported' }));
});
test('a name too long is cut between characters, an empty one replaced', () => {
  for (const volumeName of ['é'.repeat(300), '']) {
    const device = new SparseDevice(MiB);
    format(device, { ...formatOptions, volumeName });
    const bytes = new Uint8Array(MiB);
    device.read(0, bytes);
    const name = volumeName ? 'é'.repeat(127) : 'Untitled';
    expect(Buffer.from(bytes).includes(`${name}\0`)).toBe(true);
  }
});
