import { expect, test } from 'vitest';
import { newEncryption } from './new-encryption.js';

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
