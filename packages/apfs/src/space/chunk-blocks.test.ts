import { expect, test } from 'vitest';
import { requireObject, viewOf } from '../object.js';
import { OBJECT_TYPE } from '../structs/object.js';
import { ChunkInfo, ChunkInfoBlock, CibAddrBlock } from '../structs/spaceman.js';
import { chunkInfoBlock, cibAddressBlock } from './chunk-blocks.js';

const PLACE = { index: 3, block: 700, xid: 9 };

test('a chunk info block is an object of its own block, flags and all', () => {
  const view = viewOf(
    chunkInfoBlock(PLACE, [
      { start: 0, size: 0x8000 | 0x80000000, free: 5, bitmap: 40, xid: 8 },
      { start: 0x8000, size: 12, free: 12, bitmap: 0, xid: 2 },
    ]),
  );
  requireObject(view, 700, { structure: 'chunk_info_block', type: OBJECT_TYPE.chunkInfo, oid: 700 });
  expect(view.getUint32(ChunkInfoBlock.at.cib_index, true)).toBe(3);
  expect(view.getUint32(ChunkInfoBlock.at.cib_chunk_info_count, true)).toBe(2);
  expect(ChunkInfo.read(view, ChunkInfoBlock.size)).toEqual({
    ci_xid: 8,
    ci_addr: 0,
    ci_block_count: 0x80008000,
    ci_free_count: 5,
    ci_bitmap_addr: 40,
  });
  expect(ChunkInfo.read(view, ChunkInfoBlock.size + ChunkInfo.size)).toMatchObject({
    ci_addr: 0x8000,
    ci_free_count: 12,
  });
});

test('an address block lists the blocks of chunk infos', () => {
  const view = viewOf(cibAddressBlock(PLACE, [11, 2 ** 33]));
  requireObject(view, 700, { structure: 'cib_addr_block', type: OBJECT_TYPE.cibAddresses, oid: 700 });
  expect(view.getUint32(CibAddrBlock.at.cab_cib_count, true)).toBe(2);
  expect([0, 8].map((at) => Number(view.getBigUint64(CibAddrBlock.size + at, true)))).toEqual([11, 2 ** 33]);
});
