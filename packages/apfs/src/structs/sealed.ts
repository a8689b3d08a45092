// What a sealed volume has beside others. Source: Apple File System Reference (integrity_meta_phys_t, j_file_data_hash_val_t).

import { bytes, struct, u8, u16, u32, u64 } from '@tintype/core';
import { objectFields } from './object.js';

const layout = (size: number) => ({ order: 'little', size, source: 'Apple File System Reference' }) as const;

/** Seal broken. */
export const INTEGRITY_BROKEN = 1;
/** What im_hash_type means, and bytes of the hash. */
export const HASHES: Readonly<Record<number, { readonly algorithm: string; readonly size: number }>> = {
  1: { algorithm: 'sha256', size: 32 },
  2: { algorithm: 'sha512-256', size: 32 },
  3: { algorithm: 'sha384', size: 48 },
  4: { algorithm: 'sha512', size: 64 },
};

export const IntegrityMetadata = struct('integrity_meta_phys', layout(0x80), {
  ...objectFields(),
  im_version: u32('1 or 2'),
  im_flags: u32('1: the seal is broken'),
  im_hash_type: u32('1: SHA-256, 2: SHA-512/256, 3: SHA-384, 4: SHA-512'),
  im_root_hash_offset: u32('bytes from the start of the object to the hash of the root'),
  im_broken_xid: u64('transaction that broke the seal'),
  im_reserved: bytes(72),
});

/** Of a record of type 0xD whose key has kind 1 in the high eight bits of its second word. */
export const FileHashValue = struct('j_file_data_hash_val', layout(3), {
  hashed_len: u16('blocks'),
  hash_size: u8('bytes of the hash that follows'),
});
