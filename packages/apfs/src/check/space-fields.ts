// Fields of the space manager, of its devices, queues and zones. Counts and limits follow from the number of blocks; see
// docs/formats/apfs.md.

import { u32le, u64le } from '@tintype/core';
import { geometry } from '../geometry.js';
import { VolumeHead } from '../reading/volume-head.js';
import { BLOCK_SIZE } from '../structs/container.js';
import {
  FreeQueue,
  IP_BM_INDEX_INVALID,
  SM_FLAG_VERSIONED,
  SPACEMAN_SIZE,
  Spaceman,
  SpacemanDevice,
  SpacemanZone,
} from '../structs/spaceman.js';
import { VolumeSuperblock } from '../structs/volume.js';
import type { ContainerCheck } from './container.js';
import { exactly, type FieldRules, judgeFields, oneOf, onlyBits, ZERO } from './fields.js';

const at = Spaceman.at;
const PLACE = 'space manager';
/** Bytes of the form without zones, which mkapfs writes. */
const UNVERSIONED_SIZE = at.sm_version;
const ZONES_PER_DEVICE = 8;
const PREVIOUS_ZONES = 7;
/** Zones begin and end at multiples of so many blocks. */
const ZONE_UNIT = 4096;

const HEADER: FieldRules<typeof Spaceman.fields, unknown> = { sm_flags: onlyBits(SM_FLAG_VERSIONED) };
const VERSIONED: FieldRules<typeof Spaceman.fields, unknown> = { sm_struct_size: oneOf(SPACEMAN_SIZE) };
const MAIN_DEVICE: FieldRules<typeof SpacemanDevice.fields, DeviceFacts> = {
  sm_cib_count: exactly(({ cibs }) => cibs),
  sm_cab_count: exactly(({ cabs }) => cabs),
  sm_reserved: ZERO,
  sm_reserved2: ZERO,
};
/** There is none without a Fusion drive, but for the place where its addresses would stand. */
const TIER_2: FieldRules<typeof SpacemanDevice.fields, unknown> = {
  sm_block_count: ZERO,
  sm_chunk_count: ZERO,
  sm_cib_count: ZERO,
  sm_cab_count: ZERO,
  sm_free_count: ZERO,
  sm_reserved: ZERO,
  sm_reserved2: ZERO,
};
const QUEUE: FieldRules<typeof FreeQueue.fields, number | null> = {
  sfq_tree_node_limit: {
    wants: (limit) => `${limit?.toString(16)}`,
    holds: (value, limit) => limit === null || value === BigInt(limit),
  },
  sfq_pad16: ZERO,
  sfq_pad32: ZERO,
  sfq_reserved: ZERO,
};
const TIER_2_QUEUE: FieldRules<typeof FreeQueue.fields, unknown> = {
  sfq_count: ZERO,
  sfq_tree_oid: ZERO,
  sfq_oldest_xid: ZERO,
  sfq_tree_node_limit: ZERO,
  sfq_pad16: ZERO,
  sfq_pad32: ZERO,
  sfq_reserved: ZERO,
};

interface DeviceFacts {
  readonly cibs: number;
  readonly cabs: number;
}

export function checkSpaceFields(check: ContainerCheck, spaceman: DataView): void {
  const { report, container } = check;
  const { blocks } = container;
  const tell = (message: string): void => report.add('spaceman', PLACE, message);
  judgeFields(Spaceman, HEADER, { view: spaceman, at: 0, facts: null }, tell);
  const isVersioned = (u32le(spaceman, 0, at.sm_flags) & SM_FLAG_VERSIONED) !== 0;
  if (isVersioned) judgeFields(Spaceman, VERSIONED, { view: spaceman, at: 0, facts: null }, tell);
  const chunks = Math.ceil(blocks.count / (8 * blocks.size));
  const cibs = Math.ceil(chunks / Math.floor((blocks.size - 40) / 32));
  const cabs = Math.ceil(cibs / Math.floor((blocks.size - 40) / 8));
  const main = { view: spaceman, at: at.sm_dev, facts: { cibs, cabs: cabs === 1 ? 0 : cabs } };
  judgeFields(SpacemanDevice, MAIN_DEVICE, main, tell);
  judgeFields(SpacemanDevice, TIER_2, { view: spaceman, at: at.sm_dev + SpacemanDevice.size, facts: null }, tell);
  const limits = queueLimits(check);
  for (const [index, limit] of limits.entries())
    judgeFields(FreeQueue, QUEUE, { view: spaceman, at: at.sm_fq + index * FreeQueue.size, facts: limit }, tell);
  const second = at.sm_fq + limits.length * FreeQueue.size;
  judgeFields(FreeQueue, TIER_2_QUEUE, { view: spaceman, at: second, facts: null }, tell);
  checkArrays(check, spaceman, isVersioned ? SPACEMAN_SIZE : UNVERSIONED_SIZE);
  if (isVersioned) checkZones(check, spaceman);
  checkReserves(check, spaceman);
}

/** Most nodes of the queue of the pool and of the main one; null where blocks are of a size that no system writes. */
export function queueLimits({ container }: ContainerCheck): readonly [number | null, number | null] {
  if (container.blocks.size !== BLOCK_SIZE) return [null, null];
  const { poolQueueLimit, mainQueueLimit } = geometry(container.blocks.count);
  return [poolQueueLimit, mainQueueLimit];
}

/** Transactions and slots of the pool's bitmaps, list of slots, addresses: behind the fields, apart, and of this time. */
function checkArrays({ report, container }: ContainerCheck, spaceman: DataView, fieldsEnd: number): void {
  const bitmaps = u32le(spaceman, 0, at.sm_ip_bm_size_in_blocks);
  const ring = u32le(spaceman, 0, at.sm_ip_bm_block_count);
  const xids = u32le(spaceman, 0, at.sm_ip_bm_xid_offset);
  const slots = u32le(spaceman, 0, at.sm_ip_bitmap_offset);
  const next = u32le(spaceman, 0, at.sm_ip_bm_free_next_offset);
  const arrays = [
    { start: xids, end: xids + 8 * bitmaps, unit: 8 },
    { start: slots, end: slots + 2 * bitmaps, unit: 2 },
    { start: next, end: next + 2 * ring, unit: 2 },
    addressArray(spaceman),
  ].sort((a, b) => a.start - b.start);
  let end = fieldsEnd;
  for (const array of arrays) {
    const fits = array.start >= end && array.end <= spaceman.byteLength && array.start % array.unit === 0;
    report.expect(fits, 'pool', PLACE, `an array of ${array.end - array.start} bytes at ${array.start}`);
    if (!fits) return;
    end = array.end;
  }
  for (let i = 0; i < bitmaps; i += 1) {
    const xid = spaceman.getBigUint64(xids + 8 * i, true);
    report.expect(xid <= BigInt(container.xid), 'pool', PLACE, `bitmap ${i} is of transaction ${xid}`);
    const slot = spaceman.getUint16(slots + 2 * i, true);
    const isTaken = slot < ring && spaceman.getUint16(next + 2 * slot, true) === IP_BM_INDEX_INVALID;
    report.expect(isTaken, 'pool', PLACE, `slot ${slot} of bitmap ${i} is in the list of free ones`);
  }
}

/** Addresses of chunk info blocks, or of the blocks that have these. */
function addressArray(spaceman: DataView) {
  const start = u32le(spaceman, at.sm_dev, SpacemanDevice.at.sm_addr_offset);
  const cibs = u32le(spaceman, at.sm_dev, SpacemanDevice.at.sm_cib_count);
  const cabs = u32le(spaceman, at.sm_dev, SpacemanDevice.at.sm_cab_count);
  return { start, end: start + 8 * (cabs || cibs), unit: 8 };
}

/** Hints where to place data; nothing is lost with them. */
function checkZones({ report }: ContainerCheck, spaceman: DataView): void {
  for (let device = 0; device < 2; device += 1) {
    const ids = new Set<number>();
    const ranges: { readonly start: number; readonly end: number }[] = [];
    for (let index = 0; index < ZONES_PER_DEVICE; index += 1) {
      const place = at.sm_datazone + (device * ZONES_PER_DEVICE + index) * SpacemanZone.size;
      const zone = SpacemanZone.read(spaceman, place);
      const rule = (holds: boolean, message: string): void =>
        report.expect(holds, 'zone', PLACE, `zone ${index} of device ${device} ${message}`);
      rule(zone.saz_reserved === 0, 'has something in a reserved field');
      if (zone.saz_zone_id === 0) {
        const bytes = new Uint8Array(spaceman.buffer, spaceman.byteOffset + place, SpacemanZone.size);
        rule(
          bytes.every((byte) => byte === 0),
          'has no number, but is not empty',
        );
        continue;
      }
      rule(!ids.has(zone.saz_zone_id), `has number ${zone.saz_zone_id}, as another`);
      ids.add(zone.saz_zone_id);
      rule(zone.saz_start < zone.saz_end, `goes from ${zone.saz_start} to ${zone.saz_end}`);
      rule(zone.saz_previous_index <= PREVIOUS_ZONES, `comes behind ${zone.saz_previous_index} others`);
      const isBehindNone = zone.saz_previous_index === 0;
      rule(!isBehindNone || zone.saz_previous.every((byte) => byte === 0), 'comes behind none, but tells of one');
      const range = { start: zone.saz_start, end: zone.saz_end };
      rule(range.start % ZONE_UNIT === 0 && range.end % ZONE_UNIT === 0, `ends at ${range.start} or ${range.end}`);
      rule(!ranges.some(({ start, end }) => range.start < end && start < range.end), 'overlaps another');
      ranges.push(range);
    }
  }
}

/** What volumes have reserved, and what of it they use already. */
function checkReserves({ report, container }: ContainerCheck, spaceman: DataView): void {
  let reserved = 0;
  let used = 0;
  for (const { head } of container.volumes()) {
    if (!(head instanceof VolumeHead)) return;
    const own = u64le(head.view, 0, VolumeSuperblock.at.apfs_fs_reserve_block_count);
    reserved += own;
    used += Math.min(own, head.number('apfs_fs_alloc_count'));
  }
  const said = u64le(spaceman, 0, at.sm_fs_reserve_block_count);
  report.expect(said === reserved, 'spaceman', PLACE, `reserves ${said} blocks; its volumes have ${reserved}`);
  const saidUsed = u64le(spaceman, 0, at.sm_fs_reserve_alloc_count);
  report.expect(saidUsed === used, 'spaceman', PLACE, `says that ${saidUsed} reserved blocks are used, not ${used}`);
}
