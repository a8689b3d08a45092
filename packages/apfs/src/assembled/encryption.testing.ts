// What is encrypted in an assembled container (docs/formats/apfs.md, section 10): key bags are taken over from another container,
// nodes and data are encrypted with the key that these lead to. One block of 16 bytes after another, as IEEE 1619 has it. Only
// tests import this.

import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { BlockDevice } from '@tintype/core';
import { draft, finish, put64 } from './objects.testing.js';
import type { KeyBags, Site } from './site.testing.js';
import { viewOf } from './source.testing.js';

const UNIT = 512;
const HEADER = 32;
const BAG_TYPE = { container: 0x6b65_7973, volume: 0x7265_6373 };
const RANGE_TAG = 3;

/** AES-128-XTS of whole units, the first of number `unit`; `key` is data key and tweak key. */
export function xts(way: 'encrypt' | 'decrypt', key: Uint8Array, bytes: Uint8Array, unit: number): Uint8Array {
  const make = way === 'encrypt' ? createCipheriv : createDecipheriv;
  const cipher = make('aes-128-ecb', key.subarray(0, 16), null).setAutoPadding(false);
  const tweaks = createCipheriv('aes-128-ecb', key.subarray(16), null).setAutoPadding(false);
  const masks = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at += UNIT) {
    const number = new DataView(new ArrayBuffer(16));
    put64(number, 0, unit + at / UNIT);
    let mask = viewOf(tweaks.update(new Uint8Array(number.buffer)));
    for (let i = 0; i < UNIT; i += 16) {
      masks.set(new Uint8Array(mask.buffer, mask.byteOffset, 16), at + i);
      mask = doubled(mask);
    }
  }
  const mixed = (from: Uint8Array): Uint8Array => from.map((byte, i) => byte ^ (masks[i] ?? 0));
  return mixed(cipher.update(mixed(bytes)));
}
function doubled(mask: DataView): DataView {
  const value = (mask.getBigUint64(8, true) << 64n) | mask.getBigUint64(0, true);
  const next = (value << 1n) ^ (value >> 127n === 1n ? 0x87n : 0n);
  const view = new DataView(new ArrayBuffer(16));
  put64(view, 0, next);
  put64(view, 8, next >> 64n);
  return view;
}

/** Of a container with blocks of 4096 bytes and one volume. */
export function keyBagsOf(device: BlockDevice, volumeUuid: Uint8Array): KeyBags {
  const block = (number: number): Uint8Array => {
    const bytes = new Uint8Array(4096);
    device.read(4096 * number, bytes);
    return bytes;
  };
  const clear = (number: number, uuid: Uint8Array): Uint8Array =>
    xts('decrypt', Buffer.concat([uuid, uuid]), block(number), 8 * number).subarray(HEADER);
  const superblock = block(0);
  const container = clear(Number(viewOf(superblock).getBigUint64(0x510, true)), superblock.subarray(0x48, 0x58));
  const range = viewOf(container).getBigUint64(rangeAt(container, volumeUuid), true);
  return { container, volume: clear(Number(range), volumeUuid), volumeUuid };
}

/** Where the entry of a bag begins that says where the volume's own bag lies. */
function rangeAt(bag: Uint8Array, uuid: Uint8Array): number {
  for (let at = 16; at + 24 <= bag.length; ) {
    const view = viewOf(bag);
    const length = view.getUint16(at + 18, true);
    const isOne = view.getUint16(at + 16, true) === RANGE_TAG && Buffer.compare(bag.subarray(at, at + 16), uuid) === 0;
    if (isOne) return at + 24;
    at += 16 * Math.ceil((24 + length) / 16);
  }
  throw new Error('the bag says where the bag of the volume is');
}

/** Both bags in blocks of their own; answers the block of the container's. */
export function layBags(site: Site, bags: KeyBags, uuid: Uint8Array): number {
  const lay = (content: Uint8Array, own: Uint8Array, type: number): number => {
    const block = site.take();
    const view = draft(site.size, { oid: 0, xid: site.xid, type });
    new Uint8Array(view.buffer).set(content, HEADER);
    const unit = block * (site.size / UNIT);
    site.put(block, xts('encrypt', Buffer.concat([own, own]), finish(view), unit));
    return block;
  };
  const container = bags.container.slice();
  const volume = lay(bags.volume, bags.volumeUuid, BAG_TYPE.volume);
  put64(viewOf(container), rangeAt(container, bags.volumeUuid), volume);
  return lay(container, uuid, BAG_TYPE.container);
}
