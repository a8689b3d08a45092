// From a passphrase to the keys of an image, and back. Keys live in buffers that are wiped; nothing here makes a string
// of a passphrase.

import { createCipheriv, createDecipheriv, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto';
import { inEachForm, PassphraseError, UnsupportedError } from '@tintype/core';
import { type EncryptionHeader, requireBlob } from './header.js';
import {
  ALGORITHM,
  Cdsaencr,
  HMAC_KEY_SIZE,
  KEY_TYPE,
  PassphraseBlob,
  SIGNED_BYTES,
  WRAP_KEY_SIZE,
} from './structs.js';

/** `CKIE` and a zero: what stands behind the keys in a blob of version 2. */
const KEYS_END = Buffer.from('CKIE\0', 'latin1');
/** The outer vector of version 1's double wrapping (RFC 3217). */
const OUTER_IV = Buffer.from('4adda22c79e82105', 'hex');
const BLOCK = 8;
const SALT_SIZE = 20;

/** Keys of one image; `wipe` them when it is closed. */
export class ImageKeys {
  constructor(
    /** AES, 16 or 32 bytes. */
    readonly cipher: Buffer,
    /** HMAC-SHA1 of chunk numbers, 20 bytes. */
    readonly hmac: Buffer,
  ) {}
  wipe(): void {
    this.cipher.fill(0);
    this.hmac.fill(0);
  }
}

/**
 * By the passphrase as it is, else in another Unicode normal form. @throws PassphraseError if it opens none of the image's
 * passphrase entries; UnsupportedError if there are none
 */
export function unlock(header: EncryptionHeader, passphrase: Uint8Array, path: string): ImageKeys {
  const keys =
    header.version === 1
      ? inEachForm(passphrase, (form) => unlockVersion1(header, form))
      : (openEntry(header, passphrase)?.keys ?? null);
  if (!keys) throw new PassphraseError('wrong', path);
  return keys;
}

/** The entry that a passphrase opens, in whichever Unicode normal form, and what it holds. */
export function openEntry(
  header: EncryptionHeader & { readonly version: 2 },
  passphrase: Uint8Array,
): OpenedEntry | null {
  if (!header.keys.some(({ type }) => type === KEY_TYPE.passphrase))
    throw new UnsupportedError('the image has no passphrase, only other kinds of keys');
  return inEachForm(passphrase, (form) => openEntryBy(header, form));
}

interface OpenedEntry {
  readonly index: number;
  readonly keys: ImageKeys;
}

function openEntryBy(header: EncryptionHeader & { readonly version: 2 }, passphrase: Uint8Array): OpenedEntry | null {
  const view = new DataView(header.bytes.buffer, header.bytes.byteOffset, header.bytes.length);
  for (const [index, { type, offset }] of header.keys.entries()) {
    const isOne = type === KEY_TYPE.passphrase;
    const keys = isOne ? openBlob(view, offset, header.keyBits / 8, passphrase) : null;
    if (keys) return { index, keys };
  }
  return null;
}

function openBlob(view: DataView, at: number, keySize: number, passphrase: Uint8Array): ImageKeys | null {
  const { salt, saltLength, iterations, iv, blob, blobLength } = requireBlob(view, at);
  const wrap = derive(passphrase, salt.subarray(0, saltLength), iterations);
  const clear = tripleDes(wrap, iv.subarray(0, BLOCK), blob.subarray(0, blobLength));
  wrap.fill(0);
  try {
    const length = unpaddedLength(clear);
    // The padding alone would pass one wrong passphrase in 256.
    if (length !== keySize + HMAC_KEY_SIZE + KEYS_END.length) return null;
    if (!timingSafeEqual(clear.subarray(keySize + HMAC_KEY_SIZE, length), KEYS_END)) return null;
    return new ImageKeys(
      Buffer.from(clear.subarray(0, keySize)),
      Buffer.from(clear.subarray(keySize, keySize + HMAC_KEY_SIZE)),
    );
  } finally {
    clear.fill(0);
  }
}

/** A blob with new salt and vector, for the same keys. */
export function wrapKeys(
  keys: ImageKeys,
  passphrase: Uint8Array,
  { iterations, random }: { readonly iterations: number; readonly random: (target: Uint8Array) => void },
): Uint8Array {
  const salt = Buffer.alloc(32);
  const iv = Buffer.alloc(32);
  random(salt.subarray(0, SALT_SIZE));
  random(iv.subarray(0, BLOCK));
  const wrap = derive(passphrase, salt.subarray(0, SALT_SIZE), iterations);
  const clear = Buffer.concat([keys.cipher, keys.hmac, KEYS_END]);
  const cipher = createCipheriv('des-ede3-cbc', wrap, iv.subarray(0, BLOCK));
  const wrapped = Buffer.concat([cipher.update(clear), cipher.final()]);
  wrap.fill(0);
  clear.fill(0);
  const blob = Buffer.alloc(512);
  blob.set(wrapped);
  const bytes = new Uint8Array(PassphraseBlob.size);
  PassphraseBlob.write(new DataView(bytes.buffer), 0, {
    kdfAlgorithm: ALGORITHM.pbkdf2,
    prf: 0,
    iterations,
    saltLength: SALT_SIZE,
    salt,
    ivLength: BLOCK,
    iv,
    wrapKeyBits: WRAP_KEY_SIZE * 8,
    wrapAlgorithm: ALGORITHM.tripleDes,
    wrapPadding: ALGORITHM.pkcs7,
    wrapMode: ALGORITHM.cbcPadIv8,
    blobLength: wrapped.length,
    blob,
  });
  return bytes;
}

/** Each key is wrapped twice; a signature over the trailer tells damage from a wrong passphrase. */
function unlockVersion1(header: EncryptionHeader & { readonly version: 1 }, passphrase: Uint8Array): ImageKeys | null {
  const { trailer, bytes, keyBits } = header;
  const wrap = derive(passphrase, trailer.salt.subarray(0, trailer.saltLength), trailer.iterations);
  const cipher = unwrapTwice(wrap, trailer.key.subarray(0, trailer.keyLength), keyBits / 8);
  const hmac = unwrapTwice(wrap, trailer.ivKey.subarray(0, trailer.ivKeyLength), HMAC_KEY_SIZE);
  const integrity = unwrapTwice(wrap, trailer.integrityKey.subarray(0, trailer.integrityLength), HMAC_KEY_SIZE);
  wrap.fill(0);
  if (!cipher || !hmac || !integrity) return null;
  const signature = createHmac('sha1', integrity).update(bytes.subarray(0, SIGNED_BYTES)).digest();
  integrity.fill(0);
  if (!timingSafeEqual(signature, trailer.signature.subarray(0, signature.length)))
    throw Cdsaencr.corrupt(
      new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
      0,
      'signature',
      'does not fit: the trailer is damaged',
    );
  return new ImageKeys(cipher, hmac);
}

/** Null if it was not wrapped by this key. */
function unwrapTwice(wrap: Buffer, wrapped: Uint8Array, keySize: number): Buffer | null {
  const outer = tripleDes(wrap, OUTER_IV, wrapped);
  const outerLength = unpaddedLength(outer);
  if (outerLength < 2 * BLOCK || outerLength % BLOCK !== 0) return null;
  const reversed = Buffer.from(outer.subarray(0, outerLength)).reverse();
  const inner = tripleDes(wrap, reversed.subarray(0, BLOCK), reversed.subarray(BLOCK));
  // In front of the key the length of a description, which is empty.
  const isKey = unpaddedLength(inner) === 4 + keySize && inner.readUInt32BE(0) === 0;
  const key = isKey ? Buffer.from(inner.subarray(4, 4 + keySize)) : null;
  for (const secret of [outer, reversed, inner]) secret.fill(0);
  return key;
}

function derive(passphrase: Uint8Array, salt: Uint8Array, iterations: number): Buffer {
  // The caller's bytes may be shared between threads, which the derivation does not take.
  const secret = Buffer.from(passphrase);
  try {
    return pbkdf2Sync(secret, salt, iterations, WRAP_KEY_SIZE, 'sha1');
  } finally {
    secret.fill(0);
  }
}

/** Deciphered, padding and all. */
function tripleDes(key: Buffer, iv: Uint8Array, source: Uint8Array): Buffer {
  const decipher = createDecipheriv('des-ede3-cbc', key, iv).setAutoPadding(false);
  return Buffer.concat([decipher.update(source), decipher.final()]);
}

/** Bytes before the padding of PKCS #7, or -1 if it is none. */
function unpaddedLength(bytes: Buffer): number {
  const pad = bytes.at(-1) ?? 0;
  if (pad < 1 || pad > BLOCK || pad > bytes.length) return -1;
  return bytes.subarray(bytes.length - pad).every((byte) => byte === pad) ? bytes.length - pad : -1;
}
