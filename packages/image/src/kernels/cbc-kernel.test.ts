// The kernel against a cipher object for each chunk.

import { createCipheriv } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Random, repository } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { CBC_BINARY } from './cbc-binary.js';
import { CbcKernel } from './cbc-kernel.js';

// A copy that was installed before the kernels were there has no compiler yet; what must pass for a change has it.
const isMissing = !process.env.CI && !existsSync(path.join(repository, 'node_modules/assemblyscript'));

test.skipIf(isMissing)('cbc-binary.ts is what the kernel compiles to: npm run kernels', async () => {
  const script = pathToFileURL(path.join(repository, 'scripts/kernels.mjs')).href;
  const { compiled, moduleOf } = (await import(script)) as {
    compiled(name: string): Promise<Uint8Array>;
    moduleOf(name: string, binary: Uint8Array): string;
  };
  const file = path.join(repository, 'packages/image/src/kernels/cbc-binary.ts');
  const binary = await compiled('cbc');
  expect(readFileSync(file, 'utf8')).toBe(moduleOf('cbc', binary));
  expect(Buffer.from(binary).toString('base64')).toBe(CBC_BINARY);
});

test('chunks of every size, few and many, one kernel after the other', () => {
  const random = new Random(31);
  const kernel = new CbcKernel();
  const key = random.bytes(32);
  const ecb = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
  for (const [size, count] of [
    [16, 1],
    [16, 5000],
    [512, 1],
    [512, 2049],
    [512, 16],
    [48, 333],
    [4096, 77],
    [1 << 20, 2],
    [512, 512],
  ] as const) {
    const clear = random.bytes(size * count);
    const before = clear.slice();
    const vectors = random.bytes(16 * count);
    const stored = kernel.encrypt(
      clear,
      size,
      (column) => column.set(vectors),
      (column) => ecb.update(column),
    );
    const expected = Buffer.concat(
      Array.from({ length: count }, (_, i) =>
        createCipheriv('aes-256-cbc', key, vectors.subarray(16 * i, 16 * i + 16))
          .setAutoPadding(false)
          .update(clear.subarray(size * i, size * i + size)),
      ),
    );
    expect(Buffer.compare(stored, expected), `${count} chunks of ${size} bytes`).toBe(0);
    expect(Buffer.compare(clear, before)).toBe(0);
  }
});

test('after wiping nothing of what was encrypted is in its memory', () => {
  const kernel = new CbcKernel();
  const stored = kernel.encrypt(
    new Uint8Array(4096).fill(7),
    512,
    (column) => column.fill(1),
    (column) => column.slice(),
  );
  expect(stored.some((byte) => byte !== 0)).toBe(true);
  kernel.wipe();
  expect(stored.every((byte) => byte === 0)).toBe(true);
});
