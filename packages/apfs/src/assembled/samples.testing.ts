// Volumes to be put together anew in another form, and what must be read of them then. Only tests import this.

import { type BlockDevice, MemoryDevice, type Volume } from '@tintype/core';
import { buildOnVolume, difficultTree, itemAt, snapshotOf, type TreeSnapshot } from '@tintype/testkit';
import { formatted, mountOptions } from '../container.testing.js';
import { apfs } from '../driver.js';
import { sample } from '../sample.testing.js';
import { type SourceVolume, takenApart } from './source.testing.js';

export interface Sample {
  readonly source: SourceVolume;
  readonly tree: TreeSnapshot;
}

/** All that the driver opens for reading. */
export function volumesOf(device: BlockDevice): readonly Volume[] {
  return apfs.open(device, { writable: false, now: () => 0, random: () => {} }).volumes;
}
export function treeOf(device: BlockDevice): TreeSnapshot {
  const [volume] = volumesOf(device);
  if (!volume) throw new Error('there is a volume');
  return snapshotOf(volume);
}
/** Kinds of what the check finds. */
export function kindsOf(device: BlockDevice): string[] {
  return [...apfs.check(device, {})].map(({ kind }) => kind);
}

const known = new Map<string, Sample>();

/** `macos`: a volume of the newest macOS; `difficult`: hundreds of files of all kinds, with clones, holes and long attributes. */
export function sampleOf(name: 'macos' | 'difficult'): Sample {
  const made = known.get(name);
  if (made) return made;
  const device = name === 'macos' ? new MemoryDevice(sample('basic')) : difficult();
  const fresh = { source: takenApart(device), tree: treeOf(device) };
  known.set(name, fresh);
  return fresh;
}

function difficult(): BlockDevice {
  const device = formatted(64 << 20);
  const fileSystem = apfs.open(device, mountOptions);
  const [volume] = fileSystem.volumes;
  if (!volume) throw new Error('there is a volume');
  buildOnVolume(volume, difficultTree({ manyEntries: 300, levels: 40, twinNames: 'none' }));
  const large = itemAt(volume, 'plain/size 1000000')?.id ?? 0;
  volume.setXattr(large, 'com.example.long', Buffer.alloc(70_000, 'long'));
  const clone = volume.clone(volume.root.id, 'clone', large);
  volume.write(clone, 500_000, Buffer.from('changed'));
  fileSystem.close();
  return device;
}
