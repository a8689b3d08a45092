// The header of a new encrypted image, as macOS makes it today: version 2, chunks of 512 bytes, one passphrase.

import { assert } from '@tintype/core';
import { DEFAULT_KDF_ROUNDS } from '../limits.js';
import { ALGORITHM, ENCRCDSA, Encrcdsa, HMAC_KEY_SIZE, KEY_TYPE, KeyEntry, PassphraseBlob } from './structs.js';
import { ImageKeys, wrapKeys } from './unlock.js';

export const NEW_CHUNK = 512;
/** Room for more keys; the data follow. */
export const NEW_DATA_OFFSET = 122_368;

export interface NewEncryption {
  readonly keyBits: 128 | 256;
  readonly passphrase: Uint8Array;
  /** Rounds of the key derivation. */
  readonly rounds?: number | undefined;
  readonly random: (target: Uint8Array) => void;
}

/** `clearSize` is 0 for a bundle. The keys are the caller's to wipe. */
export function newEncryption(
  { keyBits, passphrase, rounds, random }: NewEncryption,
  clearSize: number,
): { readonly header: Uint8Array; readonly keys: ImageKeys } {
  assert(passphrase.length > 0, 'a passphrase is not empty');
  const keys = new ImageKeys(Buffer.alloc(keyBits / 8), Buffer.alloc(HMAC_KEY_SIZE));
  random(keys.cipher);
  random(keys.hmac);
  const uuid = new Uint8Array(16);
  random(uuid);
  const header = new Uint8Array(NEW_DATA_OFFSET);
  const view = new DataView(header.buffer);
  const offset = Encrcdsa.size + KeyEntry.size;
  Encrcdsa.write(view, 0, {
    signature: ENCRCDSA,
    version: 2,
    blockIvSize: 16,
    blockMode: ALGORITHM.cbcIv8,
    blockAlgorithm: ALGORITHM.aes,
    keyBits,
    ivKeyAlgorithm: ALGORITHM.hmacSha1,
    ivKeyBits: HMAC_KEY_SIZE * 8,
    uuid,
    chunkSize: NEW_CHUNK,
    clearSize,
    dataOffset: NEW_DATA_OFFSET,
    keyCount: 1,
  });
  KeyEntry.write(view, Encrcdsa.size, { type: KEY_TYPE.passphrase, offset, size: PassphraseBlob.size });
  header.set(wrapKeys(keys, passphrase, { iterations: rounds ?? DEFAULT_KDF_ROUNDS, random }), offset);
  return { header, keys };
}
