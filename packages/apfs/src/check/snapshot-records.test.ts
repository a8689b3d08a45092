// Records of snapshots: each change to one of two is found.

import { expect, test } from 'vitest';
import { DiskNode } from '../btree/disk-node.js';
import { OMAP_SNAPSHOT_TREE, SNAPSHOT_TREE } from '../btree/kinds.js';
import { viewOf } from '../object.js';
import { typeAt } from '../records/ids.js';
import { Omap, OmapSnapshotValue } from '../structs/object-map.js';
import { RECORD_TYPE, SnapshotMetadataValue } from '../structs/records.js';
import { WithSnapshots } from './with-snapshots.testing.js';

const at = SnapshotMetadataValue.at;
const NAME_AT = 10;
const container = new WithSnapshots();
const root = container.head.number('apfs_snap_meta_tree_oid');

/** The kinds that are found after a change to the first record of a type. */
function kindsAfter(type: number, change: (view: DataView, key: number, value: number) => void): string[] {
  return container.kindsAfter((edit) =>
    edit(root, (view) => {
      const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      const node = new DiskNode(SNAPSHOT_TREE, bytes, { place: 0, level: null });
      for (let i = 0; i < node.count; i += 1)
        if (typeAt(view, node.keyAt(i)) === type) {
          change(view, node.keyAt(i), node.valueAt(i));
          return;
        }
      throw new Error(`no record of type ${type}`);
    }),
  );
}

test.each<[string, number, number]>([
  ['type of the references', at.extentref_tree_type, 1],
  ['number', at.inum, 0],
  ['number that was not given', at.inum + 3, 1],
  ['flags', at.flags, 4],
  ['length of the name', at.name_len, 2],
  ['another name', SnapshotMetadataValue.size, 0x78],
  ['a name that ends too early', SnapshotMetadataValue.size + 1, 0],
])('in the record of a snapshot: %s', (_, offset, byte) => {
  const found = kindsAfter(RECORD_TYPE.snapshotMetadata, (view, __, value) => view.setUint8(value + offset, byte));
  expect(found).toContain('snapshot');
});

test.each<[string, (view: DataView, key: number, value: number) => void]>([
  ['another name', (view, key) => view.setUint8(key + NAME_AT + 1, 0x78)],
  ['a name that ends too early', (view, key) => view.setUint8(key + NAME_AT + 1, 0)],
  ['length', (view, key) => view.setUint8(key + 8, 3)],
  ['another snapshot', (view, _, value) => view.setUint8(value, 1)],
])('in the record of a name: %s', (_, change) => {
  expect(kindsAfter(RECORD_TYPE.snapshotName, change)).toContain('snapshot');
});

test('in the record of a snapshot: it is being merged with another', () => {
  const found = kindsAfter(RECORD_TYPE.snapshotMetadata, (view, _, value) => view.setUint8(value + at.flags, 2));
  expect(found).toEqual(['reaper-busy']);
});

/** The same for the snapshot of the map, of which the last is the newest. */
function kindsInMap(change: (view: DataView, key: number, value: number) => void): string[] {
  const { blocks } = container.container;
  const map = viewOf(blocks.read(container.head.number('apfs_omap_oid')));
  return container.kindsAfter((edit) =>
    edit(Number(map.getBigUint64(Omap.at.om_snapshot_tree_oid, true)), (view) => {
      const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      const node = new DiskNode(OMAP_SNAPSHOT_TREE, bytes, { place: 0, level: null });
      change(view, node.keyAt(1), node.valueAt(1));
    }),
  );
}
test.each<[string, string, (view: DataView, key: number, value: number) => void]>([
  ['omap', 'unknown flags', (view, _, value) => view.setUint8(value + OmapSnapshotValue.at.oms_flags, 4)],
  ['omap', 'padding', (view, _, value) => view.setUint8(value + OmapSnapshotValue.at.oms_pad, 1)],
  ['omap', 'an object', (view, _, value) => view.setUint8(value + OmapSnapshotValue.at.oms_oid, 1)],
  ['omap', 'a transaction of the future', (view, key) => view.setUint8(key + 4, 1)],
  ['reaper-busy', 'it is being deleted', (view, _, value) => view.setUint8(value + OmapSnapshotValue.at.oms_flags, 1)],
])('%s, of a snapshot in the map: %s', (kind, _, change) => {
  expect(kindsInMap(change)).toContain(kind);
});
test('what a snapshot leaves behind while it goes is no finding', () => {
  const goes = (view: DataView, _: number, value: number): void =>
    view.setUint8(value + OmapSnapshotValue.at.oms_flags, 1);
  expect(kindsInMap(goes)).toEqual(['reaper-busy']);
});

test('two snapshots have two numbers', () => {
  let first = 0;
  kindsAfter(RECORD_TYPE.snapshotMetadata, (view, _, value) => {
    first = view.getUint32(value + at.inum, true);
  });
  const found = kindsAfter(RECORD_TYPE.snapshotMetadata, (view, _, value) =>
    view.setUint32(value + at.inum, first + 1, true),
  );
  expect(first).toBeGreaterThan(16);
  expect(found).toEqual(['snapshot']);
});
