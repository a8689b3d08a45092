// New containers, judged by apfsck.

import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { BlockDevice } from '@tintype/core';
import { apfsck, SparseDevice, withFolder, withOracle } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { format } from './format.js';

const MB = 1_000_000;
const MiB = 1 << 20;
const GiB = 1 << 30;
const options = {
  volumeName: 'Ünïcödé',
  caseSensitive: false,
  now: 1_777_000_000,
  random: (target: Uint8Array) => crypto.getRandomValues(target),
  uid: 501,
  gid: 20,
};

/** The device's content in a sparse file. */
function save(device: BlockDevice, file: string): void {
  const handle = openSync(file, 'w');
  ftruncateSync(handle, device.size);
  const buffer = new Uint8Array(1 << 20);
  for (let position = 0; position < device.size; ) {
    const { length, kind } = device.extent(position);
    for (let done = 0; kind === 'data' && done < length; done += buffer.length) {
      const part = buffer.subarray(0, Math.min(buffer.length, length - done));
      device.read(position + done, part);
      writeSync(handle, part, 0, part.length, position + done);
    }
    position += length;
  }
  closeSync(handle);
}

const sizes = [
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
    withFolder((folder) => {
      const device = new SparseDevice(size);
      format(device, { ...options, caseSensitive: size % 3 === 0 });
      const file = path.join(folder, 'container');
      save(device, file);
      expect(apfsck(file)).toEqual({ ok: true, output: '', exit: 0 });
    });
  },
);

test.each([MB - 1, 16e12 + 1])('%i bytes are refused', (size) => {
  expect(() => format(new SparseDevice(size), options)).toThrow(expect.objectContaining({ code: 'unsupported' }));
});
test('a name too long is cut between characters, an empty one replaced', () => {
  for (const volumeName of ['é'.repeat(300), '']) {
    const device = new SparseDevice(MiB);
    format(device, { ...options, volumeName });
    const bytes = new Uint8Array(MiB);
    device.read(0, bytes);
    const name = volumeName ? 'é'.repeat(127) : 'Untitled';
    expect(Buffer.from(bytes).includes(`${name}\0`)).toBe(true);
  }
});
