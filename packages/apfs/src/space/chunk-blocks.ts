// The blocks that tell of chunks: chunk infos, and on large containers the addresses of their blocks. Made here for
// formatting, commits and resizing alike. See docs/formats/apfs.md.

import { put64, putHeader, seal, viewOf } from '../object.js';
import { BLOCK_SIZE } from '../structs/container.js';
import { OBJECT_TYPE, STORAGE } from '../structs/object.js';
import { ChunkInfo, ChunkInfoBlock, CibAddrBlock } from '../structs/spaceman.js';

/** Where a block of either kind will lie, which of its kind it is, and the transaction that writes it. */
export interface ChunkBlockPlace {
  readonly index: number;
  readonly block: number;
  readonly xid: number;
}

export interface ChunkRecord {
  /** First block. */
  readonly start: number;
  /** Blocks, and how many of them are free: both with their flags. */
  readonly size: number;
  readonly free: number;
  /** Block of the bitmap; 0 if all are free. */
  readonly bitmap: number;
  /** Transaction that changed the chunk last. */
  readonly xid: number;
}

/** `chunk_info_block_t`, sealed. At most `CHUNKS_PER_CIB` chunks. */
export function chunkInfoBlock({ index, block, xid }: ChunkBlockPlace, chunks: readonly ChunkRecord[]): Uint8Array {
  const bytes = new Uint8Array(BLOCK_SIZE);
  const view = viewOf(bytes);
  putHeader(view, { oid: block, xid, type: STORAGE.physical | OBJECT_TYPE.chunkInfo, subtype: 0 });
  view.setUint32(ChunkInfoBlock.at.cib_index, index, true);
  view.setUint32(ChunkInfoBlock.at.cib_chunk_info_count, chunks.length, true);
  for (const [i, { start, size, free, bitmap, xid: changed }] of chunks.entries())
    ChunkInfo.write(view, ChunkInfoBlock.size + i * ChunkInfo.size, {
      ci_xid: changed,
      ci_addr: start,
      ci_block_count: size >>> 0,
      ci_free_count: free >>> 0,
      ci_bitmap_addr: bitmap,
    });
  seal(view);
  return bytes;
}

/** `cib_addr_block_t`, sealed. At most `CIBS_PER_CAB` addresses. */
export function cibAddressBlock({ index, block, xid }: ChunkBlockPlace, cibs: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(BLOCK_SIZE);
  const view = viewOf(bytes);
  putHeader(view, { oid: block, xid, type: STORAGE.physical | OBJECT_TYPE.cibAddresses, subtype: 0 });
  view.setUint32(CibAddrBlock.at.cab_index, index, true);
  view.setUint32(CibAddrBlock.at.cab_cib_count, cibs.length, true);
  for (let i = 0; i < cibs.length; i += 1) put64(view, CibAddrBlock.size + 8 * i, cibs[i] as number);
  seal(view);
  return bytes;
}
