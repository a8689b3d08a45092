// Fields of the container superblock, and of the maps of its checkpoint. See docs/formats/apfs.md.

import { u32le, u64le } from '@tintype/core';
import { geometry } from '../geometry.js';
import { readEphemeral } from '../reading/checkpoint-choice.js';
import type { ContainerReader } from '../reading/container-reader.js';
import { CHECKPOINT_MAP_LAST, CheckpointMap, CheckpointMapping } from '../structs/checkpoint.js';
import { BLOCK_SIZE, NX_FLAGS, NxSuperblock } from '../structs/container.js';
import { Prange } from '../structs/keybag.js';
import { OBJECT_TYPE, ObjectHeader, TYPE_MASK } from '../structs/object.js';
import { type FieldRules, judgeFields, onlyBits, ZERO } from './fields.js';
import type { Report } from './report.js';

/** What is looked into, and where what is wrong goes. */
interface Judged {
  readonly container: ContainerReader;
  readonly report: Report;
}

const nx = NxSuperblock.at;
/** Low capacity Fusion is left out: who can be read is none. */
const KNOWN_FEATURES = 1;
/** What nx_ephemeral_info begins with: version, structures for each volume, and their least number. */
const EPHEMERAL_INFO = (4n << 16n) | 1n;
const LOW_64 = 0xffff_ffff_ffff_ffffn;

const SUPERBLOCK: FieldRules<typeof NxSuperblock.fields, number | null> = {
  nx_features: onlyBits(KNOWN_FEATURES),
  nx_readonly_compatible_features: ZERO,
  nx_test_type: ZERO,
  nx_flags: onlyBits(NX_FLAGS.cryptoSoftware),
  nx_fusion_uuid: ZERO,
  nx_ephemeral_info: {
    wants: (least) => `${least?.toString(16)} at least for each volume`,
    holds: (value, least) => least === null || (value & LOW_64) === ((BigInt(least) << 32n) | EPHEMERAL_INFO),
  },
  nx_test_oid: ZERO,
  nx_fusion_mt_oid: ZERO,
  nx_fusion_wbc_oid: ZERO,
  nx_fusion_wbc: ZERO,
};
const MAP: FieldRules<typeof CheckpointMap.fields, unknown> = {
  cpm_flags: onlyBits(CHECKPOINT_MAP_LAST),
};
const MAPPING: FieldRules<typeof CheckpointMapping.fields, unknown> = { cpm_pad: ZERO };
export function checkSuperblockFields({ container, report }: Judged): void {
  const { superblock, blocks } = container;
  const least = blocks.size === BLOCK_SIZE ? geometry(blocks.count).minEphemerals : null;
  report.header('container superblock', superblock);
  judgeFields(NxSuperblock, SUPERBLOCK, { view: superblock, at: 0, facts: least }, (message) =>
    report.add('superblock-field', 'container superblock', message),
  );
  const start = u64le(superblock, 0, nx.nx_keylocker_start);
  const count = u64le(superblock, 0, nx.nx_keylocker_count);
  report.expect(start > 0 === count > 0, 'keybag', 'container superblock', `a key bag of ${count} blocks at ${start}`);
  const media = Prange.read(superblock, nx.nx_mkb_locker);
  const isRange = media.pr_start_paddr > 0 === media.pr_block_count > 0;
  report.expect(isRange, 'keybag', 'container superblock', `a media key bag of ${media.pr_block_count} blocks`);
}

/** The maps of the checkpoint, which have been read, and whether objects are of the types that they say. */
export function checkMaps({ container, report }: Judged): void {
  const { superblock, blocks, checkpoint } = container;
  const base = u64le(superblock, 0, nx.nx_xp_desc_base);
  const ring = u32le(superblock, 0, nx.nx_xp_desc_blocks);
  const index = u32le(superblock, 0, nx.nx_xp_desc_index);
  const maps = u32le(superblock, 0, nx.nx_xp_desc_len) - 1;
  for (let i = 0; i < maps; i += 1) {
    const block = base + ((index + i) % ring);
    const bytes = blocks.read(block);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const tell = (message: string): void => report.add('checkpoint-map', `checkpoint map ${block}`, message);
    report.header(`checkpoint map ${block}`, view);
    judgeFields(CheckpointMap, MAP, { view, at: 0, facts: null }, tell);
    const count = u32le(view, 0, CheckpointMap.at.cpm_count);
    for (let at = 0; at < count; at += 1)
      judgeFields(
        CheckpointMapping,
        MAPPING,
        { view, at: CheckpointMap.size + at * CheckpointMapping.size, facts: null },
        tell,
      );
  }
  for (const place of checkpoint.ephemerals) {
    const object = readEphemeral(blocks, superblock, place);
    report.header(`object ${place.oid}`, object);
    const type = u32le(object, 0, ObjectHeader.at.o_type);
    const says = `object ${place.oid} is of type ${type.toString(16)}, not ${place.type.toString(16)}`;
    report.expect(type === place.type, 'checkpoint-map', `checkpoint ${container.xid}`, says);
  }
}

/** Objects of a checkpoint of which each has one that leads to it. Others may belong to what only newer systems know. */
const LED_TO: readonly number[] = [
  OBJECT_TYPE.spaceman,
  OBJECT_TYPE.reaper,
  OBJECT_TYPE.reapList,
  OBJECT_TYPE.btree,
  OBJECT_TYPE.btreeNode,
];

/** What nothing led to when the space manager, its queues and the reaper were looked at. */
export function checkUnclaimed({ container, report }: Judged, claimed: ReadonlySet<number>): void {
  for (const { oid, type } of container.checkpoint.ephemerals)
    if (!claimed.has(oid) && LED_TO.includes(type & TYPE_MASK))
      report.add('checkpoint-map', `checkpoint ${container.xid}`, `nothing leads to object ${oid}`);
}
