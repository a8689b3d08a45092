// Key bags: keys of volumes, wrapped by passphrases. Source: Apple File System Reference (kb_locker), corrected by images of
// macOS: the bag is encrypted by AES-XTS, not wrapped, and its byte count begins at this header.

import { bytes, struct, u16, u32, u64 } from '@tintype/core';
import { objectFields } from './object.js';

/** Numbers in o_type; on disk `syek` and `scer`. */
export const KEYBAG_TYPE = { container: 0x6b65_7973, volume: 0x7265_6373 } as const;
export const KEYBAG_VERSION = 2;
/** In a container's bag `volumeKey` and `unlockRecords`, in a volume's `unlockRecords` and `hint`. */
export const KEYBAG_TAG = { volumeKey: 2, unlockRecords: 3, hint: 4 } as const;
/** Entries begin at multiples of this. */
export const KEYBAG_ALIGNMENT = 16;

const layout = (size: number) => ({ order: 'little', size, source: 'Apple File System Reference' }) as const;

export const Keybag = struct('kb_locker', layout(48), {
  ...objectFields(),
  kl_version: u16('2'),
  kl_nkeys: u16('entries'),
  kl_nbytes: u32('bytes of these fields and all entries'),
  kl_padding: bytes(8),
});

export const KeybagEntry = struct('keybag_entry', layout(24), {
  ke_uuid: bytes(16, 'volume or user'),
  ke_tag: u16('2: key of a volume, 3: unlock records'),
  ke_keylen: u16('bytes that follow'),
  ke_padding: bytes(4),
});

export const Prange = struct('prange', layout(16), { pr_start_paddr: u64('block'), pr_block_count: u64('blocks') });
