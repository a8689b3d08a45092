import { pbkdf2Sync } from 'node:crypto';
import { CorruptError, MemoryDevice } from '@tintype/core';
import { describe, expect, test } from 'vitest';
import { ContainerReader } from '../reading/container-reader.js';
import { VolumeHead } from '../reading/volume-head.js';
import { isMissing, PASSPHRASE, sample } from '../sample.testing.js';
import { NxSuperblock } from '../structs/container.js';
import { derElements, derValue, numberOf } from './der.js';
import { keyFromPassphrase, parseKeyBlob, unwrap, volumeKey } from './key-blob.js';
import { readKeybag, volumeBagPlace, volumeKeyEntry } from './keybag.js';
import { unlock } from './unlock.js';

function container(bytes = sample('filevault')) {
  const reader = new ContainerReader(new MemoryDevice(bytes));
  const head = reader.volumes()[0]?.head;
  if (!(head instanceof VolumeHead)) throw head;
  const { superblock, blocks } = reader;
  const uuid = new Uint8Array(superblock.buffer, superblock.byteOffset + NxSuperblock.at.nx_uuid, 16);
  const start = superblock.getUint32(NxSuperblock.at.nx_keylocker_start, true);
  const place = { start, count: 1, uuid, kind: 'container' as const };
  return { blocks, superblock, head, place };
}

test('key unwrapping: vectors of RFC 3394, 4.1 and 4.6', () => {
  const bytes = (text: string) => Buffer.from(text, 'hex');
  const key = '000102030405060708090A0B0C0D0E0F';
  const wrapped = '1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5';
  expect(unwrap(bytes(key), bytes(wrapped))).toEqual(bytes('00112233445566778899AABBCCDDEEFF'));
  const long = '28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21';
  const kek = `${key}101112131415161718191A1B1C1D1E1F`;
  const data = '00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F';
  expect(unwrap(bytes(kek), bytes(long))).toEqual(bytes(data));
  expect(unwrap(bytes(kek), bytes(wrapped))).toBe(null);
});

describe.skipIf(isMissing('filevault'))('a volume of FileVault', () => {
  test('gives the keys that were read off it', () => {
    const { blocks, head, place } = container();
    const entries = readKeybag(blocks, place);
    const records = readKeybag(blocks, volumeBagPlace(entries, head.uuidBytes));
    const blob = parseKeyBlob(records.find(({ tag }) => tag === 3)?.data ?? new Uint8Array());
    expect(blob.derivation).toMatchObject({ rounds: 100_000 });
    const salt = blob.derivation?.salt ?? new Uint8Array();
    expect(Buffer.from(salt).toString('hex').toUpperCase()).toBe('173BEF77EE988613D49E3FE8151A5426');
    expect(pbkdf2Sync(PASSPHRASE, salt, 100_000, 32, 'sha256').toString('hex').toUpperCase()).toBe(
      '339C0FB8B61FB107DE1B0CDF2093F773EF9C3534FF8BBFB1CD5DC5CBDBCD0717',
    );
    const key = keyFromPassphrase(blob, PASSPHRASE);
    expect(
      Buffer.from(key ?? [])
        .toString('hex')
        .toUpperCase(),
    ).toBe('A9E76187AE093D96C176D8BA5038E2CF422BFBA2ED1F2F9D268649BC68600507');
    const wrapped = parseKeyBlob(volumeKeyEntry(entries, head.uuidBytes));
    expect(
      Buffer.from(volumeKey(wrapped, key ?? new Uint8Array()))
        .toString('hex')
        .toUpperCase(),
    ).toBe('BD2E117191D60689FEDF367B2227B1A47341C555834B7A09DEEE1A91DC9E25C3');
  });
  test('says which passphrase it wants', () => {
    const { blocks, superblock, head } = container();
    const volume = { name: head.name, uuid: head.uuidBytes };
    expect(() => unlock(blocks, superblock, volume, undefined)).toThrow(/Enc: the passphrase is missing/);
    expect(() => unlock(blocks, superblock, volume, Buffer.from('x'))).toThrow(/Enc: the passphrase is wrong/);
    expect(unlock(blocks, superblock, volume, PASSPHRASE)).toBeDefined();
  });
  test('with a damaged bag or blob is corrupt, not a matter of the passphrase', () => {
    const { place, head } = container();
    const bytes = sample('filevault');
    bytes[place.start * 4096 + 300] = (bytes[place.start * 4096 + 300] ?? 0) ^ 1;
    expect(() => readKeybag(container(bytes).blocks, place)).toThrow(CorruptError);
    const entries = readKeybag(container().blocks, place);
    const blob = volumeKeyEntry(entries, head.uuidBytes);
    blob[blob.length - 1] = (blob[blob.length - 1] ?? 0) ^ 1;
    expect(() => parseKeyBlob(blob)).toThrow(/the blob is damaged/);
    expect(() => volumeKeyEntry(entries, new Uint8Array(16))).toThrow(/no entry for the volume/);
  });
});

test('DER: lengths of one and two bytes, and what is refused', () => {
  const [short, long] = derElements(Buffer.from([0x80, 1, 5, 0x81, 0x81, 2, 7, 8]));
  expect([short?.tag, [...(short?.value ?? [])], long?.tag, [...(long?.value ?? [])]]).toEqual([
    0x80,
    [5],
    0x81,
    [7, 8],
  ]);
  expect(() => derElements(Buffer.from([0x80, 5, 1]))).toThrow(CorruptError);
  expect(() => derElements(Buffer.from([0x80, 0x84, 1, 1, 1, 1]))).toThrow(CorruptError);
  expect(() => derValue([], 0x80)).toThrow(CorruptError);
  expect(numberOf(Buffer.from([1, 0x86, 0xa0]))).toBe(100_000);
  expect(() => numberOf(new Uint8Array(9))).toThrow(CorruptError);
});
