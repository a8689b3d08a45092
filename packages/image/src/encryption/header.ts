// What an encrypted image says of itself without its passphrase: version 2 in front (`encrcdsa`), version 1 behind
// (`cdsaencr`). In a bundle either is the whole `token`.

import { type CorruptError, type RecordOf, type StoreFile, UnsupportedError } from '@tintype/core';
import { HEADER_LIMIT, KDF_ROUNDS_LIMIT, KEY_ENTRIES_LIMIT } from '../limits.js';
import { ALGORITHM, CDSAENCR, Cdsaencr, ENCRCDSA, Encrcdsa, KEY_TYPE, KeyEntry, PassphraseBlob } from './structs.js';

const SMALLEST_CHUNK = 512;
const LARGEST_CHUNK = 1 << 20;

/** A key entry of version 2: which kind, and where its bytes lie in the header. */
export interface KeyPlace {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}

interface Facts {
  readonly keyBits: number;
  /** Bytes that are encrypted as one. */
  readonly chunkSize: number;
  /** Bytes; 0 in a token. */
  readonly clearSize: number;
  /** Where the cipher text begins in the file. */
  readonly dataOffset: number;
  /** Rounds of the key derivation, of the first passphrase. */
  readonly iterations: number;
  /** The structure's bytes; in version 2 as far as the last key reaches. */
  readonly bytes: Uint8Array;
}

export type EncryptionHeader =
  | (Facts & { readonly version: 1; readonly trailer: RecordOf<typeof Cdsaencr.fields> })
  | (Facts & { readonly version: 2; readonly keys: readonly KeyPlace[] });

/** Null if the file is not encrypted. @throws CorruptError, UnsupportedError */
export function readEncryptionHeader(file: StoreFile): EncryptionHeader | null {
  const size = file.size();
  const head = new Uint8Array(Math.min(size, Encrcdsa.size));
  file.read(0, head);
  if (isAt(head, 0, ENCRCDSA)) return readVersion2(file, size);
  if (size < Cdsaencr.size) return null;
  const tail = new Uint8Array(Cdsaencr.size);
  file.read(size - Cdsaencr.size, tail);
  return isAt(tail, Cdsaencr.at.magic, CDSAENCR) ? readVersion1(tail, size) : null;
}

function isAt(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  return Buffer.compare(bytes.subarray(at, at + text.length), text) === 0;
}

function readVersion2(file: StoreFile, size: number): EncryptionHeader {
  const bytes = new Uint8Array(Math.min(size, HEADER_LIMIT));
  file.read(0, bytes);
  return parseVersion2(bytes, size);
}

/** `bytes` begins with the header; `size` is that of the file it lies in. */
export function parseVersion2(bytes: Uint8Array, size: number): EncryptionHeader & { readonly version: 2 } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const header = Encrcdsa.read(view, 0);
  const bad = (field: keyof typeof Encrcdsa.fields, problem: string) => Encrcdsa.corrupt(view, 0, field, problem);
  if (header.version !== 2) throw new UnsupportedError(`encryption of version ${header.version} is not known`);
  requireCipher(header);
  requireChunk(header.chunkSize, (problem) => bad('chunkSize', problem));
  if (header.dataOffset > size) throw bad('dataOffset', 'lies behind the end of the file');
  if (header.keyCount < 1 || header.keyCount > KEY_ENTRIES_LIMIT) throw bad('keyCount', 'no image has so many keys');
  const keys: KeyPlace[] = [];
  const end = Math.min(header.dataOffset, bytes.length);
  for (let i = 0; i < header.keyCount; i += 1) {
    const { type, offset, size: length } = KeyEntry.read(view, Encrcdsa.size + i * KeyEntry.size);
    if (offset < Encrcdsa.size + header.keyCount * KeyEntry.size || offset + length > end)
      throw bad('keyCount', `key ${i} lies outside the header`);
    if (type === KEY_TYPE.passphrase && length < PassphraseBlob.size) throw bad('keyCount', `key ${i} is too short`);
    keys.push({ type, offset, size: length });
  }
  const first = keys.find(({ type }) => type === KEY_TYPE.passphrase);
  const { keyBits, chunkSize, clearSize, dataOffset } = header;
  return {
    version: 2,
    keyBits,
    chunkSize,
    clearSize,
    dataOffset,
    iterations: first ? PassphraseBlob.read(view, first.offset).iterations : 0,
    bytes: bytes.slice(0, Math.max(...keys.map(({ offset, size: length }) => offset + length))),
    keys,
  };
}

/** A blob's own numbers. @throws CorruptError, UnsupportedError */
export function requireBlob(view: DataView, at: number): RecordOf<typeof PassphraseBlob.fields> {
  const blob = PassphraseBlob.read(view, at);
  const bad = (field: keyof typeof PassphraseBlob.fields, problem: string) =>
    PassphraseBlob.corrupt(view, at, field, problem);
  requireWrapping(blob);
  if (blob.iterations < 1 || blob.iterations > KDF_ROUNDS_LIMIT) throw bad('iterations', 'no image has so many');
  if (blob.saltLength < 1 || blob.saltLength > 32) throw bad('saltLength', 'is out of range');
  if (blob.ivLength !== 8) throw bad('ivLength', 'is not 8');
  if (blob.blobLength < 8 || blob.blobLength > 512 || blob.blobLength % 8 !== 0)
    throw bad('blobLength', 'is out of range');
  return blob;
}

function readVersion1(bytes: Uint8Array, size: number): EncryptionHeader {
  const view = new DataView(bytes.buffer);
  const trailer = Cdsaencr.read(view, 0);
  const bad = (field: keyof typeof Cdsaencr.fields, problem: string) => Cdsaencr.corrupt(view, 0, field, problem);
  if (trailer.version !== 1) throw new UnsupportedError(`encryption of version ${trailer.version} is not known`);
  requireCipher(trailer);
  requireWrapping(trailer);
  requireChunk(trailer.chunkSize, (problem) => bad('chunkSize', problem));
  if (trailer.iterations < 1 || trailer.iterations > KDF_ROUNDS_LIMIT) throw bad('iterations', 'no image has so many');
  if (trailer.saltLength < 1 || trailer.saltLength > 32) throw bad('saltLength', 'is out of range');
  for (const field of ['keyLength', 'ivKeyLength', 'integrityLength'] as const)
    if (trailer[field] < 16 || trailer[field] > 256 || trailer[field] % 8 !== 0) throw bad(field, 'is out of range');
  if (trailer.clearSize > size) throw bad('clearSize', 'is more than the file holds');
  const { keyBits, chunkSize, clearSize, iterations } = trailer;
  return { version: 1, keyBits, chunkSize, clearSize, dataOffset: 0, iterations, bytes, trailer };
}

function requireCipher(header: {
  readonly keyBits: number;
  readonly blockIvSize: number;
  readonly blockMode: number;
  readonly blockAlgorithm: number;
  readonly ivKeyAlgorithm: number;
  readonly ivKeyBits: number;
}): void {
  const { keyBits, blockIvSize, blockMode, blockAlgorithm, ivKeyAlgorithm, ivKeyBits } = header;
  if (
    (keyBits !== 128 && keyBits !== 256) ||
    blockIvSize !== 16 ||
    blockMode !== ALGORITHM.cbcIv8 ||
    blockAlgorithm !== ALGORITHM.aes ||
    ivKeyAlgorithm !== ALGORITHM.hmacSha1 ||
    ivKeyBits !== 160
  )
    throw new UnsupportedError('encryption other than AES-128 and AES-256 in CBC mode cannot be read', {
      keyBits,
      blockMode,
      blockAlgorithm,
      ivKeyAlgorithm,
    });
}

function requireWrapping(header: {
  readonly kdfAlgorithm: number;
  readonly prf: number;
  readonly wrapKeyBits: number;
  readonly wrapAlgorithm: number;
  readonly wrapPadding: number;
  readonly wrapMode: number;
}): void {
  const { kdfAlgorithm, prf, wrapKeyBits, wrapAlgorithm, wrapPadding, wrapMode } = header;
  if (
    kdfAlgorithm !== ALGORITHM.pbkdf2 ||
    prf !== 0 ||
    wrapKeyBits !== 192 ||
    wrapAlgorithm !== ALGORITHM.tripleDes ||
    wrapPadding !== ALGORITHM.pkcs7 ||
    wrapMode !== ALGORITHM.cbcPadIv8
  )
    throw new UnsupportedError('keys that are wrapped otherwise than by PBKDF2 and 3DES cannot be read', {
      kdfAlgorithm,
      prf,
      wrapAlgorithm,
    });
}

function requireChunk(chunkSize: number, bad: (problem: string) => CorruptError): void {
  const isPower = (chunkSize & (chunkSize - 1)) === 0;
  if (chunkSize < SMALLEST_CHUNK || chunkSize > LARGEST_CHUNK || !isPower) throw bad('no chunk has this size');
}
