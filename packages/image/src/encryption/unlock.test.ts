import { CorruptError, PassphraseError } from '@tintype/core';
import { fixtureBytes, Random } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { ChunkCipher } from './chunk-cipher.js';
import { newEncryption } from './create.js';
import { fileOf, isMissing } from './encrypted.testing.js';
import { type EncryptionHeader, readEncryptionHeader } from './header.js';
import { Cdsaencr } from './structs.js';
import { ImageKeys, unlock, wrapKeys } from './unlock.js';

const hex = (text: string) => Buffer.from(text, 'hex');

function headerOf(bytes: Uint8Array): EncryptionHeader {
  const header = readEncryptionHeader(fileOf(bytes));
  if (!header) throw new Error('is not encrypted');
  return header;
}

/** Worked out by other means (PBKDF2, 3DES and AES of another library). */
const VECTORS = [
  [
    'raw-aes128-v2.dmg',
    'vilefault',
    '3b85af67326135b305941bfd6fcbec49',
    'daad98e33c0edc021f8e773b4d27665108bfbc62',
    '1f0c8c47e96f8fc5c2f6dc534abcf555',
    '8a0a7e9442d4e7d7e8b8f6e8fe976444',
  ],
  [
    'raw-aes256-v2.dmg',
    'vilefault',
    'c87306ecc3c676336500c6b13e70b1cc5b75292f5c5270b5f14d3de124dcee0f',
    'd2c19bf05962da080e545caa6c6efdf7f24c2a1f',
    'fe6bb0f8b3aec1964501def7b34d8405',
    '4427b78b2d84ca4f8d78db64c33246c4',
  ],
  [
    'udif-aes256-v2.dmg',
    'test123',
    'c89a20126ca33b4db1a5ca126d835ae925f10a081d33089485fa6b101c330149',
    'c89a20126ca33b4db1a5ca126d835ae925f10a08',
    '21cfc8d4fd678aaec41cb4918d9e3c8e',
    'a19172515a41c7de331976edf08299ad',
  ],
  [
    'udzo-hfsplus.dmg',
    'password',
    '606251f585b71dc00527f9d487ecc091',
    '9540a7392489014884ab4726e29a6ba820859479',
    'a186f2d0a4aade0922081d4bcb65e81e',
    '06ec5dab8f617981966c5bb4596acc5c',
  ],
  [
    'raw-aes128-v1.dmg',
    'vilefault',
    'e40fe10febc20eabe6c9f8b7a24473f3',
    '75ff19e7b214e210c90084973d4663227d9b55ba',
    '14606b82ccdda533f4363f286e41552a',
    null,
  ],
] as const;

describe.skipIf(isMissing)('images that macOS made', () => {
  test.each(VECTORS)('%s', (name, passphrase, cipher, hmac, first, second) => {
    const keys = unlock(headerOf(fixtureBytes(`encrypted/${name}`)), Buffer.from(passphrase), name);
    expect([keys.cipher.toString('hex'), keys.hmac.toString('hex')]).toEqual([cipher, hmac]);
    const chunks = new ChunkCipher(keys, 512);
    expect(Buffer.from(chunks.vector(0)).toString('hex')).toBe(first);
    if (second) expect(Buffer.from(chunks.vector(1)).toString('hex')).toBe(second);
  });

  test.each(VECTORS)('%s: a wrong passphrase', (name) => {
    const header = headerOf(fixtureBytes(`encrypted/${name}`));
    for (const wrong of ['', 'Vilefault', 'vilefault ', 'vilefault\n'])
      expect(() => unlock(header, Buffer.from(wrong), name)).toThrow(PassphraseError);
  });

  test('version 1: damage is told from a wrong passphrase', () => {
    const bytes = Buffer.from(fixtureBytes('encrypted/raw-aes128-v1.dmg'));
    bytes[bytes.length - Cdsaencr.size + 3] = 0x77;
    expect(() => unlock(headerOf(bytes), Buffer.from('vilefault'), 'x')).toThrow(CorruptError);
  });
});

test('keys are wrapped so that they come back, each time otherwise', () => {
  const random = new Random(5);
  for (const keyBits of [128, 256] as const) {
    const passphrase = Buffer.from('Grüße 字');
    const fill = (target: Uint8Array) => random.fill(target);
    const { header, keys } = newEncryption({ keyBits, passphrase, rounds: 10, random: fill }, 4096);
    const opened = unlock(headerOf(header), passphrase, 'x');
    expect([opened.cipher, opened.hmac]).toEqual([keys.cipher, keys.hmac]);
    expect(opened.cipher.length).toBe(keyBits / 8);
    const [a, b] = [1, 2].map(() => wrapKeys(keys, passphrase, { iterations: 10, random: fill }));
    expect(a).not.toEqual(b);
  }
});

test('B37: a passphrase opens in whichever Unicode form it was stored', () => {
  const random = new Random(8);
  const made = (passphrase: string) =>
    newEncryption(
      { keyBits: 128, passphrase: Buffer.from(passphrase), rounds: 2, random: (target) => random.fill(target) },
      0,
    );
  for (const [stored, typed] of [
    ['café', 'cafe\u0301'],
    ['cafe\u0301', 'café'],
    ['\u00c5ngström', '\u212bngstro\u0308m'],
  ] as const) {
    const { header, keys } = made(stored);
    expect(unlock(headerOf(header), Buffer.from(typed), 'x').cipher).toEqual(keys.cipher);
  }
  const { header } = made('café');
  for (const wrong of ['cafe', 'cafè', 'CAFÉ'])
    expect(() => unlock(headerOf(header), Buffer.from(wrong), 'x')).toThrow(PassphraseError);
});

test('the padding alone opens nothing: a wrong key must also fail by what stands behind the keys', () => {
  const random = new Random(6);
  const fill = (target: Uint8Array) => random.fill(target);
  const { header } = newEncryption({ keyBits: 128, passphrase: Buffer.from('a'), rounds: 1, random: fill }, 0);
  const parsed = headerOf(header);
  for (let i = 0; i < 2000; i += 1)
    expect(() => unlock(parsed, Buffer.from(`wrong ${i}`), 'x')).toThrow(PassphraseError);
});

test('wiped keys are zeros', () => {
  const keys = new ImageKeys(hex('00112233445566778899aabbccddeeff'), Buffer.alloc(20, 7));
  keys.wipe();
  expect([...keys.cipher, ...keys.hmac].every((byte) => byte === 0)).toBe(true);
});

test('neither the passphrase nor a copy of it is changed or kept', () => {
  const passphrase = Buffer.from('secret');
  const random = new Random(7);
  const { header } = newEncryption({ keyBits: 128, passphrase, rounds: 1, random: (target) => random.fill(target) }, 0);
  expect(() => unlock(headerOf(header), Buffer.from('other'), 'x.dmg')).toThrow(
    expect.objectContaining({ code: 'passphrase-wrong', message: 'x.dmg: the passphrase is wrong' }),
  );
  expect(passphrase.toString()).toBe('secret');
});
