// Fields of a volume superblock, of the live one and of those that snapshots keep. See docs/formats/apfs.md.

import { u64le } from '@tintype/core';
import type { VolumeHead } from '../reading/volume-head.js';
import { OBJECT_TYPE, STORAGE } from '../structs/object.js';
import { MIN_DOC_ID, ModifiedBy, VOLUME_FLAGS, VOLUME_NAME_SIZE, VolumeSuperblock } from '../structs/volume.js';
import { exactly, type FieldRules, judgeFields, oneOf, onlyBits, ZERO } from './fields.js';
import type { Kind } from './kinds.js';

const at = VolumeSuperblock.at;
const MIN_NEXT_ID = 16n;
const PHYSICAL_TREE = STORAGE.physical + OBJECT_TYPE.btree;
const META_CRYPTO_MAJOR = 5;
/** Prerelease of defragmenting is left out: such a volume is not what it says. */
const KNOWN_FEATURES = 0x1e;
const KNOWN_FLAGS = 0x1ff;
const ROLES = [0, 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0xc0, 0x100, 0x140, 0x180, 0x240, 0x2c0];
const MODIFIED_BY = 8;
const RESERVED_FLAG = 4;
const EFFACEABLE = 2;
const PREVIOUSLY_SEALED = 0x80;
const PER_FILE_KEYS = 0x100;

export interface HeadFacts {
  readonly head: VolumeHead;
  readonly slot: number;
  /** Transaction that the superblock may not be ahead of. */
  readonly xid: number;
}

/** Tells what is wrong. */
export type Tell = (kind: Kind, message: string) => void;

const RULES: FieldRules<typeof VolumeSuperblock.fields, HeadFacts> = {
  apfs_fs_index: exactly(({ slot }) => slot),
  apfs_readonly_compatible_features: ZERO,
  apfs_meta_crypto_major: oneOf(0, META_CRYPTO_MAJOR),
  apfs_meta_crypto_minor: ZERO,
  apfs_meta_crypto_flags: ZERO,
  apfs_meta_crypto_unused: ZERO,
  apfs_extentref_tree_type: oneOf(PHYSICAL_TREE),
  apfs_snap_meta_tree_type: oneOf(PHYSICAL_TREE),
  apfs_next_obj_id: { wants: '10 or more', holds: (value) => value >= MIN_NEXT_ID },
  apfs_next_doc_id: { wants: `${MIN_DOC_ID} or more`, holds: (value) => value >= BigInt(MIN_DOC_ID) },
  apfs_reserved: ZERO,
  apfs_fext_tree_type: oneOf(0, PHYSICAL_TREE),
  apfs_reserved_type: oneOf(0, PHYSICAL_TREE),
  apfs_reserved_oid: ZERO,
};
/** What newer systems may have given a meaning, and what nothing depends on. */
const ODD: FieldRules<typeof VolumeSuperblock.fields, HeadFacts> = {
  apfs_features: onlyBits(KNOWN_FEATURES),
  apfs_fs_flags: onlyBits(KNOWN_FLAGS),
  apfs_role: oneOf(...ROLES),
};
/** Of a superblock that a snapshot keeps: its trees are found otherwise. */
const SNAPSHOT_RULES: FieldRules<typeof VolumeSuperblock.fields, unknown> = {
  apfs_omap_oid: ZERO,
  apfs_extentref_tree_oid: ZERO,
  apfs_snap_meta_tree_oid: ZERO,
};

/** Every field by itself, and those that depend on each other. @throws CorruptError */
export function checkVolumeFields(facts: HeadFacts, tell: Tell): void {
  const judged = { view: facts.head.view, at: 0, facts };
  judgeFields(VolumeSuperblock, RULES, judged, (message) => tell('volume-field', message));
  judgeFields(VolumeSuperblock, ODD, judged, (message) => tell('volume-odd', message));
  checkRelations(facts, tell);
  checkSpaceFields(facts, tell);
  checkWriters(facts, tell);
}

/** Of the superblock of a snapshot only. */
export function checkSnapshotFields(head: VolumeHead, tell: Tell): void {
  const judged = { view: head.view, at: 0, facts: null };
  judgeFields(VolumeSuperblock, SNAPSHOT_RULES, judged, (message) => tell('snapshot', message));
}

function checkRelations({ head }: HeadFacts, tell: Tell): void {
  const rule = (holds: boolean, message: string): void => {
    if (!holds) tell('volume-field', message);
  };
  const has = (flag: number): boolean => (head.flags & flag) !== 0;
  rule(head.unknownFeatures === 0, `features ${head.unknownFeatures.toString(16)} are not known`);
  rule(!(head.has('caseInsensitive') && head.has('normalizationInsensitive')), 'compares names in two ways');
  const name = new Uint8Array(head.view.buffer, head.view.byteOffset + at.apfs_volname, VOLUME_NAME_SIZE);
  rule(name.indexOf(0) > 0, 'has no name that ends');
  rule(!head.isSealed || head.number('apfs_fext_tree_oid') > 0, 'is sealed, but has no tree of extents');
  rule(!(head.isSealed && has(PREVIOUSLY_SEALED)), 'is sealed, and was once');
  rule(!has(RESERVED_FLAG), 'has a flag that is reserved');
  rule(has(PER_FILE_KEYS) === head.has('perFileKeys'), 'says of keys for each file in two ways');
  const isClear = has(VOLUME_FLAGS.unencrypted);
  rule(!(isClear && has(VOLUME_FLAGS.oneKey | EFFACEABLE)), 'is not encrypted, and has a key');
  const root = head.view.getUint32(at.apfs_root_tree_type, true);
  const isTree = root === OBJECT_TYPE.btree || (head.isSealed && root === PHYSICAL_TREE);
  rule(isTree, `apfs_root_tree_type is ${root.toString(16)}, which is no tree of files`);
}

function checkSpaceFields({ head }: HeadFacts, tell: Tell): void {
  const quota = head.number('apfs_fs_quota_block_count');
  const inUse = head.number('apfs_fs_alloc_count');
  const reserved = u64le(head.view, 0, at.apfs_fs_reserve_block_count);
  if (quota > 0 && Math.max(inUse, reserved) > quota)
    tell('volume-field', `uses ${inUse} blocks and reserves ${reserved}, where ${quota} are allowed`);
  const given = u64le(head.view, 0, at.apfs_total_blocks_alloced);
  const freed = u64le(head.view, 0, at.apfs_total_blocks_freed);
  if (freed > given) tell('volume-odd', `${freed} blocks were freed of ${given} that were ever given`);
}

/** Programs that wrote it, the newest first; the one that made it was before them all. */
function checkWriters({ head, xid }: HeadFacts, tell: Tell): void {
  const bad = (message: string): void => tell('volume-odd', message);
  const writer = (place: number): { name: number; last: number; isEmpty: boolean } => {
    const id = new Uint8Array(head.view.buffer, head.view.byteOffset + place, ModifiedBy.size);
    const name = id.subarray(0, ModifiedBy.at.timestamp).indexOf(0);
    const isEmpty = id.subarray(ModifiedBy.at.timestamp).every((byte) => byte === 0);
    return { name, last: u64le(head.view, place, ModifiedBy.at.last_xid), isEmpty };
  };
  const maker = writer(at.apfs_formatted_by);
  if (maker.name <= 0) bad('who formatted it is not told');
  if (maker.last > xid) bad(`was formatted in transaction ${maker.last}, after ${xid}`);
  let before = xid;
  let hasEnded = false;
  for (let i = 0; i < MODIFIED_BY; i += 1) {
    const { name, last, isEmpty } = writer(at.apfs_modified_by + i * ModifiedBy.size);
    hasEnded ||= name === 0;
    if (hasEnded) {
      if (!isEmpty || name !== 0) bad(`writer ${i} has no name, or comes behind one that has none`);
      continue;
    }
    if (name < 0) bad(`the name of writer ${i} does not end`);
    if (last > before || last <= maker.last) bad(`writer ${i} of transaction ${last} is out of order`);
    before = last;
  }
}
