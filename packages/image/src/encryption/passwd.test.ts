import { type FileStore, PassphraseError, RefusedError, StoreError } from '@tintype/core';
import { FaultStore, MemoryStore, Random } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { createImage } from '../create.js';
import { openImage } from '../open.js';
import { passwd } from '../passwd.js';
import { FIXTURES, type FixtureName, holder, isMissing, stored } from './encrypted.testing.js';
import { readEncryptionHeader } from './header.js';
import { changePassphrase } from './passwd.js';
import { Encrcdsa, KeyEntry, PassphraseBlob } from './structs.js';
import { unlock, wrapKeys } from './unlock.js';

const next = Buffer.from('the next one');

function diskOf(store: FileStore, path: string, passphrase: Uint8Array): Buffer {
  const image = openImage(store, path, { writable: false, waitLock: 0, holder, allowTimeMachine: false, passphrase });
  const disk = Buffer.alloc(image.device.size);
  image.device.read(0, disk);
  image.close();
  return disk;
}

describe.skipIf(isMissing)('images that macOS made', () => {
  test.each(Object.keys(FIXTURES) as FixtureName[])('%s', (name) => {
    const { store, path } = stored(name);
    const current = Buffer.from(FIXTURES[name]);
    const change = () => passwd(store, path, { current, next, holder, waitLock: 0, kdfRounds: 5 });
    if (name.includes('-v1')) {
      expect(change).toThrow(expect.objectContaining({ code: 'old-encryption' }));
      expect(change).toThrow(RefusedError);
      return;
    }
    const before = diskOf(store, path, current);
    expect(change()).toBe(0);
    expect(diskOf(store, path, next).equals(before)).toBe(true);
    expect(() => diskOf(store, path, current)).toThrow(PassphraseError);
    expect(change).toThrow(PassphraseError);
  });
});

function made(): MemoryStore {
  const store = new MemoryStore();
  const passphrase = Buffer.from('first');
  createImage(store, 'x', {
    format: 'udrw',
    size: 65_536,
    waitLock: 0,
    holder,
    encryption: 'aes-128',
    passphrase,
    kdfRounds: 2,
  }).close();
  return store;
}

test('other keys stay, and are counted', () => {
  const store = made();
  const file = store.open('x', 'write');
  const header = readEncryptionHeader(file);
  if (!header) throw new Error('is not encrypted');
  // A second passphrase, and a certificate, behind the first key.
  const random = new Random(4);
  const keys = unlock(header, Buffer.from('first'), 'x');
  const second = wrapKeys(keys, Buffer.from('second'), { iterations: 3, random: (target) => random.fill(target) });
  const entries = new DataView(new ArrayBuffer(4 + 3 * KeyEntry.size));
  entries.setUint32(0, 3);
  KeyEntry.write(entries, 4, { type: 2, offset: 3000, size: 256 });
  KeyEntry.write(entries, 24, { type: 1, offset: 1000, size: PassphraseBlob.size });
  KeyEntry.write(entries, 44, { type: 1, offset: 2000, size: PassphraseBlob.size });
  const first = Buffer.alloc(PassphraseBlob.size);
  file.read(96, first);
  file.write(Encrcdsa.at.keyCount, new Uint8Array(entries.buffer));
  file.write(1000, first);
  file.write(2000, second);
  file.write(3000, random.bytes(256));
  const before = Buffer.alloc(4000);
  file.read(0, before);

  const change = {
    current: Buffer.from('second'),
    next,
    rounds: 2,
    random: (target: Uint8Array) => random.fill(target),
  };
  expect(changePassphrase(store, 'x', file, change)).toBe(2);
  const after = Buffer.alloc(4000);
  file.read(0, after);
  expect(after.subarray(0, 2000).equals(before.subarray(0, 2000))).toBe(true);
  expect(after.subarray(3000).equals(before.subarray(3000))).toBe(true);
  const changed = readEncryptionHeader(file);
  if (!changed) throw new Error('is not encrypted');
  for (const passphrase of [Buffer.from('first'), next])
    expect(unlock(changed, passphrase, 'x').cipher.equals(keys.cipher)).toBe(true);
  expect(() => unlock(changed, Buffer.from('second'), 'x')).toThrow(PassphraseError);
});

test('whichever call of the host fails, one of the two opens it afterwards', () => {
  for (let call = 1; ; call += 1) {
    const store = made();
    const faulty = new FaultStore(store, { call, code: 'EIO', lasts: Number.POSITIVE_INFINITY });
    let failure: unknown = null;
    try {
      passwd(faulty, 'x', { current: Buffer.from('first'), next, holder, waitLock: 0, kdfRounds: 2 });
    } catch (error) {
      failure = error;
    }
    const opening = ['first', 'the next one'].filter((passphrase) => {
      try {
        diskOf(store.clone(), 'x', Buffer.from(passphrase));
        return true;
      } catch (error) {
        expect(error).toBeInstanceOf(PassphraseError);
        return false;
      }
    });
    expect(opening.length).toBe(1);
    if (!faulty.fired) {
      expect([failure, opening]).toEqual([null, ['the next one']]);
      break;
    }
    expect(failure === null || failure instanceof StoreError).toBe(true);
  }
});

test('what is not encrypted has no passphrase', () => {
  const store = new MemoryStore();
  createImage(store, 'x', { format: 'sparseimage', size: 65_536, waitLock: 0, holder }).close();
  expect(() => passwd(store, 'x', { current: next, next, holder, waitLock: 0 })).toThrow(
    expect.objectContaining({ code: 'unsupported' }),
  );
});
