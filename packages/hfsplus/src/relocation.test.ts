import { expect, test } from 'vitest';
import { Mounted } from './mounted.js';
import { endOf, forksBehind } from './relocation.js';
import { create, newVolume } from './volume.testing.js';

test('forks behind a block are found, and the journal is none of them', () => {
  const { device, fileSystem, volume } = newVolume(32 << 20);
  const first = create(volume, 'first');
  volume.write(first, 0, new Uint8Array(4 << 20).fill(1));
  const second = create(volume, 'second');
  volume.write(second, 0, new Uint8Array(8192).fill(2));
  volume.setXattr(second, 'com.apple.ResourceFork', new Uint8Array(9000).fill(3));
  fileSystem.close();
  const mounted = new Mounted(device);
  // The larger file was written first: its end comes before the other's.
  const limit = [...Array(8192).keys()].find((block) => forksBehind(mounted, block).length === 2) ?? 0;
  expect(forksBehind(mounted, 0)).toHaveLength(3);
  expect(endOf(mounted.allocation.extents)).toBeGreaterThan(1);
  expect(forksBehind(mounted, limit)).toEqual([
    { id: second, kind: 'data' },
    { id: second, kind: 'resource' },
  ]);
  expect(forksBehind(mounted, 32 << 8)).toEqual([]);
});
