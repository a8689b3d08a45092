import type { NewItem } from '@tintype/core';
import { plainAttributes, SparseDevice } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { CatalogIds } from './catalog-ids.js';
import { check } from './check/check.js';
import { openFileSystem } from './file-system.js';
import { format } from './format.js';
import { Mounted, readVolumeHeader } from './mounted.js';
import { Attributes } from './records/attributes.js';
import { VOLUME_ATTRIBUTES, VolumeHeader } from './structs/volume-header.js';

const SIZE = 8 << 20;
const LAST_ID = 0xffff_fffe;
const random = (target: Uint8Array): void => {
  target.fill(3);
};
const mount = { writable: true, now: () => 1_800_000_000, random };

function newVolume(): SparseDevice {
  const device = new SparseDevice(SIZE);
  format(device, { volumeName: 'ids', caseSensitive: false, now: 1_800_000_000, random, uid: 0, gid: 0 });
  return device;
}

function files(...names: string[]): NewItem[] {
  const rest = { kind: 'file' as const, size: 0, target: '', rdevMajor: 0, rdevMinor: 0 };
  return names.map((name) => ({ ...plainAttributes, ...rest, name }));
}

/** Sets the next id where header and alternate header have it. */
function setNextId(device: SparseDevice, id: number): void {
  for (const position of [1024, SIZE - 1024]) {
    const bytes = new Uint8Array(VolumeHeader.size);
    device.read(position, bytes);
    new DataView(bytes.buffer).setUint32(VolumeHeader.at.nextCatalogID, id);
    device.write(position, bytes);
  }
}

function create(device: SparseDevice, ...names: string[]): number[] {
  const fileSystem = openFileSystem(device, mount);
  const ids = fileSystem.volume.create(fileSystem.volume.root.id, files(...names));
  fileSystem.close();
  return ids;
}

test('ids are counted up from the one that the header names', () => {
  const device = newVolume();
  expect(create(device, 'a', 'b')).toEqual([18, 19]);
  expect(create(device, 'c')).toEqual([20]);
  expect(readVolumeHeader(device).nextCatalogID).toBe(21);
});

test('a header that lags behind does not give an id twice', () => {
  const device = newVolume();
  create(device, 'a', 'b', 'c');
  setNextId(device, 5);
  expect(create(device, 'd')).toEqual([21]);
  expect([...check(device, {})]).toEqual([]);
});

test('after the last id they begin anew, and those in use are passed over', () => {
  const device = newVolume();
  create(device, 'a', 'b');
  setNextId(device, LAST_ID);
  expect(create(device, 'last', 'next', 'then')).toEqual([LAST_ID, 20, 21]);
  const { attributes, nextCatalogID } = readVolumeHeader(device);
  expect(attributes & VOLUME_ATTRIBUTES.catalogNodeIDsReused).not.toBe(0);
  expect(nextCatalogID).toBe(22);
  expect([...check(device, {})]).toEqual([]);
});

test('an id that only an attribute still names is passed over', () => {
  const mounted = new Mounted(newVolume());
  new Attributes(mounted).set(40, 'x', Uint8Array.of(1));
  mounted.header.attributes = (mounted.header.attributes | VOLUME_ATTRIBUTES.catalogNodeIDsReused) >>> 0;
  mounted.header.nextCatalogID = 40;
  expect(new CatalogIds(mounted).take()).toBe(41);
});
