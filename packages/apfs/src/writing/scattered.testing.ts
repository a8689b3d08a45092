// Containers whose volumes lie all over them: random changes with large files in between, which go in the end. Only tests
// import this.

import { type BlockDevice, WindowDevice, type WritableVolume } from '@tintype/core';
import {
  CrashDevice,
  type CrashedDevice,
  changeVolume,
  MemoryVolume,
  plainAttributes,
  type Random,
  RandomChanges,
  SparseDevice,
  snapshotOf,
  type TreeSnapshot,
} from '@tintype/testkit';
import { expect } from 'vitest';
import { check } from '../check/check.js';
import { expectApfsckContent, formatOptions, mountOptions } from '../container.testing.js';
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

/** Trees of a container's volumes, and of their snapshots. */
export type Trees = Record<string, TreeSnapshot>;

/** By name of the snapshot, `` for the volume as it is; those of a second volume begin with `1/`. */
export function allTrees(device: BlockDevice): Trees {
  const trees: Trees = {};
  for (const [index, volume] of open(device).volumes.entries()) {
    const prefix = index > 0 ? `${index}/` : '';
    trees[prefix] = snapshotOf(volume);
    for (const { name, xid } of volume.snapshots ?? []) trees[prefix + name] = snapshotOf(volume.openSnapshot(xid));
  }
  return trees;
}
/** What is left of them when the snapshots are gone. */
export const withoutSnapshots = (trees: Trees): Trees =>
  Object.fromEntries(Object.entries(trees).filter(([name]) => name === '' || /^\d+\/$/.test(name)));

/** The first part of a device is a container as it should be; answers it. */
export function expectSound(device: BlockDevice, size: number, trees: Trees, message: string): BlockDevice {
  const window = new WindowDevice(device, 0, size);
  try {
    expectApfsckContent(window);
  } catch (error) {
    throw new Error(message, { cause: error });
  }
  expect(allTrees(window), message).toEqual(trees);
  return window;
}

/** The last byte that the allocation maps call used. */
export function usedEnd(device: BlockDevice): number {
  const fileSystem = open(device);
  const ranges = [...fileSystem.freeRanges()];
  const last = ranges.at(-1);
  return last && last.start + last.length === fileSystem.capacity ? last.start : fileSystem.capacity;
}

export function resized(device: BlockDevice, size: number | 'min'): number {
  const fileSystem = open(device);
  const wanted = size === 'min' ? fileSystem.sizeLimits().smallest : size;
  fileSystem.resize(wanted);
  expect(fileSystem.capacity).toBe(Math.floor(wanted / 4096) * 4096);
  fileSystem.close();
  return wanted;
}

/** A container shrinks as far as it can; cut at any moment, it has one of both sizes and every file, and the call goes on. */
export function expectCutsSound(
  start: SparseDevice,
  {
    seed,
    every,
    states,
  }: { readonly seed: number; readonly every: (calls: number) => number; readonly states: number },
): void {
  const before = allTrees(start);
  const crash = new CrashDevice(start);
  const fileSystem = open(crash);
  const to = fileSystem.sizeLimits().smallest;
  fileSystem.resize(to);
  fileSystem.close();
  const sizes = new Set<number>();
  const judge = ({ device, description }: CrashedDevice, isThorough: boolean): void => {
    // Block 0 is written last, in place: torn it can be mended, and the container is opened by its checkpoint.
    const findings = [...check(device, {})].filter(({ kind }) => kind !== 'copy-damaged');
    expect(findings, description).toEqual([]);
    expect(allTrees(device), description).toEqual(before);
    const found = open(device).capacity;
    sizes.add(found);
    if (!isThorough) return;
    // The same call again finishes what was cut.
    const again = open(device);
    if (found > to) again.resize(Math.max(to, again.sizeLimits().smallest));
    again.close();
    expectSound(device, open(device).capacity, before, description);
  };
  const step = every(crash.calls);
  for (const state of crash.prefixes())
    if (state.calls % step === 0 || state.calls === crash.calls) judge(state, state.calls % (7 * step) === 0);
  let done = 0;
  for (const state of crash.randomStates({ seed, count: states })) {
    done += 1;
    judge(state, done % 10 === 0);
  }
  expect([...sizes].sort((a, b) => a - b)).toEqual([to, start.size]);
}
