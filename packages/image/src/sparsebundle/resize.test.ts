// Another size by way of an open image: its lists, its lease, and what cannot be.

import { LockedError, StoreError, UnsupportedError } from '@tintype/core';
import { FaultStore, MemoryStore } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { holder } from '../containers.testing.js';
import { createImage } from '../create.js';
import type { DiskImage } from '../disk-image.js';
import { imageFacts, openImage } from '../open.js';
import { formatInfoPlist, withSize } from './info-plist.js';

const MiB = 1 << 20;
const kinds = ['sparsebundle', 'sparseimage', 'asif', 'udrw'] as const;
const formats = [...kinds, 'encrypted sparsebundle', 'encrypted sparseimage', 'encrypted udrw'] as const;
const passphrase = Buffer.from('open');

function made(name: (typeof formats)[number], store = new MemoryStore()): { store: MemoryStore; image: DiskImage } {
  const format = kinds.find((kind) => name.endsWith(kind)) ?? 'udrw';
  const bands = format === 'asif' ? {} : { bandSize: MiB };
  const secret = name === format ? {} : ({ encryption: 'aes-128', passphrase, kdfRounds: 1 } as const);
  return { store, image: createImage(store, 'a', { format, size: 8 * MiB, ...bands, ...secret, waitLock: 0, holder }) };
}

const reopened = (store: MemoryStore, writable = true): DiskImage =>
  openImage(store, 'a', { writable, waitLock: 0, holder, allowTimeMachine: false, passphrase });

test.each(formats)('an open %s grows and shrinks, and says so', (format) => {
  const { store, image } = made(format);
  image.device.write(510, Uint8Array.of(0x55, 0xaa));
  image.device.write(8 * MiB - 512, new Uint8Array(512).fill(3));
  image.resize(20 * MiB + 512);
  image.device.write(20 * MiB, new Uint8Array(512).fill(4));
  image.close();
  if (format !== 'encrypted sparseimage') expect(imageFacts(store, 'a').size).toBe(20 * MiB + 512);
  const again = reopened(store);
  const bytes = new Uint8Array(1024);
  again.device.read(20 * MiB - 512, bytes);
  expect([bytes[511], bytes[512]]).toEqual([0, 4]);
  again.resize(8 * MiB);
  again.resize(30 * MiB);
  again.device.read(20 * MiB - 512, bytes);
  expect(bytes.every((byte) => byte === 0)).toBe(true);
  again.device.read(8 * MiB - 512, bytes);
  expect([bytes[0], bytes[511], bytes[512]]).toEqual([3, 3, 0]);
  expect([...again.verify()]).toEqual([]);
  again.close();
});

test.each(formats)('whichever call fails, the %s has the old size or the new one', (format) => {
  for (let call = 1; ; call += 1) {
    const { store, image } = made(format);
    image.device.write(510, Uint8Array.of(0x55, 0xaa));
    image.close();
    const fault = new FaultStore(store, {
      call,
      kinds: ['write', 'sync', 'truncate', 'rename', 'remove'],
      code: 'EIO',
    });
    let failure: unknown = null;
    try {
      const broken = openImage(fault, 'a', {
        writable: true,
        waitLock: 0,
        holder,
        allowTimeMachine: false,
        passphrase,
      });
      try {
        broken.resize(4 * MiB);
      } catch (error) {
        failure = error;
        expect(() => broken.device.read(0, new Uint8Array(1))).toThrow();
      }
      broken.close();
    } catch (error) {
      failure ??= error;
    }
    if (failure) expect(failure).toBeInstanceOf(StoreError);
    const copy = reopened(store.clone());
    expect([4 * MiB, 8 * MiB]).toContain(copy.device.size);
    copy.close();
    if (!fault.fired) break;
  }
});

describe('what is refused', () => {
  test('an image that is only read', () => {
    const { store, image } = made('sparsebundle');
    image.close();
    const reading = reopened(store, false);
    expect(() => reading.resize(MiB)).toThrow(UnsupportedError);
    reading.close();
  });
  test('a disk of 4 PiB in an ASIF image', () => {
    const { image } = made('asif');
    expect(() => image.resize(2 ** 52)).toThrow(UnsupportedError);
    image.device.write(0, Uint8Array.of(1));
    image.close();
  });
  test('a raw disk with more chunks than its encryption can number', () => {
    const { image } = made('encrypted udrw');
    expect(() => image.resize(2 ** 41)).toThrow(UnsupportedError);
    image.resize(2 ** 40);
    image.close();
  });
  test('one whose lease was taken over: nothing is changed', () => {
    const { store, image } = made('sparsebundle');
    store.open('a/tintype.lease.2', 'create').close();
    expect(() => image.resize(MiB)).toThrow(LockedError);
    expect(imageFacts(store, 'a').size).toBe(8 * MiB);
  });
});

describe('the property list with another size', () => {
  const list = formatInfoPlist({ bandSize: MiB, size: 8 * MiB });
  test('keeps what else stands in it', () => {
    const newer = list
      .replace('<integer>1</integer>', '<integer>2</integer>')
      .replace('<dict>', '<dict><key>x</key><true/>');
    expect(withSize(newer, 512)).toBe(newer.replace(`${8 * MiB}`, '512'));
    expect(withSize(list, 16 * MiB)).toBe(formatInfoPlist({ bandSize: MiB, size: 16 * MiB }));
  });
  test('is written anew where a key of that name stands inside another value', () => {
    const odd = list.replace('<dict>', '<dict><key>x</key><dict><key>size</key><integer>7</integer></dict>');
    expect(withSize(odd, 512)).toBe(formatInfoPlist({ bandSize: MiB, size: 512 }));
  });
  test('stands in both files, and nothing is left beside them', () => {
    const { store, image } = made('sparsebundle');
    image.resize(3 * MiB);
    image.close();
    const names = store.list('a').map(({ name }) => name);
    expect(names.sort()).toEqual(['Info.bckup', 'Info.plist', 'bands', 'lock', 'token']);
    for (const name of ['Info.bckup', 'Info.plist']) {
      const bytes = new Uint8Array(1000);
      const length = store.open(`a/${name}`, 'read').read(0, bytes);
      const text = Buffer.from(bytes.subarray(0, length)).toString();
      expect(text).toBe(formatInfoPlist({ bandSize: MiB, size: 3 * MiB }));
    }
  });
});
