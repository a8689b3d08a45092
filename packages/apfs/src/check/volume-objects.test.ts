// What is kept of a snapshot beside its records, field by field; and trees that nothing is known of.

import { MemoryDevice } from '@tintype/core';
import { expect, test } from 'vitest';
import { put64, putHeader, seal, viewOf } from '../object.js';
import { Blocks } from '../reading/blocks.js';
import { VolumeHead } from '../reading/volume-head.js';
import { OBJECT_TYPE } from '../structs/object.js';
import { APFS_MAGIC, SnapshotMetadataExtension, VolumeSuperblock } from '../structs/volume.js';
import type { ContainerCheck } from './container.js';
import { CheckedMap, checkUnused } from './object-maps.js';
import { Report } from './report.js';
import { checkVolumeObjects } from './volume-objects.js';

const BLOCK = 4096;
const OID = 1100;
const PLACE = 7;
const XID = 5;
const at = SnapshotMetadataExtension.at;

function prepared(change: (view: DataView) => void) {
  const bytes = new Uint8Array(20 * BLOCK);
  const view = viewOf(bytes.subarray(PLACE * BLOCK, (PLACE + 1) * BLOCK));
  putHeader(view, { oid: OID, xid: XID, type: OBJECT_TYPE.snapshotMetadataExtension, subtype: 0 });
  view.setUint32(at.sme_version, 1, true);
  put64(view, at.sme_snap_xid, XID);
  change(view);
  seal(view);
  const report = new Report();
  const container = { blocks: new Blocks(new MemoryDevice(bytes), BLOCK, 20) };
  const map = new CheckedMap('map');
  map.versions.set(OID, [{ xid: XID, flags: 0, size: BLOCK, block: PLACE, isUsed: false }]);
  return { check: { report, container } as unknown as ContainerCheck, map, report };
}
function headWith(field: 'apfs_snap_meta_ext_oid' | 'apfs_doc_id_tree_oid', oid: number): VolumeHead {
  const view = new DataView(new ArrayBuffer(BLOCK));
  view.setUint32(VolumeSuperblock.at.apfs_magic, APFS_MAGIC, true);
  put64(view, VolumeSuperblock.at[field], oid);
  return new VolumeHead(view);
}
function kindsAfter(change: (view: DataView) => void, state: { readonly xid: number; readonly isSnapshot: boolean }) {
  const { check, map, report } = prepared(change);
  const head = headWith('apfs_snap_meta_ext_oid', OID);
  expect(checkVolumeObjects(check, map, { head, place: 'x', ...state })).toBe(true);
  checkUnused(check, map);
  return report.take().map(({ kind }) => kind);
}

test('in a snapshot it is of this one, in the volume of some', () => {
  expect(kindsAfter(() => {}, { xid: XID, isSnapshot: true })).toEqual([]);
  expect(kindsAfter(() => {}, { xid: 9, isSnapshot: false })).toEqual([]);
  expect(kindsAfter(() => {}, { xid: 9, isSnapshot: true })).toEqual(['snapshot']);
  expect(kindsAfter(() => {}, { xid: 4, isSnapshot: true })).toEqual(['omap-record']);
});
test.each<[string, string, (view: DataView) => void]>([
  ['snapshot', 'version', (view) => view.setUint32(at.sme_version, 2, true)],
  ['snapshot', 'flags', (view) => view.setUint32(at.sme_flags, 1, true)],
  ['snapshot', 'transaction', (view) => put64(view, at.sme_snap_xid, 0)],
  ['snapshot', 'type', (view) => view.setUint32(at.o_type, 0x1e, true)],
  ['object-header', 'a flag of its type', (view) => view.setUint8(at.o_type + 2, 1)],
])('%s: its %s', (kind, _, change) => {
  expect(kindsAfter(change, { xid: XID, isSnapshot: false })).toContain(kind);
});
test('one that nothing names any more is no finding, as other objects are', () => {
  const { check, map, report } = prepared(() => {});
  checkUnused(check, map);
  expect(report.take()).toEqual([]);
  const other = prepared((view) => view.setUint32(at.o_type, OBJECT_TYPE.btreeNode, true));
  checkUnused(other.check, other.map);
  expect(other.report.take().map(({ kind }) => kind)).toEqual(['omap-unused']);
});
test('a tree that nothing is known of may use more than its root', () => {
  const { check, map } = prepared(() => {});
  const state = { head: headWith('apfs_doc_id_tree_oid', OID), xid: XID, place: 'x', isSnapshot: false };
  expect(checkVolumeObjects(check, map, state)).toBe(false);
});
