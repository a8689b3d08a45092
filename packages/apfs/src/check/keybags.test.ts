// Key bags of a Mac, damaged in one field and closed again: found without the passphrase.

import { MemoryDevice } from '@tintype/core';
import { describe, expect, test } from 'vitest';
import { xts } from '../assembled/encryption.testing.js';
import { seal, viewOf } from '../object.js';
import { ContainerReader } from '../reading/container-reader.js';
import { isMissing, sample } from '../sample.testing.js';
import { NxSuperblock } from '../structs/container.js';
import { Keybag, KeybagEntry } from '../structs/keybag.js';
import { VolumeSuperblock } from '../structs/volume.js';
import { check } from './check.js';

const BLOCK = 4096;
const kb = Keybag.at;
const ke = KeybagEntry.at;

/** Block and UUID of both bags. */
function bagsOf(bytes: Uint8Array) {
  const view = viewOf(bytes);
  const uuid = bytes.slice(NxSuperblock.at.nx_uuid, NxSuperblock.at.nx_uuid + 16);
  const block = view.getUint32(NxSuperblock.at.nx_keylocker_start, true);
  const container = opened(bytes, block, uuid);
  const range = entries(viewOf(container)).find(({ tag }) => tag === 3)?.data ?? 0;
  const volume = { block: viewOf(container).getUint32(range, true), uuid: container.slice(range - 24, range - 8) };
  return { container: { block, uuid }, volume };
}
function opened(bytes: Uint8Array, block: number, uuid: Uint8Array): Uint8Array {
  const closed = bytes.slice(block * BLOCK, (block + 1) * BLOCK);
  return xts('decrypt', Buffer.concat([uuid, uuid]), closed, 8 * block);
}
/** Tag of each entry, and where its data begin. */
function entries(view: DataView) {
  const found: { readonly tag: number; readonly data: number }[] = [];
  let at: number = Keybag.size;
  for (let i = 0; i < view.getUint16(kb.kl_nkeys, true); i += 1) {
    found.push({ tag: view.getUint16(at + ke.ke_tag, true), data: at + KeybagEntry.size });
    at += 16 * Math.ceil((KeybagEntry.size + view.getUint16(at + ke.ke_keylen, true)) / 16);
  }
  return found;
}
function kindsAfter(which: 'container' | 'volume', change: (view: DataView) => void): string[] {
  const bytes = sample('filevault');
  const { block, uuid } = bagsOf(bytes)[which];
  const clear = opened(bytes, block, uuid);
  change(viewOf(clear));
  seal(viewOf(clear));
  bytes.set(xts('encrypt', Buffer.concat([uuid, uuid]), clear, 8 * block), block * BLOCK);
  return [...new Set([...check(new MemoryDevice(bytes), {})].map(({ kind }) => kind))].sort();
}
const set8 =
  (at: number, value: number) =>
  (view: DataView): void =>
    view.setUint8(at, value);
/** In the data of the first entry of a tag. */
const inEntry =
  (tag: number, offset: number, value: number) =>
  (view: DataView): void =>
    view.setUint8((entries(view).find((each) => each.tag === tag)?.data ?? 0) + offset, value);

describe.skipIf(isMissing('filevault'))('is found without a passphrase', () => {
  test('nothing in what macOS wrote', () => {
    for (const which of ['container', 'volume'] as const)
      expect(kindsAfter(which, () => {})).toEqual(['volume-locked']);
  });
  const fields: [string, (view: DataView) => void][] = [
    ['an oid', set8(kb.o_oid, 1)],
    ['a transaction of the future', set8(kb.o_xid + 3, 1)],
    ['a subtype', set8(kb.o_subtype, 1)],
    ['a type', set8(kb.o_type, 1)],
    ['a version', set8(kb.kl_version, 3)],
    ['fewer bytes than there are', set8(kb.kl_nbytes, 40)],
    ['more entries than there are', set8(kb.kl_nkeys, 9)],
    ['fewer entries than there are', set8(kb.kl_nkeys, 0)],
    ['padding', set8(kb.kl_padding, 1)],
    ['padding of an entry', set8(Keybag.size + ke.ke_padding, 1)],
    ['length of an entry', set8(Keybag.size + ke.ke_keylen + 1, 3)],
    ['a tag that none has', set8(Keybag.size + ke.ke_tag, 1)],
  ];
  test.each(fields)('in the bag of the container: %s', (_, change) => {
    expect(kindsAfter('container', change)).toContain('keybag');
  });
  test.each(fields)('in the bag of the volume: %s', (_, change) => {
    expect(kindsAfter('volume', change)).toContain('keybag');
  });
  test.each([
    ['the key of the volume', inEntry(2, 60, 0)],
    ['the place of the bag of the volume', inEntry(3, 7, 0x10)],
    ['its length', inEntry(3, 8, 0)],
  ])('in the bag of the container: %s', (_, change) => {
    expect(kindsAfter('container', change)).toContain('keybag');
  });
  test('in the bag of the volume: what a passphrase opens', () => {
    expect(kindsAfter('volume', inEntry(3, 60, 0))).toContain('keybag');
  });
  test('in the superblock of the volume: its number, which no bag has', () => {
    const bytes = sample('filevault');
    const reader = new ContainerReader(new MemoryDevice(bytes));
    const { block } = reader.omap.require(reader.volumes()[0]?.oid ?? 0, reader.xid);
    const view = viewOf(bytes.subarray(block * BLOCK, (block + 1) * BLOCK));
    view.setUint8(VolumeSuperblock.at.apfs_vol_uuid, 1);
    seal(view);
    expect([...check(new MemoryDevice(bytes), {})].map(({ kind }) => kind)).toContain('keybag');
  });
});
