// Headers of encrypted images as they lie in the file, all big endian. Source: images made by macOS, public readers
// (docs/formats/images.md, "Encryption").

import { bytes, struct, u32, u64 } from '@tintype/core';

export const Encrcdsa = struct(
  'encrcdsa header',
  { order: 'big', size: 76, source: 'images made by macOS' },
  {
    signature: bytes(8, 'encrcdsa'),
    version: u32('2'),
    blockIvSize: u32('16'),
    blockMode: u32('5 CBC_IV8'),
    blockAlgorithm: u32('0x80000001 AES'),
    keyBits: u32('128 or 256'),
    ivKeyAlgorithm: u32('91 HMAC-SHA1'),
    ivKeyBits: u32('160'),
    uuid: bytes(16),
    chunkSize: u32('bytes'),
    clearSize: u64('bytes; 0 in the token of a bundle'),
    dataOffset: u64(),
    keyCount: u32(),
  },
);

export const KeyEntry = struct(
  'encrcdsa key entry',
  { order: 'big', size: 20, source: 'images made by macOS' },
  { type: u32('1 passphrase, 2 certificate, 3 key bag'), offset: u64(), size: u64() },
);

export const PassphraseBlob = struct(
  'encrcdsa passphrase blob',
  { order: 'big', size: 616, source: 'images made by macOS' },
  {
    kdfAlgorithm: u32('103 PBKDF2'),
    prf: u32('0 HMAC-SHA1'),
    iterations: u32(),
    saltLength: u32('20'),
    salt: bytes(32),
    ivLength: u32('8'),
    iv: bytes(32),
    wrapKeyBits: u32('192'),
    wrapAlgorithm: u32('17 3DES-EDE'),
    wrapPadding: u32('7 PKCS7'),
    wrapMode: u32('6 CBC_PadIV8'),
    blobLength: u32('48 or 64'),
    blob: bytes(512),
  },
);

export const Cdsaencr = struct(
  'cdsaencr trailer',
  { order: 'big', size: 1276, source: 'images made by macOS' },
  {
    uuid: bytes(16),
    chunkSize: u32('4096'),
    wrapAlgorithm: u32('17 3DES-EDE'),
    wrapPadding: u32('7 PKCS7'),
    wrapMode: u32('6 CBC_PadIV8'),
    wrapKeyBits: u32('192'),
    wrapIvSize: u32('8'),
    kdfAlgorithm: u32('103 PBKDF2'),
    prf: u32('0 HMAC-SHA1'),
    iterations: u32(),
    saltLength: u32('20'),
    salt: bytes(32),
    blockIvSize: u32('16'),
    blockMode: u32('5 CBC_IV8'),
    blockAlgorithm: u32('0x80000001 AES'),
    keyBits: u32('128 or 256'),
    keyIv: bytes(32),
    keyLength: u32(),
    key: bytes(256),
    ivKeyAlgorithm: u32('91 HMAC-SHA1'),
    ivKeyBits: u32('160'),
    ivKeyIv: bytes(32),
    ivKeyLength: u32(),
    ivKey: bytes(256),
    integrityAlgorithm: u32('91 HMAC-SHA1'),
    integrityBits: u32('160'),
    integrityIv: bytes(32),
    integrityLength: u32(),
    integrityKey: bytes(256),
    signatureLength: u32('20'),
    signature: bytes(256),
    clearSize: u64('bytes; 0 in the token of a bundle'),
    version: u32('1'),
    magic: bytes(8, 'cdsaencr'),
  },
);

/** What the first trailer's signature covers. */
export const SIGNED_BYTES = 1000;
export const ENCRCDSA = Buffer.from('encrcdsa');
export const CDSAENCR = Buffer.from('cdsaencr');
export const ALGORITHM = {
  pbkdf2: 103,
  tripleDes: 17,
  pkcs7: 7,
  cbcPadIv8: 6,
  cbcIv8: 5,
  aes: 0x8000_0001,
  hmacSha1: 91,
} as const;
export const KEY_TYPE = { passphrase: 1, certificate: 2, keyBag: 3 } as const;
/** Bytes of an HMAC-SHA1 key and of the key that wraps. */
export const HMAC_KEY_SIZE = 20;
export const WRAP_KEY_SIZE = 24;
