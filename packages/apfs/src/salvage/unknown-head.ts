// A volume superblock of which nothing is known: for nodes that were found without any.

import { BLOCK_SIZE } from '../structs/container.js';
import { APFS_MAGIC, VOLUME_FLAGS, VOLUME_INCOMPAT, VolumeSuperblock } from '../structs/volume.js';

/** Names are compared as on the usual volume; keys of nearly all volumes are hashed. */
export function unknownHead(): DataView {
  const view = new DataView(new ArrayBuffer(BLOCK_SIZE));
  const { at } = VolumeSuperblock;
  view.setUint32(at.apfs_magic, APFS_MAGIC, true);
  view.setUint32(at.apfs_incompatible_features, VOLUME_INCOMPAT.caseInsensitive, true);
  view.setUint32(at.apfs_fs_flags, VOLUME_FLAGS.unencrypted, true);
  return view;
}
