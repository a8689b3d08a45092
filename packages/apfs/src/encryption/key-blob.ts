// Wrapped keys in a key bag, and how they are unwrapped. Source: images made by macOS; docs/formats/apfs.md.

import { createDecipheriv, createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto';
import { CorruptError, UnsupportedError } from '@tintype/core';
import { KDF_ROUNDS_LIMIT } from '../limits.js';
import { derElements, derValue, numberOf } from './der.js';

const TAG = { sequence: 0x30, hmac: 0x81, salt: 0x82, key: 0xa3 } as const;
const KEY_TAG = { uuid: 0x81, flags: 0x82, wrapped: 0x83, rounds: 0x84, salt: 0x85 } as const;
const HMAC_PREFIX = Buffer.from('011620171505', 'hex');
/** Initial value of RFC 3394; anything else after unwrapping means that the key was wrong. */
const WRAP_IV = Buffer.alloc(8, 0xa6);
const FLAG = { hardware: 1, halfKey: 2 } as const;

export interface KeyBlob {
  readonly uuid: Uint8Array;
  /** Volumes that were converted from CoreStorage have AES-128 keys. */
  readonly isHalf: boolean;
  readonly wrapped: Uint8Array;
  /** Of a blob that a passphrase unwraps. */
  readonly derivation: { readonly rounds: number; readonly salt: Uint8Array } | null;
}

/** @throws CorruptError, UnsupportedError for keys that only a machine's own hardware knows */
export function parseKeyBlob(bytes: Uint8Array): KeyBlob {
  const outer = derElements(derValue(derElements(bytes), TAG.sequence).value);
  const key = derValue(outer, TAG.key);
  requireIntegrity(key.whole, derValue(outer, TAG.salt).value, derValue(outer, TAG.hmac, 32).value);
  const inner = derElements(key.value);
  const flags = derValue(inner, KEY_TAG.flags, 8).value[0] as number;
  if ((flags & FLAG.hardware) !== 0)
    throw new UnsupportedError('the key of the volume is kept in the hardware of a Mac, and cannot be used elsewhere');
  const rounds = inner.find(({ tag }) => tag === KEY_TAG.rounds);
  return {
    uuid: derValue(inner, KEY_TAG.uuid, 16).value,
    isHalf: (flags & FLAG.halfKey) !== 0,
    wrapped: derValue(inner, KEY_TAG.wrapped, 40).value,
    derivation: rounds ? { rounds: numberOf(rounds.value), salt: derValue(inner, KEY_TAG.salt, 16).value } : null,
  };
}

function requireIntegrity(key: Uint8Array, salt: Uint8Array, hmac: Uint8Array): void {
  const hmacKey = createHash('sha256').update(HMAC_PREFIX).update(salt).digest();
  const wanted = createHmac('sha256', hmacKey).update(key).digest();
  if (!timingSafeEqual(wanted, hmac)) throw new CorruptError('key blob', 'hmac', 0, 'the blob is damaged');
}

/** The key-encrypting key, or null if the passphrase is another. @throws CorruptError */
export function keyFromPassphrase(blob: KeyBlob, passphrase: Uint8Array): Uint8Array | null {
  const { derivation } = blob;
  if (!derivation) throw new CorruptError('key blob', 'rounds', 0, 'the blob takes no passphrase');
  if (derivation.rounds < 1 || derivation.rounds > KDF_ROUNDS_LIMIT)
    throw new CorruptError('key blob', 'rounds', 0, `${derivation.rounds} rounds`);
  const derived = pbkdf2Sync(passphrase, derivation.salt, derivation.rounds, 32, 'sha256');
  const key = unwrapBlob(blob, derived);
  derived.fill(0);
  return key;
}

/** The key of a volume's data: data key and tweak key. @throws CorruptError */
export function volumeKey(blob: KeyBlob, keyEncryptingKey: Uint8Array): Uint8Array {
  const key = unwrapBlob(blob, keyEncryptingKey);
  if (!key) throw new CorruptError('key blob', 'wrapped', 0, 'the key of the volume does not unwrap');
  if (!blob.isHalf) return key;
  const tweak = createHash('sha256').update(key).update(blob.uuid).digest();
  return Buffer.concat([key, tweak.subarray(0, 16)]);
}

function unwrapBlob({ isHalf, wrapped }: KeyBlob, key: Uint8Array): Uint8Array | null {
  return isHalf ? unwrap(key.subarray(0, 16), wrapped.subarray(0, 24)) : unwrap(key, wrapped);
}

/** Key unwrapping of RFC 3394; null if the check value is another. */
export function unwrap(key: Uint8Array, wrapped: Uint8Array): Uint8Array | null {
  const decipher = createDecipheriv(`id-aes${key.length * 8}-wrap`, key, WRAP_IV);
  try {
    return Buffer.concat([decipher.update(wrapped), decipher.final()]);
  } catch {
    return null;
  }
}
