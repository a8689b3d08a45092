// Single fields of volume superblocks: macOS's are sound, and each change is found under its kind.

import { beforeAll, describe, expect, test } from 'vitest';
import { isMissing } from '../sample.testing.js';
import { ModifiedBy, VolumeSuperblock } from '../structs/volume.js';
import { Damaged } from './damage.testing.js';
import { WithSnapshots } from './with-snapshots.testing.js';

const vs = VolumeSuperblock.at;
const set8 = (at: number, value: number) => (view: DataView) => view.setUint8(at, value);
const lastXid = (entry: number): number => vs.apfs_modified_by + entry * ModifiedBy.size + ModifiedBy.at.last_xid;

const changes: [string, string, (view: DataView) => void][] = [
  ['volume-field', 'read-only features', set8(vs.apfs_readonly_compatible_features, 1)],
  ['volume-field', 'an incompatible feature', set8(vs.apfs_incompatible_features + 1, 2)],
  ['volume-field', 'names compared in two ways', set8(vs.apfs_incompatible_features, 9)],
  ['volume-field', 'a quota that is exceeded', set8(vs.apfs_fs_quota_block_count, 1)],
  ['volume-field', 'version of the key state', set8(vs.apfs_meta_crypto_major, 4)],
  ['volume-field', 'its minor version', set8(vs.apfs_meta_crypto_minor, 1)],
  ['volume-field', 'its flags', set8(vs.apfs_meta_crypto_flags + 3, 1)],
  ['volume-field', 'its reserved field', set8(vs.apfs_meta_crypto_unused, 1)],
  ['volume-field', 'type of the tree of files', set8(vs.apfs_root_tree_type, 3)],
  ['volume-field', 'type of the tree of references', set8(vs.apfs_extentref_tree_type, 3)],
  ['volume-field', 'type of the tree of snapshots', set8(vs.apfs_snap_meta_tree_type + 3, 0)],
  ['volume-field', 'the next document', set8(vs.apfs_next_doc_id, 2)],
  ['volume-field', 'reserved', set8(vs.apfs_reserved, 1)],
  ['volume-field', 'type of the tree of extents', set8(vs.apfs_fext_tree_type, 1)],
  ['volume-field', 'a reserved type', set8(vs.apfs_reserved_type, 1)],
  ['volume-field', 'a reserved oid', set8(vs.apfs_reserved_oid, 1)],
  ['volume-field', 'a reserved flag', set8(vs.apfs_fs_flags, 5)],
  ['volume-field', 'a key of a clear volume', set8(vs.apfs_fs_flags, 9)],
  ['volume-field', 'keys for each file, in the flags only', set8(vs.apfs_fs_flags + 1, 1)],
  ['volume-odd', 'a flag of the future', set8(vs.apfs_fs_flags + 2, 1)],
  ['volume-odd', 'an optional feature of the future', set8(vs.apfs_features + 2, 1)],
  ['volume-odd', 'an unknown role', set8(vs.apfs_role + 1, 0x80)],
  ['volume-odd', 'more freed than given', set8(vs.apfs_total_blocks_freed + 4, 1)],
  ['volume-odd', 'nobody formatted it', set8(vs.apfs_formatted_by, 0)],
  ['volume-odd', 'formatted in the future', set8(vs.apfs_formatted_by + ModifiedBy.at.last_xid + 3, 1)],
  ['volume-odd', 'changed in the future', set8(lastXid(0) + 3, 1)],
  ['volume-odd', 'an entry without a name', set8(lastXid(7), 1)],
];

describe.skipIf(isMissing('basic'))('of the live superblock', () => {
  test.each(changes)('%s: %s', (kind, _, change) => {
    expect(new Damaged().volume(change).kinds()).toContain(kind);
  });
});

describe('of a snapshot', () => {
  let container: WithSnapshots;
  beforeAll(() => {
    container = new WithSnapshots();
  });
  test('all is sound, in two snapshots', () => {
    expect(container.snapshots.map(({ name }) => name)).toEqual(['first', 'second']);
    expect(container.kindsAfter(() => {})).toEqual([]);
  });
  test.each(changes)('%s: %s', (kind, _, change) => {
    const [, second] = container.snapshots;
    expect(container.kindsAfter((edit) => edit(second?.superblock ?? 0, change))).toContain(kind);
  });
  test.each([
    'apfs_omap_oid',
    'apfs_extentref_tree_oid',
    'apfs_snap_meta_tree_oid',
    'apfs_num_files',
    'apfs_num_directories',
    'apfs_num_symlinks',
    'apfs_num_other_fsobjects',
    'apfs_num_snapshots',
  ] as const)('%s', (field) => {
    const [, second] = container.snapshots;
    const change = (view: DataView): void => view.setUint8(vs[field], view.getUint8(vs[field]) ^ 1);
    expect(container.kindsAfter((edit) => edit(second?.superblock ?? 0, change))).toEqual(['snapshot']);
  });
});
