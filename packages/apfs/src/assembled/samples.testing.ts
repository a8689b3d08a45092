// Volumes to be put together anew in another form, and what must be read of them then. Only tests import this.

import { type BlockDevice, MemoryDevice, type Volume } from '@tintype/core';
import { buildOnVolume, difficultTree, itemAt, snapshotOf, type TreeSnapshot } from '@tintype/testkit';
import { formatted, mountOptions } from '../container.testing.js';
import { apfs } from '../driver.js';
import { PASSPHRASE, sample } from '../sample.testing.js';
import { keyBagsOf, xts } from './encryption.testing.js';
import type { ContainerDraft } from './site.testing.js';
import { type SourceVolume, takenApart } from './source.testing.js';

export interface Sample {
  readonly source: SourceVolume;
  readonly tree: TreeSnapshot;
}

/** All that the driver opens for reading. */
export function volumesOf(device: BlockDevice, passphrase?: Uint8Array): readonly Volume[] {
  return apfs.open(device, { writable: false, now: () => 0, random: () => {}, passphrase }).volumes;
}
export function treeOf(device: BlockDevice, passphrase?: Uint8Array): TreeSnapshot {
  const [volume] = volumesOf(device, passphrase);
  if (!volume) throw new Error('there is a volume');
  return snapshotOf(volume);
}
/** Kinds of what the check finds. */
export function kindsOf(device: BlockDevice, passphrase?: Uint8Array): string[] {
  return [...apfs.check(device, { passphrase })].map(({ kind }) => kind);
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

/** What the passphrase of the encrypted sample leads to: data key and tweak key. */
const KEY = Buffer.from('bd2e117191d60689fedf367b2227b1a47341c555834b7a09deee1a91dc9e25c3', 'hex');
const UUID_AT = 0xf0;

/** A volume that macOS encrypted, with its keys. */
export function encryptedSample(): {
  readonly draft: Pick<ContainerDraft, 'volumes' | 'bags'>;
  readonly tree: TreeSnapshot;
} {
  const device = new MemoryDevice(sample('filevault'));
  const clear = (bytes: Uint8Array, cryptoId: number): Uint8Array => xts('decrypt', KEY, bytes, 8 * cryptoId);
  const source = takenApart(device, { passphrase: PASSPHRASE, clear });
  const bags = keyBagsOf(device, source.superblock.slice(UUID_AT, UUID_AT + 16));
  return { draft: { volumes: [{ source, key: KEY }], bags }, tree: treeOf(device, PASSPHRASE) };
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
