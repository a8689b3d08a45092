// Containers for tests: formatted in memory, saved for apfsck.

import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { BlockDevice, FormatOptions, MountOptions } from '@tintype/core';
import { apfsck, Random, SparseDevice, withFolder, withOracle } from '@tintype/testkit';
import { expect } from 'vitest';
import { check } from './check/check.js';
import { format } from './format.js';

const random = new Random(5);
export const formatOptions: FormatOptions = {
  volumeName: 'Test',
  caseSensitive: false,
  now: 1_777_000_000,
  random: (target) => random.fill(target),
  uid: 501,
  gid: 20,
};
export const mountOptions: MountOptions = {
  writable: true,
  now: () => 1_777_000_100,
  random: (target) => random.fill(target),
};

export function formatted(size: number, options: Partial<FormatOptions> = {}): SparseDevice {
  const device = new SparseDevice(size);
  format(device, { ...formatOptions, ...options });
  return device;
}

/** The device's content in a sparse file. */
export function save(device: BlockDevice, file: string): void {
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

/**
 * What apfsck 0.2.1 says of sound containers, too, that have or had snapshots: where streams share parts of a record of the extent
 * references (docs/formats/apfs-writing.md; shared-parts.test). Then our own check has to do, which counts block by block.
 */
export const FALSE_ALARM = 'Physical extent record: bad reference count.\n';

/** Our own check finds nothing, and neither does apfsck where it is installed. `open`: block 0 may be older. */
export function expectApfsckContent(device: BlockDevice, state: 'closed' | 'open' = 'closed'): void {
  expect([...check(device, {})]).toEqual([]);
  if (withOracle('apfsck').skip) return;
  withFolder((folder) => {
    const file = path.join(folder, 'container');
    const judged = state === 'open' && device instanceof SparseDevice ? device.clone() : device;
    save(judged, file);
    const verdict = apfsck(file, state === 'open' ? '-uw' : '-cuw');
    if (verdict.output === FALSE_ALARM) return;
    expect(verdict).toEqual({ ok: true, output: '', exit: 0 });
  });
}
