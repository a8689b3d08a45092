// Object maps: every version of every object, each used by the live state or by a snapshot. See docs/formats/apfs.md.

import { CorruptError, u32le, u64le } from '@tintype/core';
import { physicalPlaces } from '../btree/disk-tree.js';
import { OMAP_SNAPSHOT_TREE, OMAP_TREE } from '../btree/kinds.js';
import { NxSuperblock, OID_RESERVED_COUNT } from '../structs/container.js';
import { OBJECT_TYPE, STORAGE } from '../structs/object.js';
import { OMAP_MANUALLY_MANAGED, OMAP_VALUE_FLAGS, Omap, OmapKey, OmapValue } from '../structs/object-map.js';
import type { ContainerCheck } from './container.js';
import { type FieldRules, judgeFields, oneOf, onlyBits } from './fields.js';
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

export class CheckedMap {
  readonly name: string;
  /** Versions of each object, oldest first. */
  readonly versions = new Map<number, Version[]>();
  /** Transactions of the snapshots that it keeps versions for. */
  readonly snapshots = new Set<number>();
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
      visitRecord: (node, index) => void map.snapshots.add(u64le(node.view, node.keyAt(index), OmapKey.at.ok_oid)),
    });
  const newest = u64le(view, 0, Omap.at.om_most_recent_snap);
  let last = 0;
  for (const xid of map.snapshots) last = Math.max(last, xid);
  report.expect(newest === last, 'omap', name, `its newest snapshot is ${last}, not ${newest}`);
  const said = u32le(view, 0, Omap.at.om_snap_count);
  report.expect(said === map.snapshots.size, 'omap', name, `counts ${said} snapshots of ${map.snapshots.size}`);
  return map;
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

/** Versions that nothing leads to. */
export function checkUnused({ report }: ContainerCheck, map: CheckedMap): void {
  for (const [oid, versions] of map.versions)
    for (const { isUsed, xid, flags } of versions)
      if (!isUsed && (flags & OMAP_VALUE_FLAGS.deleted) === 0)
        report.add(
          'omap-unused',
          `object ${oid} of ${map.name}`,
          `its version of transaction ${xid} is used by nothing`,
        );
}
