// Objects beside its trees that the superblock of a volume names, in each state that is kept. See docs/formats/apfs.md.

import { u64le } from '@tintype/core';
import type { VolumeHead } from '../reading/volume-head.js';
import { OBJECT_TYPE, STORAGE } from '../structs/object.js';
import { SnapshotMetadataExtension, VolumeSuperblock } from '../structs/volume.js';
import type { ContainerCheck } from './container.js';
import { type FieldRules, judgeFields, oneOf, ZERO } from './fields.js';
import type { CheckedMap, Version } from './object-maps.js';

const at = VolumeSuperblock.at;
const NAMED = [
  'apfs_snap_meta_ext_oid',
  'apfs_er_state_oid',
  'apfs_integrity_meta_oid',
  'apfs_doc_id_tree_oid',
  'apfs_prev_doc_id_tree_oid',
  'apfs_sec_root_tree_oid',
] as const;
/** Trees that nothing is known of but their roots. */
const UNKNOWN_TREES: readonly string[] = [
  'apfs_doc_id_tree_oid',
  'apfs_prev_doc_id_tree_oid',
  'apfs_sec_root_tree_oid',
];

export interface VolumeState {
  readonly head: VolumeHead;
  readonly xid: number;
  /** For findings. */
  readonly place: string;
  readonly isSnapshot: boolean;
}

const EXTENSION: FieldRules<typeof SnapshotMetadataExtension.fields, VolumeState> = {
  sme_version: oneOf(1),
  sme_flags: ZERO,
  sme_snap_xid: {
    wants: ({ xid, isSnapshot }) => `${isSnapshot ? '' : '1 to '}${xid.toString(16)}`,
    holds: (value, { xid, isSnapshot }) => (isSnapshot ? value === BigInt(xid) : value > 0n && value <= BigInt(xid)),
  },
};

/** Uses them in the map; false if it names trees that could not be followed. */
export function checkVolumeObjects(check: ContainerCheck, map: CheckedMap, state: VolumeState): boolean {
  const { report } = check;
  let isKnown = true;
  for (const field of NAMED)
    report.attempt('omap-record', state.place, () => {
      const oid = u64le(state.head.view, 0, at[field]);
      if (oid === 0) return;
      const version = map.use(oid, state.xid);
      if (UNKNOWN_TREES.includes(field)) isKnown = false;
      if (field === 'apfs_snap_meta_ext_oid')
        report.attempt('snapshot', state.place, () => checkExtension(check, { oid, version }, state));
    });
  return isKnown;
}

interface ObjectPlace {
  readonly oid: number;
  readonly version: Version;
}

function checkExtension(
  { container, report }: ContainerCheck,
  { oid, version }: ObjectPlace,
  state: VolumeState,
): void {
  const view = container.blocks.readObject(version.block, {
    structure: 'snap_meta_ext_obj_phys',
    type: OBJECT_TYPE.snapshotMetadataExtension,
    storage: STORAGE.virtual,
    oid,
    xid: { exactly: version.xid },
  });
  report.header(`object ${oid} of ${state.place}`, view);
  judgeFields(SnapshotMetadataExtension, EXTENSION, { view, at: 0, facts: state }, (message) =>
    report.add('snapshot', state.place, message),
  );
}
