// Volumes of a group: one System volume, one Data volume, and both say so.

import { expect, test } from 'vitest';
import { VolumeHead } from '../reading/volume-head.js';
import { APFS_MAGIC, VOLUME_ROLE, VolumeSuperblock } from '../structs/volume.js';
import { Report } from './report.js';
import { checkGroups, hasGroupIds } from './volume-groups.js';

const at = VolumeSuperblock.at;

function head(role: number, group: number, features: number): VolumeHead {
  const view = new DataView(new ArrayBuffer(4096));
  view.setUint32(at.apfs_magic, APFS_MAGIC, true);
  view.setUint16(at.apfs_role, role, true);
  view.setUint8(at.apfs_volume_group_id, group);
  view.setUint32(at.apfs_features, features, true);
  return new VolumeHead(view);
}
function told(...heads: VolumeHead[]): string[] {
  const report = new Report();
  checkGroups(
    heads.map((each, slot) => ({ slot, oid: 1026 + slot, head: each })),
    report,
  );
  return report.take().map(({ kind, place, message }) => `${kind}, ${place}: ${message}`);
}

const { system, data } = VOLUME_ROLE;
const PREBOOT = 0x10;

test('two volumes of a group, and others beside them', () => {
  expect(told(head(system, 1, 0x12), head(data, 1, 0x12), head(PREBOOT, 0, 2), head(data, 2, 0x10))).toEqual([]);
  expect([hasGroupIds(head(0, 0, 0x12)), hasGroupIds(head(0, 0, 2))]).toEqual([true, false]);
});
test('what cannot be', () => {
  expect(told(head(data, 1, 2))).toEqual(['volume-odd, volume 0: says in two ways whether it belongs to a group']);
  expect(told(head(0, 0, 0x10))).toEqual(['volume-odd, volume 0: says in two ways whether it belongs to a group']);
  expect(told(head(data, 1, 0x10), head(data, 1, 0x10))).toEqual([
    'volume-odd, volume 1: has the role of another of its group',
  ]);
  expect(told(head(PREBOOT, 1, 0x10))).toEqual(['volume-odd, volume 0: belongs to a group, with role 10']);
});
