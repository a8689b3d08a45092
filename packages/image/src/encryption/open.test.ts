import { createHash } from 'node:crypto';
import { crc32, PassphraseError, RefusedError } from '@tintype/core';
import { describe, expect, test } from 'vitest';
import { imageFacts, openImage } from '../open.js';
import { partitionMap } from '../partitions/map.js';
import { isZero } from '../zeros.js';
import { FIXTURES, type FixtureName, holder, isMissing, stored } from './encrypted.testing.js';
import { openEncryptedFile } from './open.js';

function open(name: FixtureName, passphrase: string | null, writable = false) {
  const { store, path } = stored(name);
  return openImage(store, path, {
    writable,
    waitLock: 0,
    holder,
    allowTimeMachine: false,
    passphrase: passphrase === null ? undefined : Buffer.from(passphrase),
  });
}

const names = Object.keys(FIXTURES) as FixtureName[];

describe.skipIf(isMissing)('images that macOS made', () => {
  test.each([
    ['raw-aes128-v2.dmg', 'udrw', 'd26b739c'],
    ['raw-aes256-v2.dmg', 'udrw', 'f6998b38'],
    ['raw-aes128-v1.dmg', 'udrw', null],
    ['sparseimage-aes128-v2.sparseimage.gz', 'sparseimage', null],
    ['sparseimage-aes256-v2.sparseimage.gz', 'sparseimage', null],
    ['bundle-aes128-v1.sparsebundle', 'sparsebundle', null],
    ['bundle-aes128-v2.sparsebundle', 'sparsebundle', null],
    ['bundle-aes256-v2.sparsebundle', 'sparsebundle', 'f85f5e19'],
  ] as const)('%s: 64 KiB with a GPT and an HFS+ partition', (name, format, sum) => {
    const image = open(name, FIXTURES[name]);
    expect([image.format, image.device.size]).toEqual([format, 65_536]);
    const disk = new Uint8Array(image.device.size);
    image.device.read(0, disk);
    if (sum) expect(crc32(disk).toString(16)).toBe(sum);
    expect(partitionMap(image.device)).toMatchObject({ scheme: 'gpt', partitions: [{ type: 'Apple_HFS' }] });
    expect([...image.verify()]).toEqual([]);
    image.close();
  });

  test('udif-aes256-v2.dmg: a UDIF inside, which decodes to the disk of the clear ones', () => {
    const image = open('udif-aes256-v2.dmg', 'test123');
    const disk = new Uint8Array(image.device.size);
    image.device.read(0, disk);
    expect(image.format).toBe('udzo');
    expect(createHash('sha1').update(disk).digest('hex')).toBe('14fd362f747ac600c5b600312781900ce4fdc1dd');
    image.close();
  });

  test('udzo-hfsplus.dmg: a UDIF with an Apple partition map', () => {
    const image = open('udzo-hfsplus.dmg', 'password');
    expect(image.format).toBe('udzo');
    expect(partitionMap(image.device).partitions.map(({ type }) => type)).toContain('Apple_HFS');
    expect([...image.verify()]).toEqual([]);
    image.close();
  });

  test('the clear bytes of single files, to the last', () => {
    for (const [name, size, sum] of [
      ['udif-aes256-v2.dmg', 13_654, '48fed0c7'],
      ['udzo-hfsplus.dmg', 9729, '1224ab40'],
    ] as const) {
      const { store, path } = stored(name);
      const passphrase = Buffer.from(FIXTURES[name]);
      const { file } = openEncryptedFile(store.open(path, 'read'), { store, path, passphrase, writable: false });
      const clear = new Uint8Array(size + 1);
      expect(file.read(0, clear)).toBe(size);
      expect(crc32(clear.subarray(0, size)).toString(16)).toBe(sum);
    }
  });

  test('a sparse image has chunks that were never written: noise to macOS, zeros to us', () => {
    const { store, path } = stored('sparseimage-aes128-v2.sparseimage.gz');
    const passphrase = Buffer.from('vilefault');
    const stream = store.open(path, 'read');
    const { file, cipher } = openEncryptedFile(stream, { store, path, passphrase, writable: false });
    const bytes = new Uint8Array(1_052_672);
    stream.read(122_880, bytes);
    expect(crc32(cipher.decrypt(bytes, 0)).toString(16)).toBe('242c5d2b');
    const clear = new Uint8Array(bytes.length);
    file.read(0, clear);
    // The disk ends long before its only band does.
    expect(isZero(clear.subarray(4096 + 65_536 + 4096))).toBe(true);
  });

  test('bundle-five-bands.sparsebundle: chunks are numbered anew in each band', () => {
    const image = open('bundle-five-bands.sparsebundle', 'foo');
    const head = Buffer.alloc(4);
    image.device.read(1024, head);
    expect(head.toString('latin1', 0, 2)).toBe('H+');
    const text = Buffer.alloc(image.device.size);
    image.device.read(0, text);
    // One of the sample texts lies in each band.
    for (let band = 0; band < 5; band += 1)
      expect(text.subarray(band << 20, (band + 1) << 20).includes('Lorem ipsum dolor sit amet')).toBe(true);
    expect([...image.verify()]).toEqual([]);
    image.close();
  });

  test.each(names)('%s: wrong and missing passphrases', (name) => {
    expect(() => open(name, 'wrong')).toThrow(expect.objectContaining({ code: 'passphrase-wrong' }));
    expect(() => open(name, null)).toThrow(expect.objectContaining({ code: 'passphrase-missing' }));
    expect(() => open(name, null)).toThrow(PassphraseError);
  });

  test.each(names)('%s: facts without a passphrase', (name) => {
    const { store, path } = stored(name);
    const { encryption } = imageFacts(store, path);
    expect(encryption).toMatchObject({ algorithm: 'AES', keyBits: name.includes('256') ? 256 : 128 });
    expect(encryption?.iterations).toBeGreaterThanOrEqual(1000);
  });

  test.each(names)('%s: written to, and read again', (name) => {
    const { store, path } = stored(name);
    const passphrase = Buffer.from(FIXTURES[name]);
    const options = { waitLock: 0, holder, allowTimeMachine: false, passphrase };
    const openFor = (writable: boolean) => openImage(store, path, { ...options, writable });
    if (name.includes('-v1')) {
      expect(() => openFor(true)).toThrow(expect.objectContaining({ code: 'old-encryption' }));
      return;
    }
    if (name.startsWith('ud')) {
      expect(() => openFor(true)).toThrow(RefusedError);
      return;
    }
    const image = openFor(true);
    const disk = Buffer.alloc(image.device.size);
    image.device.read(0, disk);
    disk.write('a change', 30_001);
    image.device.write(30_001, Buffer.from('a change'));
    image.device.write(disk.length - 8, Buffer.from('the end.'));
    disk.write('the end.', disk.length - 8);
    image.close();
    const again = openFor(false);
    const seen = Buffer.alloc(disk.length);
    again.device.read(0, seen);
    expect(seen.equals(disk)).toBe(true);
    again.close();
  });

  test('a file that is cut off is a finding; what is there is read', () => {
    const { store, path } = stored('raw-aes128-v2.dmg');
    const file = store.open(path, 'write');
    file.truncate(122_880 + 40_000);
    file.close();
    const passphrase = Buffer.from('vilefault');
    const image = openImage(store, path, { writable: false, waitLock: 0, holder, allowTimeMachine: false, passphrase });
    expect([...image.verify()]).toMatchObject([{ kind: 'encrypted-cut-off' }]);
    const head = Buffer.alloc(8);
    image.device.read(512, head);
    expect(head.toString()).toBe('EFI PART');
    expect(() => image.device.read(50_000, head)).toThrow(/is cut off/);
    image.close();
  });
});
