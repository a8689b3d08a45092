// From a passphrase to the key of a volume. See docs/formats/apfs.md.

import { CorruptError, inEachForm, PassphraseError, UnsupportedError, u64le } from '@tintype/core';
import type { Blocks } from '../reading/blocks.js';
import { NxSuperblock } from '../structs/container.js';
import { KEYBAG_TAG } from '../structs/keybag.js';
import { keyFromPassphrase, parseKeyBlob, volumeKey } from './key-blob.js';
import { readKeybag, volumeBagPlace, volumeKeyEntry } from './keybag.js';
import { Xts } from './xts.js';

export interface LockedVolume {
  readonly name: string;
  readonly uuid: Uint8Array;
}

/**
 * The cipher of a volume's nodes and data. Every unlock record is tried, with each Unicode normal form of the
 * passphrase: users, and the recovery key with its dashes.
 * @throws PassphraseError, CorruptError, UnsupportedError
 */
export function unlock(
  blocks: Blocks,
  superblock: DataView,
  volume: LockedVolume,
  passphrase: Uint8Array | undefined,
): Xts {
  const start = u64le(superblock, 0, NxSuperblock.at.nx_keylocker_start);
  if (start === 0) throw new UnsupportedError(`the container has no keys for its encrypted volume ${volume.name}`);
  if (!passphrase) throw new PassphraseError('missing', volume.name);
  const count = u64le(superblock, 0, NxSuperblock.at.nx_keylocker_count);
  const uuid = new Uint8Array(superblock.buffer, superblock.byteOffset + NxSuperblock.at.nx_uuid, 16);
  const container = readKeybag(blocks, { start, count, uuid, kind: 'container' });
  const records = readKeybag(blocks, volumeBagPlace(container, volume.uuid));
  const wrapped = parseKeyBlob(volumeKeyEntry(container, volume.uuid));
  let damage: CorruptError | UnsupportedError | null = null;
  for (const { tag, data } of records) {
    if (tag !== KEYBAG_TAG.unlockRecords) continue;
    try {
      const blob = parseKeyBlob(data);
      const key = inEachForm(passphrase, (form) => keyFromPassphrase(blob, form));
      if (key) return new Xts(volumeKey(wrapped, key));
    } catch (error) {
      if (!(error instanceof CorruptError || error instanceof UnsupportedError)) throw error;
      damage ??= error;
    }
  }
  throw damage ?? new PassphraseError('wrong', volume.name);
}
