// What every `WritableVolume` promises: after any changes it holds the same tree as the model.

import type { FileSystem, Item, ItemKind, WritableVolume } from '@tintype/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MemoryVolume } from '../memory-volume.js';
import { RandomChanges, type RandomChangesOptions } from '../random-changes.js';
import { count, Random } from '../seeds.js';
import { contentOf, itemAt, snapshotOf } from '../snapshot-of.js';
import { changeAsCode, changeVolume, type TreeChange } from '../tree-change.js';

export interface VolumeUnderTest {
  /** Open, writable, its first volume empty. */
  readonly fileSystem: FileSystem;
  /** Called after `fileSystem.close()`: the same file system, opened anew. Absent where that cannot be. */
  reopen?(): FileSystem;
  dispose?(): void;
}

export interface VolumeExpectations extends RandomChangesOptions {
  readonly seeds?: readonly number[];
  /** Changes in a random run; default 120. */
  readonly operations?: number;
}

export function volumeContract(name: string, make: () => VolumeUnderTest, expectations: VolumeExpectations = {}): void {
  describe(`${name} keeps the contract of a volume`, () => {
    let under: VolumeUnderTest;
    beforeEach(() => {
      under = make();
    });
    afterEach(() => under.dispose?.());
    const volume = (): WritableVolume => firstVolume(under.fileSystem);

    test('an empty volume has a root and nothing in it', () => {
      expect(volume().root).toMatchObject({ name: '', kind: 'directory', size: 0 });
      expect(volume().list(volume().root.id)).toEqual([]);
      expect(volume().lookup(volume().root.id, 'a')).toBe(null);
      under.fileSystem.close();
    });
    test('names are found by their key, and listed as stored', () => {
      expectNames(volume());
      under.fileSystem.close();
    });
    test('ids stay good across changes and commits', () => {
      expectStableIds(under.fileSystem);
      under.fileSystem.close();
    });
    test('extents cover a file, and what was never written reads as zeros', () => {
      expectGaps(volume());
      under.fileSystem.close();
    });
    test('attributes are read as it was said before they were set', () => {
      expectXattrs(volume(), expectations.xattrKinds ?? ['file', 'directory', 'symlink', 'fifo']);
      under.fileSystem.close();
    });
    test('a name can change only its case', () => {
      changeVolume(volume(), { change: 'create', path: 'name', kind: 'file' });
      changeVolume(volume(), { change: 'rename', path: 'name', to: 'NAME' });
      expect(
        volume()
          .list(volume().root.id)
          .map((item) => item.name),
      ).toEqual(['NAME']);
      under.fileSystem.close();
    });
    test.each(expectations.seeds ?? [1, 2, 3])('random changes give the tree of the model, seed %i', (seed) => {
      randomRun(under, expectations, seed);
    });
  });
}

/** Makes random changes on the volume and on a model, with commits between, and compares the trees now and then. */
function randomRun(under: VolumeUnderTest, expectations: VolumeExpectations, seed: number): void {
  const random = new Random(seed);
  const volume = firstVolume(under.fileSystem);
  const model = MemoryVolume.like(volume);
  model.setAttributes(model.root.id, volume.root);
  const changes = new RandomChanges(model, random, expectations);
  const done: TreeChange[] = [];
  const steps = count(expectations.operations ?? 120, (expectations.operations ?? 120) * 10);
  for (let step = 1; step <= steps; step += 1) {
    const change = changes.next();
    done.push(change);
    try {
      changeVolume(volume, change);
    } catch (error) {
      throw new Error(`failed after\n${done.slice(-40).map(changeAsCode).join('\n')}`, { cause: error });
    }
    if (step % 10 === 0) expectSameTree(volume, model, done);
    if (random.oneIn(20) || under.fileSystem.commitDue) under.fileSystem.commit();
  }
  expectSameTree(volume, model, done);
  under.fileSystem.close();
  if (!under.reopen) return;
  const again = under.reopen();
  expectSameTree(firstVolume(again), model, done);
  again.close();
}

function expectSameTree(volume: WritableVolume, model: MemoryVolume, done: readonly TreeChange[]): void {
  const message = `after ${done.length} changes, the last:\n${done.slice(-12).map(changeAsCode).join('\n')}`;
  expect(snapshotOf(volume), message).toEqual(snapshotOf(model));
}

function expectNames(volume: WritableVolume): void {
  const names = ['plain', 'é', 'o\u0308x', '😀', 'Upper', '한글', 'a b', 'x'.repeat(200)];
  const kept = names.filter((name) => volume.nameAsStored(name) !== null);
  expect(kept).toContain('plain');
  for (const name of kept) changeVolume(volume, { change: 'create', path: name, kind: 'file' });
  const listed = volume.list(volume.root.id).map((item) => item.name);
  expect([...listed].sort()).toEqual(kept.map((name) => volume.nameAsStored(name)).sort());
  for (const name of kept) {
    expect(volume.lookup(volume.root.id, name)?.name).toBe(volume.nameAsStored(name));
    expect(volume.nameKey(name)).toBe(volume.nameKey(volume.nameAsStored(name) ?? ''));
  }
  expect(volume.nameKey('Upper') === volume.nameKey('uPPER')).toBe(!volume.traits.caseSensitive);
  expect(volume.lookup(volume.root.id, 'uPPER') !== null).toBe(!volume.traits.caseSensitive);
  for (const bad of ['', 'a/b', 'nul\0']) expect(volume.nameAsStored(bad)).toBe(null);
}

/** Names with a meaning for some file system, or that one cannot hold. */
const xattrNames = [
  'plain',
  'com.apple.FinderInfo',
  'com.apple.ResourceFork',
  'com.apple.decmpfs',
  'com.apple.fs.symlink',
  'com.apple.system.Security',
  'purgeable-drecs-fixed',
  'not UTF-8 \udcff\udc80',
  'x'.repeat(128),
  '',
];
const xattrValues = [0, 1, 32, 40, 3000].flatMap((length) => [Buffer.alloc(length), Buffer.alloc(length, 0xff)]);

function expectXattrs(volume: WritableVolume, kinds: readonly ItemKind[]): void {
  if (!volume.traits.xattrs) return;
  for (const kind of kinds.filter((each) => volume.traits.kinds.includes(each))) {
    const isLink = kind === 'symlink';
    changeVolume(
      volume,
      isLink ? { change: 'symlink', path: kind, target: 'a' } : { change: 'create', path: kind, kind },
    );
    const id = itemAt(volume, kind)?.id ?? -1;
    for (const name of xattrNames) for (const value of xattrValues) expectXattr(volume, { id, kind }, name, value);
  }
}

function expectXattr(
  volume: WritableVolume,
  { id, kind }: Pick<Item, 'id' | 'kind'>,
  name: string,
  value: Uint8Array,
): void {
  const kept = volume.xattrAsStored(kind, name, value);
  if (kept === null) return;
  volume.setXattr(id, name, value);
  const found = volume.xattr(id, name);
  expect(found && Buffer.from(found).toString('hex'), `${kind} ${name}`).toBe(Buffer.from(kept).toString('hex'));
  expect(volume.xattrs(id)).toEqual([{ name, size: kept.length }]);
  volume.setXattr(id, name, null);
  expect(volume.xattrs(id)).toEqual([]);
}

function expectStableIds(fileSystem: FileSystem): void {
  const volume = firstVolume(fileSystem);
  changeVolume(volume, { change: 'create', path: 'f', kind: 'directory' });
  changeVolume(volume, { change: 'create', path: 'a', kind: 'file', content: { length: 5000, seed: 1 } });
  const before = itemAt(volume, 'a');
  const id = before?.id ?? -1;
  fileSystem.commit();
  changeVolume(volume, { change: 'rename', path: 'a', to: 'f/b' });
  if (volume.traits.hardLinks !== 'none') changeVolume(volume, { change: 'link', path: 'f/b', to: 'c' });
  fileSystem.commit();
  volume.write(id, 5000, Uint8Array.of(1, 2, 3));
  expect(volume.stat(id)).toMatchObject({ size: 5003, kind: 'file' });
  const moved = itemAt(volume, 'f/b');
  expect(moved?.inode).toBe(volume.stat(id).inode);
  expect(contentOf(volume, moved?.id ?? -1)).toHaveLength(5003);
}

function expectGaps(volume: WritableVolume): void {
  changeVolume(volume, { change: 'create', path: 'a', kind: 'file' });
  const id = itemAt(volume, 'a')?.id ?? -1;
  volume.write(id, 1_000_000, Uint8Array.of(1));
  volume.truncate(id, 1_100_000);
  const bytes = contentOf(volume, id);
  expect(bytes).toHaveLength(1_100_000);
  expect(bytes.findIndex((byte) => byte !== 0)).toBe(1_000_000);
  expect(bytes.subarray(1_000_001).every((byte) => byte === 0)).toBe(true);
  let position = 0;
  for (const extent of volume.extents(id)) {
    expect(extent.position).toBe(position);
    position += extent.length;
    if (!volume.traits.holes) expect(extent.kind).toBe('data');
  }
  expect(position).toBe(1_100_000);
}

/** The one volume that the tests are about. */
export function firstVolume(fileSystem: FileSystem): WritableVolume {
  const [volume] = fileSystem.volumes;
  if (!volume) throw new Error('the file system has no volume');
  return volume;
}
