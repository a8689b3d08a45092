// What a volume superblock says. Source: Apple File System Reference; docs/formats/apfs.md.

import { CorruptError, nameFromBytes, u32le, u64le } from '@tintype/core';
import type { NameRule } from '../records/directory.js';
import { APFS_MAGIC, VOLUME_FLAGS, VOLUME_INCOMPAT, VOLUME_NAME_SIZE, VolumeSuperblock } from '../structs/volume.js';
import { nanosAt, secondsAt } from '../time.js';
import { uuidText } from '../uuid.js';

const at = VolumeSuperblock.at;
/** All bits of apfs_incompatible_features that are known. */
const KNOWN = Object.values(VOLUME_INCOMPAT).reduce((bits, bit) => bits | bit, 0);
const PER_FILE_KEYS = 0x100;

export class VolumeHead {
  /** One block. */
  readonly view: DataView;

  /** @throws CorruptError */
  constructor(view: DataView) {
    this.view = view;
    if (u32le(view, 0, at.apfs_magic) !== APFS_MAGIC)
      throw new CorruptError('apfs_superblock', 'apfs_magic', at.apfs_magic, 'is not APSB');
  }

  get name(): string {
    const bytes = new Uint8Array(this.view.buffer, this.view.byteOffset + at.apfs_volname, VOLUME_NAME_SIZE);
    const end = bytes.indexOf(0);
    return nameFromBytes(end < 0 ? bytes : bytes.subarray(0, end));
  }
  get uuidBytes(): Uint8Array {
    return new Uint8Array(this.view.buffer, this.view.byteOffset + at.apfs_vol_uuid, 16);
  }
  get uuid(): string {
    return uuidText(this.uuidBytes);
  }
  get slot(): number {
    return u32le(this.view, 0, at.apfs_fs_index);
  }
  get role(): number {
    return this.view.getUint16(at.apfs_role, true);
  }
  /** UUID of the volume group, or null. */
  get group(): string | null {
    const bytes = new Uint8Array(this.view.buffer, this.view.byteOffset + at.apfs_volume_group_id, 16);
    return bytes.every((byte) => byte === 0) ? null : uuidText(bytes);
  }
  get incompatible(): number {
    return u64le(this.view, 0, at.apfs_incompatible_features);
  }
  /** Bits that this software does not know; 0 if it knows all. */
  get unknownFeatures(): number {
    return this.incompatible - (this.incompatible & KNOWN);
  }
  has(feature: keyof typeof VOLUME_INCOMPAT): boolean {
    return (this.incompatible & VOLUME_INCOMPAT[feature]) !== 0;
  }
  get nameRule(): NameRule {
    if (this.has('caseInsensitive')) return 'folded';
    return this.has('normalizationInsensitive') ? 'exact' : 'plain';
  }
  get isSealed(): boolean {
    return this.has('sealed');
  }
  get flags(): number {
    return this.view.getUint32(at.apfs_fs_flags, true);
  }
  get isEncrypted(): boolean {
    return (this.flags & (VOLUME_FLAGS.unencrypted | PER_FILE_KEYS)) === 0;
  }
  /** Encrypted with a key for each file, or on its way to or from encryption: contents cannot be read. */
  get hasUnreadableContents(): boolean {
    if (this.number('apfs_er_state_oid') !== 0 || this.has('perFileKeys') || (this.flags & PER_FILE_KEYS) !== 0)
      return true;
    return this.isEncrypted && (this.flags & VOLUME_FLAGS.oneKey) === 0;
  }
  /** Seconds since 1970. */
  get modified(): number {
    return secondsAt(this.view, at.apfs_last_mod_time);
  }
  get modifiedNanos(): number {
    return nanosAt(this.view, at.apfs_last_mod_time);
  }
  /** The program that changed it last, or formatted it. */
  get writer(): string {
    return this.#text(at.apfs_modified_by, 32) || this.#text(at.apfs_formatted_by, 32);
  }

  /** A field of 64 bits. @throws CorruptError from 2^53 on */
  number(field: NumberField): number {
    return u64le(this.view, 0, at[field]);
  }

  #text(offset: number, size: number): string {
    const bytes = new Uint8Array(this.view.buffer, this.view.byteOffset + offset, size);
    const end = bytes.indexOf(0);
    return nameFromBytes(end < 0 ? bytes : bytes.subarray(0, end));
  }
}

export type NumberField =
  | 'apfs_omap_oid'
  | 'apfs_root_tree_oid'
  | 'apfs_extentref_tree_oid'
  | 'apfs_snap_meta_tree_oid'
  | 'apfs_revert_to_xid'
  | 'apfs_revert_to_sblock_oid'
  | 'apfs_root_to_xid'
  | 'apfs_er_state_oid'
  | 'apfs_integrity_meta_oid'
  | 'apfs_fext_tree_oid'
  | 'apfs_num_files'
  | 'apfs_num_directories'
  | 'apfs_num_symlinks'
  | 'apfs_num_other_fsobjects'
  | 'apfs_num_snapshots'
  | 'apfs_fs_alloc_count'
  | 'apfs_fs_quota_block_count';
