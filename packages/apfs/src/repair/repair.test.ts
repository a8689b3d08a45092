// Damages of which all that is needed to mend them is still there: afterwards our check and apfsck find nothing, and no file has
// changed.

import { count, Random, type SparseDevice, snapshotOf } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { check } from '../check/check.js';
import { expectApfsckContent, mountOptions } from '../container.testing.js';
import { apfs } from '../driver.js';
import { ApfsFileSystem } from '../file-system.js';
import { filled, newItem, nodeBlocks } from '../salvage/ruin.testing.js';
import { damages } from './damage.testing.js';
import { repair } from './repair.js';

const options = { now: 1_777_000_500 };

/** By path, without the folders whose dates and counts may have changed. */
function filesOf(device: SparseDevice) {
  const [volume] = apfs.open(device, { ...mountOptions, writable: false }).volumes;
  if (!volume) throw new Error('there is a volume');
  return Object.values(snapshotOf(volume))
    .filter(({ kind, size }) => kind === 'file' && size !== 0)
    .map(({ size, sha256, xattrs }) => JSON.stringify([size, sha256, xattrs]))
    .sort();
}

/** One more checkpoint, in which something small was changed. */
function changed(device: SparseDevice): void {
  const fileSystem = new ApfsFileSystem(device, mountOptions);
  const [volume] = fileSystem.volumes;
  volume?.create(volume.root.id, [newItem('last')]);
  fileSystem.close();
}

describe.each(damages)('$name', ({ apply, losesLast = false }) => {
  test.each(Array.from({ length: count(1, 10) }, (_, i) => i + 1))('seed %i', (seed) => {
    const random = new Random(seed);
    const { device } = filled(random, 120);
    const before = filesOf(device);
    if (losesLast) changed(device);
    apply(device, random);
    expect([...check(device, {})].length).toBeGreaterThan(0);
    const acts = repair(device, options);
    expect(acts.length).toBeGreaterThan(0);
    expect([...check(device, {})]).toEqual([]);
    expectApfsckContent(device);
    const after = filesOf(device);
    expect(losesLast ? after.filter((each) => before.includes(each)) : after).toEqual(before);
    expect(repair(device, options)).toEqual([]);
  });
});

test('a sound container is not touched', () => {
  const { device } = filled(new Random(3), 30);
  const before = device.clone();
  expect(repair(device, options)).toEqual([]);
  for (let at = 0; at < device.size; at += 1 << 20) {
    const [a, b] = [new Uint8Array(1 << 20), new Uint8Array(1 << 20)];
    device.read(at, a);
    before.read(at, b);
    expect(Buffer.compare(a, b)).toBe(0);
  }
});

test('what is no container, or cannot be read at all, is left alone', () => {
  const { device } = filled(new Random(3), 10);
  device.write(0, new Uint8Array(1 << 20));
  expect(repair(device, options)).toEqual([]);
});

test('damage that cannot be mended does not keep the rest from it', () => {
  const { device } = filled(new Random(9), 300);
  const [node] = nodeBlocks(device).filter(({ level, isNewest }) => level === 0 && isNewest);
  device.bytes.punch((node?.block ?? 0) * 4096, 4096);
  device.write(0, new Uint8Array(4096));
  const kinds = () => new Set([...check(device, {})].map(({ kind }) => kind));
  const before = kinds();
  expect(repair(device, options)).toContain('wrote block 0 anew from the newest superblock');
  for (const kind of kinds()) expect(before).toContain(kind);
  expect(kinds()).not.toContain('copy-damaged');
});
