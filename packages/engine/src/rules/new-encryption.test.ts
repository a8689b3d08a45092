import { expect, test } from 'vitest';
import { copyEncryption, newEncryption } from './new-encryption.js';

const passphrase = Buffer.from('secret');

test('B36 AES-256, unless something else was said', () => {
  expect(newEncryption({ mustEncrypt: true, passphrase })).toBe('aes-256');
  expect(newEncryption({ mustEncrypt: true, passphrase, encryption: 'aes-128' })).toBe('aes-128');
  expect(newEncryption({ mustEncrypt: true, passphrase, encryption: 'none' })).toBe('none');
});

test('clear without a passphrase, or with one that may be meant for other images', () => {
  expect(newEncryption({})).toBeUndefined();
  expect(newEncryption({ mustEncrypt: true })).toBeUndefined();
  expect(newEncryption({ mustEncrypt: false, passphrase })).toBeUndefined();
});

test('a copy is encrypted as the image is, or if a passphrase is meant for it', () => {
  expect(copyEncryption({ passphrase }, 128)).toBe('aes-128');
  expect(copyEncryption({ passphrase, encryption: 'none' }, 128)).toBe('none');
  expect(copyEncryption({ newPassphrase: passphrase }, null)).toBe('aes-256');
  expect(copyEncryption({ newPassphrase: passphrase, encryption: 'aes-128' }, null)).toBe('aes-128');
  expect(copyEncryption({ passphrase, mustEncrypt: true }, null)).toBe('aes-256');
  expect(copyEncryption({ passphrase }, null)).toBeUndefined();
  expect(copyEncryption({ mustEncrypt: true }, null)).toBeUndefined();
});
