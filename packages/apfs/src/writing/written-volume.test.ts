// Volumes that are written: random changes compared with the model, apfsck content after every commit.

import type { SparseDevice } from '@tintype/testkit';
import {
  changeAsCode,
  changeVolume,
  count,
  MemoryVolume,
  Random,
  RandomChanges,
  snapshotOf,
  type TreeChange,
} from '@tintype/testkit';
import { volumeContract } from '@tintype/testkit/contracts';
import { expect, test } from 'vitest';
import { expectApfsckContent, formatted, mountOptions } from '../container.testing.js';
import { ApfsFileSystem } from '../file-system.js';

const MiB = 1 << 20;
const specialXattrs = ['com.apple.ResourceFork'];

function run(device: SparseDevice, seed: number, steps: number): void {
  const random = new Random(seed);
  let fileSystem = new ApfsFileSystem(device, mountOptions);
  let [volume] = fileSystem.volumes;
  if (!volume) throw new Error('there is a volume');
  const model = MemoryVolume.like(volume);
  model.setAttributes(model.root.id, volume.root);
  const changes = new RandomChanges(model, random, { specialXattrs });
  const done: TreeChange[] = [];
  for (let step = 1; step <= steps; step += 1) {
    const change = changes.next();
    done.push(change);
    try {
      changeVolume(volume, change);
    } catch (error) {
      throw new Error(`failed after\n${done.slice(-40).map(changeAsCode).join('\n')}`, { cause: error });
    }
    if (!random.oneIn(12) && !fileSystem.commitDue) continue;
    fileSystem.commit();
    const message = done.slice(-12).map(changeAsCode).join('\n');
    expect(snapshotOf(volume), message).toEqual(snapshotOf(model));
    try {
      expectApfsckContent(device, 'open');
    } catch (error) {
      throw new Error(`apfsck complains after\n${message}`, { cause: error });
    }
    if (!random.oneIn(4)) continue;
    if (random.oneIn(2)) fileSystem.close();
    else fileSystem.abandon();
    fileSystem = new ApfsFileSystem(device, mountOptions);
    [volume] = fileSystem.volumes;
    if (!volume) throw new Error('there is a volume');
    expect(snapshotOf(volume), message).toEqual(snapshotOf(model));
  }
  fileSystem.close();
  expectApfsckContent(device);
}

test.each([1, 2, 3, 4])('apfsck is content after every commit of random changes, seed %i', (seed) => {
  run(formatted(64 * MiB, { caseSensitive: seed % 2 === 0 }), seed, count(250, 2500));
});

volumeContract(
  'APFS',
  () => {
    const device = formatted(256 * MiB);
    const open = (): ApfsFileSystem => new ApfsFileSystem(device, mountOptions);
    return { fileSystem: open(), reopen: open };
  },
  { specialXattrs },
);
