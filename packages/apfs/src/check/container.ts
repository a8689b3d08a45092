// The container itself: superblock, copy, rings of the checkpoints, reaper, key bag. See docs/formats/apfs.md.

import { type BlockDevice, u32le, u64le } from '@tintype/core';
import { get64 } from '../object.js';
import type { ContainerReader } from '../reading/container-reader.js';
import { FsOid, NX_MAX_FILE_SYSTEMS, NxSuperblock, OID_RESERVED_COUNT } from '../structs/container.js';
import type { BlockMap } from './block-map.js';
import type { CatalogCheck } from './catalog.js';
import type { Changes } from './changes.js';
import { checkMaps, checkSuperblockFields } from './container-fields.js';
import { checkJumpstart } from './efi-jumpstart.js';
import { checkContainerBag } from './keybags.js';
import type { Counts } from './links.js';
import { checkReaper } from './reaper.js';
import type { Report } from './report.js';
import { checkGroups } from './volume-groups.js';

const nx = NxSuperblock.at;
/** What block 0 may have of its own: checksum, counters, flags. */
const COPY_DIFFERS = [
  [0, 8],
  [nx.nx_counters, nx.nx_counters + 256],
  [nx.nx_flags, nx.nx_flags + 8],
] as const;
const VOLUME_SHARE = 512 * 1024 * 1024;

export interface ContainerCheck {
  readonly device: BlockDevice;
  readonly container: ContainerReader;
  readonly report: Report;
  readonly used: BlockMap;
  /** Objects of the checkpoint that something leads to. */
  readonly claimed: Set<number>;
  /** Told what was found of each volume that could be looked into: a repair goes on from there. */
  readonly seen?: (facts: VolumeFacts) => void;
}

/** What a volume's structures say of each other, as it is now. */
export interface VolumeFacts {
  /** Of its superblock. */
  readonly oid: number;
  readonly catalog: CatalogCheck;
  readonly counts: Counts;
  readonly snapshots: number;
  /** Blocks that its structures hold; null if not all of them could be followed. */
  readonly blocks: number | null;
  /** Counts of all its reference trees. */
  readonly references: Changes;
}

/** False if not everything that is in use could be marked. */
export function checkContainer(check: ContainerCheck): boolean {
  for (const { xid, reason } of check.container.checkpoint.discarded)
    check.report.add('checkpoint-discarded', `checkpoint ${xid}`, `checkpoint ${xid} cannot be used: ${reason}`);
  checkCopy(check);
  const { report } = check;
  const isSettled = report.attempt('superblock-field', 'container superblock', () => checkFields(check)) ?? false;
  report.attempt('superblock-field', 'container superblock', () => checkSuperblockFields(check));
  report.attempt('checkpoint-map', `checkpoint ${check.container.xid}`, () => checkMaps(check));
  report.attempt('checkpoint-ring', `checkpoint ${check.container.xid}`, () => checkRings(check));
  const isIdle = report.attempt('reaper', 'reaper', () => checkReaper(check)) ?? false;
  checkContainerBag(check);
  checkGroups(check.container.volumes(), report);
  const marked = [
    report.attempt('superblock-field', 'container superblock', () => markFixed(check) ?? true),
    report.attempt('efi-jumpstart', 'EFI jumpstart', () => checkDriver(check) ?? true),
  ];
  return isIdle && isSettled && !marked.includes(null);
}

function checkCopy({ device, container, report }: ContainerCheck): void {
  const { copyXid } = container.checkpoint;
  if (copyXid === null) {
    report.add('copy-damaged', 'block 0', 'the copy of the superblock is damaged');
    return;
  }
  // An older one is of a container that was not closed: no fault, as the newest checkpoint is whole.
  if (copyXid !== container.xid) return;
  const bytes = new Uint8Array(container.blocks.size);
  device.read(0, bytes);
  const { superblock } = container;
  for (let at = 0; at < bytes.length; at += 1) {
    const skipped = COPY_DIFFERS.find(([start, end]) => at >= start && at < end);
    if (skipped) at = skipped[1] - 1;
    else if (bytes[at] !== superblock.getUint8(at)) {
      report.add('copy-differs', 'block 0', `differs from the newest superblock at byte ${at}`);
      return;
    }
  }
}

/** False while a resize is not finished: then blocks are in use that no volume knows of. */
function checkFields({ container, report }: ContainerCheck): boolean {
  const { superblock, blocks, xid } = container;
  const rule = (holds: boolean, message: string): void =>
    report.expect(holds, 'superblock-field', 'container superblock', message);
  const next = u64le(superblock, 0, nx.nx_next_xid);
  rule(next === xid + 1, `the next transaction is ${next} after ${xid}`);
  const wanted = Math.min(NX_MAX_FILE_SYSTEMS, Math.ceil((blocks.count * blocks.size) / VOLUME_SHARE));
  const most = u32le(superblock, 0, nx.nx_max_file_systems);
  rule(most === wanted, `at most ${most} volumes, where ${wanted} are allowed`);
  const blockedOut = superblock.getBigUint64(nx.nx_blocked_out_prange + 8, true);
  const evicted = superblock.getBigUint64(nx.nx_evict_mapping_tree_oid, true);
  const isSettled = blockedOut === 0n && evicted === 0n;
  report.expect(isSettled, 'resize-pending', 'container superblock', 'a resize was not finished');
  for (let slot = most; slot < NX_MAX_FILE_SYSTEMS; slot += 1)
    rule(u64le(superblock, nx.nx_fs_oid + slot * FsOid.size, FsOid.at.oid) === 0, `slot ${slot} may not hold a volume`);
  rule(blocks.count * blocks.size <= blocks.device.size, `${blocks.count} blocks do not fit the device`);
  return isSettled;
}

/** Checkpoints follow one another in both rings, and the objects of one follow one another without a gap. */
function checkRings({ container, report }: ContainerCheck): void {
  const { superblock, checkpoint, blocks } = container;
  const place = `checkpoint ${container.xid}`;
  for (const area of ['desc', 'data'] as const) {
    const count = u32le(superblock, 0, nx[`nx_xp_${area}_blocks`]);
    const index = u32le(superblock, 0, nx[`nx_xp_${area}_index`]);
    const length = u32le(superblock, 0, nx[`nx_xp_${area}_len`]);
    const next = u32le(superblock, 0, nx[`nx_xp_${area}_next`]);
    const isWhole = index < count && length <= count && next === (index + length) % count;
    report.expect(isWhole, 'checkpoint-ring', place, `${area} area: ${length} of ${count} from ${index}, next ${next}`);
  }
  const count = u32le(superblock, 0, nx.nx_xp_data_blocks);
  const base = u64le(superblock, 0, nx.nx_xp_data_base);
  let index = u32le(superblock, 0, nx.nx_xp_data_index);
  let total = 0;
  const nextOid = u64le(superblock, 0, nx.nx_next_oid);
  for (const { oid, block, size } of checkpoint.ephemerals) {
    report.expect(
      block === base + (index % count),
      'checkpoint-order',
      place,
      `object ${oid} is out of order at ${block}`,
    );
    report.expect(
      oid >= OID_RESERVED_COUNT && oid < nextOid,
      'oid-range',
      place,
      `object ${oid} has no number of its own`,
    );
    index += size / blocks.size;
    total += size / blocks.size;
  }
  const length = u32le(superblock, 0, nx.nx_xp_data_len);
  report.expect(total === length, 'checkpoint-ring', place, `the objects take ${total} blocks, not ${length}`);
}

function markFixed({ container, used }: ContainerCheck): void {
  const { superblock } = container;
  used.mark(0, 1, 'block 0');
  for (const area of ['desc', 'data'] as const)
    used.mark(
      u64le(superblock, 0, nx[`nx_xp_${area}_base`]),
      u32le(superblock, 0, nx[`nx_xp_${area}_blocks`]),
      `${area} area`,
    );
  const keys = u64le(superblock, 0, nx.nx_keylocker_start);
  if (keys > 0) used.mark(keys, u64le(superblock, 0, nx.nx_keylocker_count), 'key bag of the container');
  const media = get64(superblock, nx.nx_mkb_locker);
  if (media > 0) used.mark(media, get64(superblock, nx.nx_mkb_locker + 8), 'media key bag');
}

function checkDriver({ container, report, used }: ContainerCheck): void {
  const { superblock, blocks, xid } = container;
  const block = u64le(superblock, 0, nx.nx_efi_jumpstart);
  if (block !== 0) checkJumpstart({ blocks, block, xid }, report, used);
}
