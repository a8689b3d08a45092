import { expect, test } from 'vitest';
import { volumeContract } from './contracts/volume.js';
import { MemoryFileSystem } from './memory-file-system.js';
import { MemoryVolume } from './memory-volume.js';
import { snapshotOf } from './snapshot-of.js';
import { changeVolume } from './tree-change.js';

volumeContract('the model', () => {
  const fileSystem = new MemoryFileSystem();
  return { fileSystem, reopen: () => fileSystem };
});
volumeContract('the model without case', () => {
  const volume = new MemoryVolume({
    traits: { caseSensitive: false, holes: false, timeUnit: 1e9, hardLinks: 'files' },
  });
  return { fileSystem: new MemoryFileSystem(volume) };
});

test('a snapshot tells trees apart that differ in anything', () => {
  const tree = (change: (volume: MemoryVolume) => void): unknown => {
    const volume = new MemoryVolume();
    changeVolume(volume, { change: 'create', path: 'a', kind: 'file', content: { length: 10, seed: 1 } });
    changeVolume(volume, { change: 'create', path: 'b', kind: 'file', content: { length: 10, seed: 1 } });
    change(volume);
    return snapshotOf(volume);
  };
  const plain = tree(() => {});
  expect(tree(() => {})).toEqual(plain);
  expect(
    tree((volume) => changeVolume(volume, { change: 'attributes', path: 'a', attributes: { mode: 0o600 } })),
  ).not.toEqual(plain);
  expect(
    tree((volume) =>
      changeVolume(volume, { change: 'write', path: 'a', position: 9, content: { length: 1, seed: 9 } }),
    ),
  ).not.toEqual(plain);
  expect(
    tree((volume) => changeVolume(volume, { change: 'xattr', path: 'a', name: 'x', content: { length: 1, seed: 9 } })),
  ).not.toEqual(plain);
  expect(
    tree((volume) => {
      changeVolume(volume, { change: 'remove', path: 'b' });
      changeVolume(volume, { change: 'link', path: 'a', to: 'b' });
    }),
  ).not.toEqual(plain);
});

test('holes of a model are where nothing was written', () => {
  const volume = new MemoryVolume();
  changeVolume(volume, { change: 'create', path: 'a', kind: 'file' });
  const id = volume.lookup(volume.root.id, 'a')?.id ?? -1;
  volume.write(id, 100_000, Uint8Array.of(1));
  expect(volume.extents(id)).toEqual([
    { position: 0, length: 98_304, kind: 'hole' },
    { position: 98_304, length: 1697, kind: 'data' },
  ]);
});
