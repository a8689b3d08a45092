// Object maps: every version of every object, each used by the live state or by a snapshot. See docs/formats/apfs.md.

import { CorruptError, u32le, u64le } from '@tintype/core';
import { physicalPlaces } from '../btree/disk-tree.js';
import { OMAP_SNAPSHOT_TREE, OMAP_TREE } from '../btree/kinds.js';
import { viewOf } from '../object.js';
import { NxSuperblock, OID_RESERVED_COUNT } from '../structs/container.js';
import { OBJECT_TYPE, ObjectHeader, STORAGE, TYPE_MASK } from '../structs/object.js';
import {
  OMAP_MANUALLY_MANAGED,
  OMAP_SNAPSHOT_GONE,
  OMAP_VALUE_FLAGS,
  Omap,
  OmapKey,
  OmapSnapshotValue,
  OmapValue,
} from '../structs/object-map.js';
import type { ContainerCheck } from './container.js';
import { type FieldRules, judgeFields, oneOf, onlyBits, ZERO } from './fields.js';
import { checkTree } from './tree.js';

export interface Version {
  readonly xid: number;
  readonly flags: number;
  readonly size: number;
  readonly block: number;
  isUsed: boolean;
}

/** No version was ever seen as saved, which Apple documents without a meaning. */
const { saved, ...KNOWN } = OMAP_VALUE_FLAGS;
const KNOWN_FLAGS = Object.values(KNOWN).reduce((bits, bit) => bits | bit, 0);
/** The last four tell how far a change of keys has come. */
const MAP_FLAGS = OMAP_MANUALLY_MANAGED | 0x1e;
const PHYSICAL_TREE = STORAGE.physical + OBJECT_TYPE.btree;
const FIELDS: FieldRules<typeof Omap.fields, unknown> = {
  om_flags: onlyBits(MAP_FLAGS),
  om_tree_type: oneOf(PHYSICAL_TREE),
  om_snapshot_tree_type: oneOf(PHYSICAL_TREE),
};
const SNAPSHOT_FIELDS: FieldRules<typeof OmapSnapshotValue.fields, unknown> = {
  oms_flags: onlyBits(OMAP_SNAPSHOT_GONE),
  oms_pad: ZERO,
  oms_oid: ZERO,
};
/** Of a revert that was begun and not finished. */
const SETTLED: FieldRules<typeof Omap.fields, unknown> = { om_pending_revert_min: ZERO, om_pending_revert_max: ZERO };
/** Encrypting, decrypting, rolling a key. */
const CHANGING_KEYS = 0xe;

export class CheckedMap {
  readonly name: string;
  /** Versions of each object, oldest first. */
  readonly versions = new Map<number, Version[]>();
  /** Transactions of the snapshots that it keeps versions for. */
  readonly snapshots = new Set<number>();
  /** Those of them that are being deleted, or reverted. */
  readonly leaving = new Set<number>();
  /** Blocks of the map, its trees and all versions. */
  blocks = 0;
  isComplete = true;

  constructor(name: string) {
    this.name = name;
  }

  /** The version of an object at a transaction; it counts as used. @throws CorruptError */
  use(oid: number, xid: number): Version {
    const list = this.versions.get(oid) ?? [];
    let found: Version | null = null;
    for (const version of list) if (version.xid <= xid) found = version;
    if (!found || (found.flags & OMAP_VALUE_FLAGS.deleted) !== 0)
      throw new CorruptError('omap', 'ok_oid', oid, `there is no object ${oid} at transaction ${xid}`);
    found.isUsed = true;
    return found;
  }
}

export interface MapPlace {
  readonly block: number;
  readonly name: string;
  readonly owner: 'container' | 'volume';
}

/** Reads a map and marks its blocks; null if it is none. */
export function checkMap(check: ContainerCheck, { block, name, owner }: MapPlace): CheckedMap | null {
  const { container, report, used } = check;
  const { blocks, xid } = container;
  const demand = { structure: 'omap_phys', type: OBJECT_TYPE.omap, storage: STORAGE.physical, oid: block };
  const view = report.attempt('omap', name, () => blocks.readObject(block, { ...demand, xid: { most: xid } }));
  if (!view) return null;
  const map = new CheckedMap(name);
  used.mark(block, 1, name);
  map.blocks += 1;
  report.header(name, view);
  judgeFields(Omap, FIELDS, { view, at: 0, facts: null }, (message) => report.add('omap', name, message));
  judgeFields(Omap, SETTLED, { view, at: 0, facts: null }, (message) => report.add('revert-pending', name, message));
  const isChanging = (u32le(view, 0, Omap.at.om_flags) & CHANGING_KEYS) !== 0;
  report.expect(!isChanging, 'volume-odd', name, 'encryption is being changed');
  const isManual = (u32le(view, 0, Omap.at.om_flags) & OMAP_MANUALLY_MANAGED) !== 0;
  report.expect(isManual === (owner === 'container'), 'omap', name, 'says wrongly whose map it is');
  const count = (): void => {
    map.blocks += 1;
  };
  const root = u64le(view, 0, Omap.at.om_tree_oid);
  const { isComplete } = checkTree({
    blocks,
    report,
    kind: OMAP_TREE,
    name,
    root,
    resolve: physicalPlaces(blocks, xid),
    visitNode: (_, pointer) => {
      used.mark(pointer, 1, name);
      count();
    },
    visitRecord: (node, index) => addVersion(check, map, node.view, node.keyAt(index), node.valueAt(index)),
  });
  map.isComplete = isComplete;
  const snapshotRoot = u64le(view, 0, Omap.at.om_snapshot_tree_oid);
  if (snapshotRoot > 0)
    checkTree({
      blocks,
      report,
      kind: OMAP_SNAPSHOT_TREE,
      name: `snapshots of ${name}`,
      root: snapshotRoot,
      resolve: physicalPlaces(blocks, xid),
      visitNode: (_, pointer) => {
        used.mark(pointer, 1, name);
        count();
      },
      visitRecord: (node, index) => addSnapshot(check, map, node.view, node.keyAt(index), node.valueAt(index)),
    });
  const newest = u64le(view, 0, Omap.at.om_most_recent_snap);
  let last = 0;
  for (const xid of map.snapshots) last = Math.max(last, xid);
  report.expect(newest === last, 'omap', name, `its newest snapshot is ${last}, not ${newest}`);
  const said = u32le(view, 0, Omap.at.om_snap_count);
  report.expect(said === map.snapshots.size, 'omap', name, `counts ${said} snapshots of ${map.snapshots.size}`);
  return map;
}

function addSnapshot(
  { container, report }: ContainerCheck,
  map: CheckedMap,
  view: DataView,
  key: number,
  value: number,
) {
  const xid = u64le(view, key, OmapKey.at.ok_oid);
  map.snapshots.add(xid);
  const bad = (message: string): void => report.add('omap', `snapshot ${xid} in ${map.name}`, message);
  if (xid <= 0 || xid > container.xid) bad('is of a transaction that was not yet');
  judgeFields(OmapSnapshotValue, SNAPSHOT_FIELDS, { view, at: value, facts: null }, bad);
  if (u32le(view, value, OmapSnapshotValue.at.oms_flags) !== 0) map.leaving.add(xid);
}

function addVersion(check: ContainerCheck, map: CheckedMap, view: DataView, key: number, value: number): void {
  const { container, report, used } = check;
  const oid = u64le(view, key, OmapKey.at.ok_oid);
  const version: Version = {
    xid: u64le(view, key, OmapKey.at.ok_xid),
    flags: u32le(view, value, OmapValue.at.ov_flags),
    size: u32le(view, value, OmapValue.at.ov_size),
    block: u64le(view, value, OmapValue.at.ov_paddr),
    isUsed: false,
  };
  const place = `object ${oid} of ${map.name}`;
  const bad = (message: string): void => report.add('omap-record', place, message);
  const { size } = container.blocks;
  if ((version.flags & ~KNOWN_FLAGS) !== 0) bad(`flags ${version.flags} are not known`);
  if (version.xid <= 0 || version.xid > container.xid) bad(`is of transaction ${version.xid}`);
  if (version.xid > u64le(view, 0, ObjectHeader.at.o_xid)) bad('is newer than the node that tells of it');
  const next = u64le(container.superblock, 0, NxSuperblock.at.nx_next_oid);
  if (oid < OID_RESERVED_COUNT || oid >= next) report.add('oid-range', place, 'has no number of its own');
  const list = map.versions.get(oid);
  if (list) list.push(version);
  else map.versions.set(oid, [version]);
  if ((version.flags & OMAP_VALUE_FLAGS.deleted) !== 0) return;
  if (version.size === 0 || version.size % size !== 0) bad(`has ${version.size} bytes`);
  const length = Math.ceil(version.size / size);
  used.mark(version.block, length, place);
  map.blocks += length;
}

/** Versions that nothing leads to. What macOS knew of snapshots may stay behind when these are gone. */
export function checkUnused({ container, report }: ContainerCheck, map: CheckedMap): void {
  for (const [oid, versions] of map.versions)
    for (const { isUsed, xid, flags, block } of versions) {
      if (isUsed || (flags & OMAP_VALUE_FLAGS.deleted) !== 0) continue;
      const place = `object ${oid} of ${map.name}`;
      if (report.attempt('omap-record', place, () => typeIn(container.blocks.read(block))) !== EXTENSION)
        report.add('omap-unused', place, `its version of transaction ${xid} is used by nothing`);
    }
}

const EXTENSION = OBJECT_TYPE.snapshotMetadataExtension;

function typeIn(object: Uint8Array): number {
  return u32le(viewOf(object), 0, ObjectHeader.at.o_type) & TYPE_MASK;
}
