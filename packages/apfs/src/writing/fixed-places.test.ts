// What is not moved keeps a container large, and that is said before anything is moved.

import { VolumeFullError } from '@tintype/core';
import { CrashDevice, plainAttributes, type SparseDevice } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { expectApfsckContent, formatted, mountOptions } from '../container.testing.js';
import { Xts } from '../encryption/xts.js';
import { put64, putHeader, seal, viewOf } from '../object.js';
import { Blocks } from '../reading/blocks.js';
import { driverExtents } from '../reading/efi-jumpstart.js';
import { BLOCK_SIZE, NxSuperblock } from '../structs/container.js';
import { KEYBAG_TAG, KEYBAG_TYPE, KEYBAG_VERSION, Keybag, KeybagEntry } from '../structs/keybag.js';
import { OBJECT_TYPE, STORAGE } from '../structs/object.js';
import { Container } from './container.js';
import { allTrees, expectSound, open, resized, volumeOf } from './scattered.testing.js';

const MIB = 1 << 20;
const SIZE = 64 * MIB;
const at = NxSuperblock.at;
/** A block near the end, before which there is room enough. */
const PLACE = 15_000;

/** A container with a file near its end, and blocks there that `put` fills. */
function withBlocks(count: number, put: (container: Container, device: SparseDevice) => void): SparseDevice {
  const device = formatted(SIZE);
  const fileSystem = open(device);
  const volume = volumeOf(fileSystem);
  const item = { ...plainAttributes, kind: 'file', size: 0, target: '', rdevMajor: 0, rdevMinor: 0 } as const;
  const [gone = 0, kept = 0] = volume.create(volume.root.id, [
    { ...item, name: 'gone' },
    { ...item, name: 'kept' },
  ]);
  volume.write(gone, 0, new Uint8Array(46 * MIB).fill(1));
  volume.write(kept, 0, new Uint8Array(MIB).fill(2));
  fileSystem.commit();
  volume.remove(volume.root.id, 'gone');
  fileSystem.close();
  const container = new Container(device, mountOptions);
  expect(container.spaceman.takeAt(PLACE, count)).toBe(count);
  put(container, device);
  container.unmount();
  return device;
}

function driver({ superblock, names }: Container, device: SparseDevice): void {
  const view = viewOf(new Uint8Array(BLOCK_SIZE));
  const type = (STORAGE.physical | OBJECT_TYPE.efiJumpstart) >>> 0;
  putHeader(view, { oid: PLACE, xid: names.xid, type, subtype: 0 });
  view.setUint32(0x20, 0x5244_534a, true);
  view.setUint32(0x24, 1, true);
  view.setUint32(0x28, 3 * BLOCK_SIZE, true);
  view.setUint32(0x2c, 1, true);
  put64(view, 0xb0, PLACE + 1);
  put64(view, 0xb8, 3);
  seal(view);
  device.write(PLACE * BLOCK_SIZE, new Uint8Array(view.buffer));
  device.write((PLACE + 1) * BLOCK_SIZE, new Uint8Array(3 * BLOCK_SIZE).fill(0x90));
  put64(superblock, at.nx_efi_jumpstart, PLACE);
}

/** A container's bag that names a volume's bag in the three blocks behind it. */
function keyBag({ superblock, names }: Container, device: SparseDevice): void {
  const bytes = new Uint8Array(BLOCK_SIZE);
  const view = viewOf(bytes);
  putHeader(view, { oid: 0, xid: names.xid, type: KEYBAG_TYPE.container, subtype: 0 });
  view.setUint16(Keybag.at.kl_version, KEYBAG_VERSION, true);
  view.setUint16(Keybag.at.kl_nkeys, 1, true);
  view.setUint32(Keybag.at.kl_nbytes, 16 + KeybagEntry.size + 16, true);
  view.setUint16(Keybag.size + KeybagEntry.at.ke_tag, KEYBAG_TAG.unlockRecords, true);
  view.setUint16(Keybag.size + KeybagEntry.at.ke_keylen, 16, true);
  put64(view, Keybag.size + KeybagEntry.size, PLACE + 1);
  put64(view, Keybag.size + KeybagEntry.size + 8, 3);
  seal(view);
  const uuid = new Uint8Array(superblock.buffer, superblock.byteOffset + at.nx_uuid, 16);
  new Xts(Buffer.concat([uuid, uuid])).encrypt(bytes, PLACE * (BLOCK_SIZE / 512));
  device.write(PLACE * BLOCK_SIZE, bytes);
  put64(superblock, at.nx_keylocker_start, PLACE);
  put64(superblock, at.nx_keylocker_count, 1);
}

test.each([
  ['the driver of firmware', driver],
  ['key bags', keyBag],
])('%s: no container ends before it, and nothing is moved for one that would', (name, put) => {
  const device = withBlocks(4, put);
  const before = allTrees(device);
  if (put === driver) {
    expectApfsckContent(device);
    const blocks = new Blocks(device, BLOCK_SIZE, device.size / BLOCK_SIZE);
    expect(driverExtents(blocks, PLACE, Number.MAX_SAFE_INTEGER)).toEqual([{ start: PLACE + 1, count: 3 }]);
  }
  const crash = new CrashDevice(device);
  const fileSystem = open(crash);
  const end = (PLACE + 4) * BLOCK_SIZE;
  expect(fileSystem.sizeLimits().smallest).toBe(end);
  expect(() => fileSystem.resize(end - BLOCK_SIZE)).toThrow(VolumeFullError);
  fileSystem.close();
  expect(crash.calls, name).toBe(0);
  resized(device, 'min');
  // apfsck has no way to say that a bag of keys is all there is of an encrypted volume.
  if (put === driver) expectSound(device, end, before, name);
  else expect(allTrees(device)).toEqual(before);
});

test('a media key bag counts as well', () => {
  const device = withBlocks(2, ({ superblock }) => {
    put64(superblock, at.nx_mkb_locker, PLACE);
    put64(superblock, at.nx_mkb_locker + 8, 2);
  });
  expect(open(device).sizeLimits().smallest).toBe((PLACE + 2) * BLOCK_SIZE);
});
