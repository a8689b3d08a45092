// A volume that is full: of a call that found no room nothing was done, the next commit is sound, and what is removed
// makes room again.

import { type Item, VolumeFullError } from '@tintype/core';
import { count, Random, snapshotOf } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { HfsVolume } from './volume.js';
import { create, expectSound, mounted, newItem, newVolume } from './volume.testing.js';

const MIB = 1 << 20;

interface Place {
  readonly folder: number;
  readonly item: Item;
}

function placesOf(volume: HfsVolume): Place[] {
  const places: Place[] = [];
  const folders = [volume.root.id];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop())
    for (const item of volume.list(folder)) {
      places.push({ folder, item });
      if (item.kind === 'directory') folders.push(item.id);
    }
  return places;
}

/** One random call that needs room; what it was, for messages. */
class Growth {
  readonly #volume: HfsVolume;
  readonly #random: Random;
  #names = 0;

  constructor(volume: HfsVolume, random: Random) {
    this.#volume = volume;
    this.#random = random;
  }

  next(): { what: string; call: () => void } {
    const random = this.#random;
    const places = placesOf(this.#volume);
    const files = places.filter(({ item }) => item.kind === 'file');
    const folders = [
      this.#volume.root.id,
      ...places.filter(({ item }) => item.kind === 'directory').map(({ item }) => item.id),
    ];
    const folder = random.pick(folders);
    const kind = random.below(8);
    if (kind < 2 || files.length === 0) return this.#create(folder);
    const { item } = random.pick(files);
    const bytes = random.bytes(random.between(1, random.oneIn(4) ? 90_000 : 5000));
    switch (kind) {
      case 2:
        return { what: 'truncate', call: () => this.#volume.truncate(item.id, item.size + bytes.length) };
      case 3:
        return { what: 'link', call: () => this.#volume.link(folder, this.#name(), item.id) };
      case 4:
        return { what: 'xattr', call: () => this.#volume.setXattr(item.id, `user.${random.below(5)}`, bytes) };
      case 5:
        return { what: 'resource', call: () => this.#volume.setXattr(item.id, 'com.apple.ResourceFork', bytes) };
      default: {
        const position = random.below(item.size + 10_000);
        return { what: 'write', call: () => this.#volume.write(item.id, position, bytes) };
      }
    }
  }

  #create(folder: number) {
    const kinds = ['file', 'file', 'directory', 'symlink'] as const;
    const items = Array.from({ length: this.#random.pick([1, 3, 60]) }, () => {
      const kind = this.#random.pick(kinds);
      return newItem(this.#name(), kind, {
        target: kind === 'symlink' ? 'x'.repeat(this.#random.between(1, 1000)) : '',
      });
    });
    return { what: `create ${items.length}`, call: () => void this.#volume.create(folder, items) };
  }

  #name(): string {
    this.#names += 1;
    return `${String(this.#random.below(1000))} ${'n'.repeat(this.#random.below(this.#random.oneIn(3) ? 200 : 20))} ${this.#names}`;
  }
}

test.each(Array.from({ length: count(5, 100) }, (_, i) => i + 1))(
  'a call that finds no room does nothing, seed %i',
  (seed) => {
    const random = new Random(seed);
    const { device, fileSystem, volume } = newVolume(4 * MIB, seed % 2 === 0);
    const growth = new Growth(volume, random);
    for (let i = 0; i < 10; i += 1) growth.next().call();
    // Little is left from the beginning, in many pieces.
    const ballast = Array.from({ length: 40 }, (_, i) => create(volume, `ballast ${i}`));
    for (let i = 0; i < 40; i += 1)
      for (const id of ballast)
        if (fileSystem.free > 150_000) volume.write(id, volume.stat(id).size, random.bytes(4096));
    if (random.oneIn(2)) fileSystem.commit();
    let refused = 0;
    for (let step = 0; step < 120; step += 1) {
      if (random.oneIn(8)) removeOne(volume, random);
      const { what, call } = growth.next();
      const before = snapshotOf(volume);
      try {
        call();
      } catch (error) {
        if (!(error instanceof VolumeFullError)) throw new Error(`step ${step}: ${what}`, { cause: error });
        refused += 1;
        expect(snapshotOf(volume), `step ${step}: ${what}`).toEqual(before);
      }
      if (random.oneIn(12)) fileSystem.commit();
    }
    const tree = snapshotOf(volume);
    fileSystem.close();
    expect(refused).toBeGreaterThan(3);
    expectSound(device);
    const again = mounted(device);
    expect(snapshotOf(again.volume)).toEqual(tree);
    for (let places = placesOf(again.volume); places.length > 0; places = placesOf(again.volume))
      for (const { folder, item } of places)
        if (item.kind !== 'directory' || again.volume.list(item.id).length === 0)
          again.volume.remove(folder, item.name);
    again.fileSystem.close();
    expectSound(device);
  },
);

function removeOne(volume: HfsVolume, random: Random): void {
  const { folder, item } = random.pick(placesOf(volume));
  if (item.kind !== 'directory' || volume.list(item.id).length === 0) volume.remove(folder, item.name);
}
