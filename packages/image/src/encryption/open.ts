// Opens what is encrypted: a single file as a file of clear bytes, a bundle's bands each as one.

import {
  CorruptError,
  type FileStore,
  type Finding,
  finding,
  PassphraseError,
  RefusedError,
  type StoreFile,
  UnsupportedError,
} from '@tintype/core';
import { ChunkCipher } from './chunk-cipher.js';
import { EncryptedFile } from './file.js';
import { type EncryptionHeader, parseVersion2, readEncryptionHeader } from './header.js';
import { headerCopyPlace, settleHeader } from './header-copy.js';
import { Cdsaencr, Encrcdsa } from './structs.js';
import { type ImageKeys, unlock } from './unlock.js';

/** A chunk's number has 32 bits. */
const CHUNKS_LIMIT = 2 ** 32;
/** Of a sparse image with bands of 1 MiB, at the most. */
const TABLES = 1 << 24;

export interface Access {
  readonly store: FileStore;
  readonly path: string;
  readonly writable: boolean;
  readonly passphrase: Uint8Array | undefined;
  /** Of a header that was just made: nothing need be derived. They become those of the cipher, which wipes them. */
  readonly keys?: ImageKeys | undefined;
  /** How many pages of vectors are kept; default: as many as make one image fast. */
  readonly vectorPages?: number | undefined;
}

/** What is behind the encryption of a single file; `wipe` it once it is closed. */
export interface OpenedClear {
  readonly file: EncryptedFile;
  /** As much of it as can be read: all, unless it was cut off. */
  readonly readable: EncryptedFile;
  readonly cipher: ChunkCipher;
  readonly findings: readonly Finding[];
  /** Bytes that its chunks can number, less a share for the tables of a sparse image. */
  readonly largestDisk: number;
}

/** `file` is open, and locked if it is to be written. @throws PassphraseError, CorruptError, UnsupportedError */
export function openEncryptedFile(file: StoreFile, access: Access): OpenedClear {
  const header = settledHeader(file, headerCopyPlace(access.path, false), access);
  const { chunkSize, dataOffset, clearSize } = header;
  if (clearSize > CHUNKS_LIMIT * chunkSize)
    throw new UnsupportedError(`${access.path} is longer than its encryption can number`);
  const cipher = cipherOf(header, access);
  const stored = file.size() - dataOffset - (header.version === 1 ? Cdsaencr.size : 0);
  const keepSize = (size: number): void => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(size));
    // Within one sector, so it is there or not.
    file.write(Encrcdsa.at.clearSize, bytes);
  };
  const clear = new EncryptedFile(file, cipher, { dataOffset, clearSize, keepSize });
  const largestDisk = CHUNKS_LIMIT * chunkSize - TABLES;
  if (stored >= clearSize) return { file: clear, readable: clear, cipher, largestDisk, findings: [] };
  const whole = Math.max(0, Math.floor(stored / chunkSize) * chunkSize);
  return {
    file: clear,
    readable: new EncryptedFile(file, cipher, { dataOffset, clearSize: whole }),
    cipher,
    largestDisk,
    findings: [cutOff(clearSize, stored)],
  };
}

function cutOff(clearSize: number, stored: number): Finding {
  return finding('encrypted-cut-off', 'encrypted data', `${clearSize} bytes should be there, but only ${stored} are`);
}

/** For the bands of a bundle, by its token. */
export function openToken(access: Access, bandSize: number): ChunkCipher {
  const { store, path, writable } = access;
  const token = store.open(`${path}/token`, writable ? 'write' : 'read');
  try {
    const header = settledHeader(token, headerCopyPlace(path, true), access);
    if (bandSize % header.chunkSize !== 0)
      throw new CorruptError('token', 'chunkSize', Encrcdsa.at.chunkSize, `bands of ${bandSize} are not whole chunks`);
    return cipherOf(header, access);
  } finally {
    token.close();
  }
}

function cipherOf(
  header: EncryptionHeader,
  { path, writable, passphrase, keys: known, vectorPages }: Access,
): ChunkCipher {
  if (known) return new ChunkCipher(known, header.chunkSize, vectorPages);
  if (!passphrase) throw new PassphraseError('missing', path);
  const keys = unlock(header, passphrase, path);
  if (writable && header.version === 1) {
    keys.wipe();
    throw oldVersion(path);
  }
  return new ChunkCipher(keys, header.chunkSize, vectorPages);
}

/** Version 1 is only read. */
export function oldVersion(path: string): RefusedError {
  return new RefusedError('old-encryption', `${path} has encryption of version 1, which is only read`, { path });
}

/** The header in force, after a cut that came while it was replaced. */
export function settledHeader(
  file: StoreFile,
  place: { readonly folder: string; readonly path: string },
  { store, writable }: Pick<Access, 'store' | 'writable'>,
): EncryptionHeader {
  const copy = settleHeader(store, place, file, writable ? 'write' : 'read');
  const header = copy ? parseVersion2(copy, file.size()) : readEncryptionHeader(file);
  if (!header) throw new CorruptError('encryption header', 'signature', 0, 'is neither encrcdsa nor cdsaencr');
  return header;
}
