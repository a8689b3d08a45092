// A volume that is full: of a call that found no room nothing was done, the next commit is sound, and what is removed makes
// room again.

import { type Item, type ItemKind, type NewItem, VolumeFullError, type WritableVolume } from '@tintype/core';
import { count, plainAttributes, Random, snapshotOf } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { expectApfsckContent, formatted, mountOptions } from '../container.testing.js';
import { ApfsFileSystem } from '../file-system.js';

const MIB = 1 << 20;

interface Place {
  readonly folder: number;
  readonly item: Item;
}

function placesOf(volume: WritableVolume): Place[] {
  const places: Place[] = [];
  const folders = [volume.root.id];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop())
    for (const item of volume.list(folder)) {
      places.push({ folder, item });
      if (item.kind === 'directory') folders.push(item.id);
    }
  return places;
}
function newItem(name: string, kind: ItemKind, target = ''): NewItem {
  return { ...plainAttributes, name, kind, target, size: 0, rdevMajor: 0, rdevMinor: 0 };
}
function volumeOf(fileSystem: ApfsFileSystem): WritableVolume {
  const [volume] = fileSystem.volumes;
  if (!volume) throw new Error('there is a volume');
  return volume;
}

/** One random call that needs room; what it was, for messages. */
class Growth {
  readonly #volume: WritableVolume;
  readonly #random: Random;
  #names = 0;

  constructor(volume: WritableVolume, random: Random) {
    this.#volume = volume;
    this.#random = random;
  }

  next(): { what: string; call: () => void } {
    const random = this.#random;
    const volume = this.#volume;
    const places = placesOf(volume);
    const files = places.filter(({ item }) => item.kind === 'file');
    const folders = places.filter(({ item }) => item.kind === 'directory').map(({ item }) => item.id);
    const folder = random.pick([volume.root.id, ...folders]);
    const kind = random.below(9);
    if (kind < 2 || files.length === 0) return this.#create(folder);
    const { item } = random.pick(files);
    const bytes = random.bytes(random.between(1, random.oneIn(4) ? 90_000 : 5000));
    switch (kind) {
      case 2:
        return { what: 'truncate', call: () => volume.truncate(item.id, item.size + bytes.length) };
      case 3:
        return { what: 'link', call: () => volume.link(folder, this.#name(), item.id) };
      case 4:
        return { what: 'xattr', call: () => volume.setXattr(item.id, `user.${random.below(5)}`, bytes) };
      case 5:
        return { what: 'resource', call: () => volume.setXattr(item.id, 'com.apple.ResourceFork', bytes) };
      case 6:
        return { what: 'clone', call: () => void volume.clone(folder, this.#name(), item.id) };
      default: {
        const position = random.below(item.size + 10_000);
        return { what: 'write', call: () => volume.write(item.id, position, bytes) };
      }
    }
  }

  #create(folder: number) {
    const kinds = ['file', 'file', 'directory', 'symlink'] as const;
    const items = Array.from({ length: this.#random.pick([1, 3, 60]) }, () => {
      const kind = this.#random.pick(kinds);
      return newItem(this.#name(), kind, kind === 'symlink' ? 'x'.repeat(this.#random.between(1, 1000)) : '');
    });
    return { what: `create ${items.length}`, call: () => void this.#volume.create(folder, items) };
  }
  #name(): string {
    this.#names += 1;
    const random = this.#random;
    return `${random.below(1000)} ${'n'.repeat(random.below(random.oneIn(3) ? 200 : 20))} ${this.#names}`;
  }
}

/** Fewer would show little. */
const LEAST_REFUSED = 4;
const runs = Array.from({ length: count(3, 100) }, (_, i) => [i + 1, [1.5, 4, 8][i % 3] as number] as const);
test.each(runs)('a call that finds no room does nothing, seed %i, %d MiB', (seed, size) => {
  const random = new Random(seed);
  const device = formatted(size * MIB, { caseSensitive: seed % 2 === 0 });
  const fileSystem = new ApfsFileSystem(device, mountOptions);
  const volume = volumeOf(fileSystem);
  const growth = new Growth(volume, random);
  fillUp(fileSystem, random);
  let refused = 0;
  for (let step = 0; step < 100 || (refused < LEAST_REFUSED && step < 1000); step += 1) {
    if (random.oneIn(8)) removeOne(fileSystem, random);
    const { what, call } = growth.next();
    const before = snapshotOf(volume);
    try {
      call();
    } catch (error) {
      if (!(error instanceof VolumeFullError)) throw new Error(`step ${step}: ${what}`, { cause: error });
      refused += 1;
      expect(snapshotOf(volume), `step ${step}: ${what}`).toEqual(before);
    }
    if (!random.oneIn(12)) continue;
    fileSystem.commit();
    expectApfsckContent(device, 'open');
  }
  const tree = snapshotOf(volume);
  fileSystem.close();
  expect(refused).toBeGreaterThanOrEqual(LEAST_REFUSED);
  expectApfsckContent(device);
  const again = new ApfsFileSystem(device, mountOptions);
  expect(snapshotOf(volumeOf(again))).toEqual(tree);
  while (placesOf(volumeOf(again)).length > 0) removeOne(again, random);
  again.close();
  expectApfsckContent(device);
});

test('a sparse file needs room for its data, not for its length', () => {
  const device = formatted(2 * MIB);
  const fileSystem = new ApfsFileSystem(device, mountOptions);
  const volume = volumeOf(fileSystem);
  const names = ['announced', 'written'];
  const [announced = 0, written = 0] = volume.create(
    volume.root.id,
    names.map((name) => newItem(name, 'file')),
  );
  const bytes = new Random(5).bytes(10_000);
  volume.truncate(announced, 500 * MIB);
  volume.write(announced, 300 * MIB + 5, bytes);
  volume.write(written, 400 * MIB + 7, bytes);
  expect(() => volume.write(written, 500 * MIB, new Uint8Array(4 * MIB))).toThrow(VolumeFullError);
  fileSystem.close();
  expectApfsckContent(device);
  const again = new ApfsFileSystem(device, mountOptions);
  for (const [name, position] of [
    ['announced', 300 * MIB + 5],
    ['written', 400 * MIB + 7],
  ] as const) {
    const item = volumeOf(again).lookup(volumeOf(again).root.id, name);
    const found = new Uint8Array(bytes.length);
    expect(item && volumeOf(again).read(item.id, position, found)).toBe(bytes.length);
    expect(found).toEqual(bytes);
    expect(item?.allocated).toBe(12_288);
  }
  again.close();
});

/** Little is left, in many pieces. */
function fillUp(fileSystem: ApfsFileSystem, random: Random): void {
  const volume = volumeOf(fileSystem);
  const names = Array.from({ length: 20 }, (_, i) => newItem(`ballast ${i}`, 'file'));
  const ids = volume.create(volume.root.id, names);
  const bytes = random.bytes(fileSystem.capacity < 4 * MIB ? 4096 : 20_000);
  try {
    for (;;) {
      for (const id of ids) volume.write(id, volume.stat(id).size, bytes);
      if (random.oneIn(10)) fileSystem.commit();
    }
  } catch (error) {
    expect(error).toBeInstanceOf(VolumeFullError);
  }
  fileSystem.commit();
}

/** What has no room to be removed has it after a commit. */
function removeOne(fileSystem: ApfsFileSystem, random: Random): void {
  const volume = volumeOf(fileSystem);
  const isEmpty = ({ item }: Place): boolean => item.kind !== 'directory' || volume.list(item.id).length === 0;
  const { folder, item } = random.pick(placesOf(volume).filter(isEmpty));
  try {
    volume.remove(folder, item.name);
  } catch (error) {
    expect(error).toBeInstanceOf(VolumeFullError);
    fileSystem.commit();
    volume.remove(folder, item.name);
  }
}
