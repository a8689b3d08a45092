// Where the driver lies that the firmware of a Mac starts from. Source: Apple File System Reference (nx_efi_jumpstart_t).

import { bytes, struct, u32 } from '@tintype/core';
import { objectFields } from './object.js';

/** `JSDR` as a little-endian number. */
export const EFI_JUMPSTART_MAGIC = 0x5244_534a;
export const EFI_JUMPSTART_VERSION = 1;

export const EfiJumpstart = struct(
  'nx_efi_jumpstart',
  { order: 'little', size: 0xb0, source: 'Apple File System Reference' },
  {
    ...objectFields(),
    nej_magic: u32('JSDR'),
    nej_version: u32('1'),
    nej_efi_file_len: u32('bytes of the driver'),
    nej_num_extents: u32('ranges of blocks that follow'),
    nej_reserved: bytes(128),
  },
);
