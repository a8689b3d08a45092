// The declarations, read from a container made by macOS.

import { fixture, fixtureBytes } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { CheckpointMap, CheckpointMapping, MAPPINGS_PER_BLOCK } from './checkpoint.js';
import { BLOCK_SIZE, NX_MAGIC, NxSuperblock } from './container.js';
import { OBJECT_TYPE, ObjectHeader, TYPE_MASK } from './object.js';
import { NxReaper, REAPER_STATE_SIZE } from './reaper.js';
import { ChunkInfo, ChunkInfoBlock, FreeQueueKey, SPACEMAN_SIZE, Spaceman } from './spaceman.js';

const image = 'apfs/dfvfs-apfs.raw.gz';
const { skip } = fixture(image);

test.skipIf(skip)('a container of macOS', () => {
  const bytes = fixtureBytes(image);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const container = NxSuperblock.read(view, 0);
  expect(container).toMatchObject({ nx_magic: NX_MAGIC, nx_block_size: BLOCK_SIZE, nx_incompatible_features: 2 });
  expect(container.nx_next_xid).toBe(container.o_xid + 1);
  expect(container.nx_fs_oid[0]?.oid).toBe(1026);
  const mapAt = (container.nx_xp_desc_base + container.nx_xp_desc_index) * BLOCK_SIZE;
  expect(ObjectHeader.read(view, mapAt).o_type & TYPE_MASK).toBe(OBJECT_TYPE.checkpointMap);
  const { cpm_count } = CheckpointMap.read(view, mapAt);
  expect(cpm_count).toBeLessThan(MAPPINGS_PER_BLOCK);
  const mappings = Array.from({ length: cpm_count }, (_, i) => CheckpointMapping.read(view, mapAt + 40 + 40 * i));
  const placeOf = (oid: number): number => BLOCK_SIZE * (mappings.find((each) => each.cpm_oid === oid)?.cpm_paddr ?? 0);

  const spaceman = Spaceman.read(view, placeOf(container.nx_spaceman_oid));
  expect(spaceman).toMatchObject({ sm_flags: 1, sm_version: 1, sm_struct_size: SPACEMAN_SIZE, sm_ip_block_count: 6 });
  expect(spaceman.sm_dev[0]?.sm_block_count).toBe(container.nx_block_count);
  expect(spaceman.sm_ip_bm_xid_offset).toBe(SPACEMAN_SIZE);
  const cib = view.getUint32(placeOf(container.nx_spaceman_oid) + (spaceman.sm_dev[0]?.sm_addr_offset ?? 0), true);
  expect(ChunkInfoBlock.read(view, cib * BLOCK_SIZE)).toMatchObject({ cib_index: 0, cib_chunk_info_count: 1 });
  const info = ChunkInfo.read(view, cib * BLOCK_SIZE + ChunkInfoBlock.size);
  expect(info.ci_free_count).toBe(spaceman.sm_dev[0]?.sm_free_count);
  const reaper = NxReaper.read(view, placeOf(container.nx_reaper_oid));
  expect(reaper).toMatchObject({ nr_flags: 1, nr_next_reap_id: 1, nr_state_buffer_size: REAPER_STATE_SIZE });
  expect(FreeQueueKey.size).toBe(16);
});
