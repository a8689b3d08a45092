import { MemoryVolume } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { findItem } from './find-item.js';

test('name by name, never through what is no folder', () => {
  const volume = new MemoryVolume();
  const { root } = volume;
  const rest = { ...root, size: 0, target: '', rdevMajor: 0, rdevMinor: 0 };
  const [folder = 0] = volume.create(root.id, [{ ...rest, name: 'a', kind: 'directory' }]);
  const [file] = volume.create(folder, [{ ...rest, name: 'b', kind: 'file' }]);
  for (const path of ['', '/', '.']) expect(findItem(volume, path)?.id).toBe(root.id);
  for (const path of ['/a/b', 'a/b', '/a//./b']) expect(findItem(volume, path)?.id).toBe(file);
  for (const path of ['/a/c', '/a/b/c', '/x/b']) expect(findItem(volume, path)).toBeNull();
});
