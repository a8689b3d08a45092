import { rmSync, statfsSync } from 'node:fs';
import { temporaryFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { isOnStartupDisk, spaceAt } from './space.js';

test('room is what statfs says, in bytes', () => {
  const folder = temporaryFolder();
  const facts = spaceAt(folder);
  const { blocks, bsize } = statfsSync(folder);
  expect(facts.capacity).toBe(blocks * bsize);
  expect(facts.free).toBeGreaterThan(0);
  expect(facts.free).toBeLessThanOrEqual(facts.capacity);
  rmSync(folder, { recursive: true });
});

test('the root lies on the startup disk, /proc does not', () => {
  expect(isOnStartupDisk('/')).toBe(true);
  if (process.platform === 'linux') expect(isOnStartupDisk('/proc')).toBe(false);
});

test('a place that is not there is refused by its errno', () => {
  expect(() => spaceAt('/no/such/folder')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
});

test.skipIf(process.platform !== 'linux')('a file system that no table has is called as it is mounted', () => {
  expect(spaceAt('/proc').kind).toBe('proc');
});
