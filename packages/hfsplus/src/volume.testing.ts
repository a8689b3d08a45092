// Volumes in memory for tests of the driver, and what Apple's checker and ours say of them. Only tests import this.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { BlockDevice, ItemKind, NewItem } from '@tintype/core';
import { fsckHfsplus, plainAttributes, SparseDevice, withFolder, withOracle } from '@tintype/testkit';
import { expect } from 'vitest';
import { hfsplus } from './driver.js';
import { type HfsFileSystem, openFileSystem } from './file-system.js';
import type { HfsVolume } from './volume.js';

export const NOW = 1_700_000_000;
export const mount = { writable: true, now: () => NOW, random: (target: Uint8Array) => target.fill(1) };

export function formatted(size: number, caseSensitive = false): SparseDevice {
  const device = new SparseDevice(size);
  hfsplus.format(device, { ...mount, volumeName: 'Test', caseSensitive, now: NOW, uid: 501, gid: 20 });
  return device;
}

export interface MountedVolume {
  readonly device: SparseDevice;
  readonly fileSystem: HfsFileSystem;
  readonly volume: HfsVolume;
}

/** A new volume, open for writing. */
export function newVolume(size: number, caseSensitive = false): MountedVolume {
  return mounted(formatted(size, caseSensitive));
}

export function mounted(device: SparseDevice, writable = true): MountedVolume {
  const fileSystem = openFileSystem(device, { ...mount, writable });
  return { device, fileSystem, volume: fileSystem.volume };
}

export function newItem(name: string, kind: ItemKind = 'file', more: Partial<NewItem> = {}): NewItem {
  const mode = kind === 'directory' ? 0o755 : 0o644;
  return { ...plainAttributes, mode, kind, name, size: 0, target: '', rdevMajor: 0, rdevMinor: 0, ...more };
}

/** Creates one item in the root folder. */
export function create(volume: HfsVolume, name: string, kind: ItemKind = 'file', more: Partial<NewItem> = {}): number {
  return volume.create(volume.root.id, [newItem(name, kind, more)])[0] as number;
}

export function namesIn(volume: HfsVolume, folder = volume.root.id): string[] {
  return volume.list(folder).map((item) => item.name);
}

/** Our check finds nothing, and neither does Apple's where it is installed. */
export function expectSound(device: BlockDevice, message = ''): void {
  expect([...hfsplus.check(device, {})], message).toEqual([]);
  if (!withOracle('fsck.hfsplus').present) return;
  const bytes = Buffer.alloc(device.size);
  device.read(0, bytes);
  withFolder((folder) => {
    const file = path.join(folder, 'volume');
    writeFileSync(file, bytes);
    expect(fsckHfsplus(file), message).toMatchObject({ ok: true });
  });
}
