// Containers whose volumes lie all over them: random changes with large files in between, which go in the end. Only tests
// import this.

import type { BlockDevice, WritableVolume } from '@tintype/core';
import {
  changeVolume,
  MemoryVolume,
  plainAttributes,
  type Random,
  RandomChanges,
  SparseDevice,
} from '@tintype/testkit';
import { formatOptions, mountOptions } from '../container.testing.js';
import { ApfsFileSystem } from '../file-system.js';
import { format } from '../format.js';

/** Changes of one volume of a container, which may be opened again and again meanwhile. */
export class ScatteredVolume {
  readonly #random: Random;
  readonly #changes: RandomChanges;
  #fillers = 0;

  constructor(volume: WritableVolume, random: Random, items = 150) {
    this.#random = random;
    const model = MemoryVolume.like(volume);
    model.setAttributes(model.root.id, volume.root);
    const options = { items, largestXattr: 20_000, specialXattrs: ['com.apple.ResourceFork'] };
    this.#changes = new RandomChanges(model, random, options);
  }

  change(volume: WritableVolume, count: number): void {
    for (let i = 0; i < count; i += 1) changeVolume(volume, this.#changes.next());
  }
  /** A file that is in the way of what comes next. */
  fill(volume: WritableVolume, size: number): void {
    this.#fillers += 1;
    const name = `filler ${this.#fillers}`;
    const item = { ...plainAttributes, kind: 'file', name, size, target: '', rdevMajor: 0, rdevMinor: 0 } as const;
    const [id = 0] = volume.create(volume.root.id, [item]);
    const bytes = new Uint8Array(size);
    this.#random.fill(bytes);
    volume.write(id, 0, bytes);
  }
  /** All files in the way go, or about half of them. */
  clear(volume: WritableVolume, which: 'all' | 'half'): void {
    for (const { name } of volume.list(volume.root.id)) {
      if (!name.startsWith('filler ') || (which === 'half' && this.#random.oneIn(2))) continue;
      volume.remove(volume.root.id, name);
    }
  }
}

export const open = (device: BlockDevice): ApfsFileSystem => new ApfsFileSystem(device, mountOptions);

/** The one volume of a container. */
export function volumeOf(fileSystem: ApfsFileSystem): WritableVolume {
  const [volume] = fileSystem.volumes;
  if (!volume) throw new Error('there is a volume');
  return volume;
}

export interface Scattered {
  readonly device: SparseDevice;
  readonly changes: ScatteredVolume;
}

/** `between` is called after each step, with the volume as it is then. */
export function scattered(
  random: Random,
  size: number,
  between: (fileSystem: ApfsFileSystem, step: number) => void = () => {},
): Scattered {
  const device = new SparseDevice(size);
  format(device, formatOptions);
  const fileSystem = open(device);
  const changes = new ScatteredVolume(volumeOf(fileSystem), random);
  for (let step = 0; step < 16; step += 1) {
    const volume = volumeOf(fileSystem);
    changes.change(volume, 12);
    const filler = random.below(size / 10);
    if (filler < fileSystem.free - 0.1 * size) changes.fill(volume, filler);
    fileSystem.commit();
    if (random.oneIn(5)) changes.clear(volume, 'half');
    between(fileSystem, step);
  }
  changes.clear(volumeOf(fileSystem), random.oneIn(3) ? 'half' : 'all');
  fileSystem.close();
  return { device, changes };
}
