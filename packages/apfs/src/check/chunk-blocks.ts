// Blocks of chunk infos, and those of their addresses in large containers: all are full but the last, each knows its place among
// them, and is as old as the youngest thing in it. See docs/formats/apfs.md.

import { u32le, u64le } from '@tintype/core';
import { get64 } from '../object.js';
import { OBJECT_TYPE, STORAGE } from '../structs/object.js';
import { ChunkInfo, ChunkInfoBlock, CI_COUNT_MASK, CI_FLAGS, CibAddrBlock } from '../structs/spaceman.js';
import type { ContainerCheck } from './container.js';

const ADDRESS = 8;

/** All of them have been read once. Of `cabs` there are none where the space manager itself has the addresses. */
export function checkChunkBlocks(check: ContainerCheck, cibs: readonly number[], cabs: readonly number[]): void {
  const { report, container } = check;
  const xids = cibs.map((block, index) => {
    const place = `chunk info block ${block}`;
    return report.attempt('chunk', place, () => checkCib(check, { block, index, place })) ?? 0;
  });
  const perCab = Math.floor((container.blocks.size - CibAddrBlock.size) / ADDRESS);
  for (const [index, block] of cabs.entries()) {
    const listed = xids.slice(index * perCab, (index + 1) * perCab);
    const place = `block ${block} of addresses`;
    report.attempt('chunk', place, () => checkCab(check, { block, index, place }, listed));
  }
}

interface BlockPlace {
  readonly block: number;
  readonly index: number;
  readonly place: string;
}

/** Answers its transaction. */
function checkCib(check: ContainerCheck, { block, index, place }: BlockPlace): number {
  const { container, report } = check;
  const { count, size } = container.blocks;
  const view = read(check, { block, index, place }, { structure: 'chunk_info_block', type: OBJECT_TYPE.chunkInfo });
  const said = u32le(view, 0, ChunkInfoBlock.at.cib_index);
  report.expect(said === index, 'chunk', place, `is said to be the ${said}th, not the ${index}th`);
  const perCib = Math.floor((size - ChunkInfoBlock.size) / ChunkInfo.size);
  const perChunk = 8 * size;
  const first = index * perCib;
  const wanted = Math.min(perCib, Math.ceil(count / perChunk) - first);
  const has = u32le(view, 0, ChunkInfoBlock.at.cib_chunk_info_count);
  report.expect(has === wanted, 'chunk', place, `has ${has} chunks, not ${wanted}`);
  let youngest = 0;
  for (let i = 0; i < Math.min(has, perCib); i += 1) {
    const info = ChunkInfoBlock.size + i * ChunkInfo.size;
    const xid = u64le(view, info, ChunkInfo.at.ci_xid);
    report.expect(xid > 0, 'chunk', place, `chunk ${i} has no transaction`);
    const blocks = u32le(view, info, ChunkInfo.at.ci_block_count);
    const flags = (blocks | u32le(view, info, ChunkInfo.at.ci_free_count)) & ~CI_COUNT_MASK;
    report.expect((flags & ~CI_FLAGS) === 0, 'chunk', place, `flags of chunk ${i} are not all known`);
    const whole = Math.min(perChunk, count - (first + i) * perChunk);
    const length = blocks & CI_COUNT_MASK;
    report.expect(length === whole, 'chunk', place, `chunk ${i} has ${length} blocks, not ${whole}`);
    youngest = Math.max(youngest, xid);
  }
  const own = u64le(view, 0, ChunkInfoBlock.at.o_xid);
  report.expect(own === youngest, 'chunk-xid', place, `is of ${own}, its youngest chunk of ${youngest}`);
  return own;
}

/** `listed`: transactions of the chunk info blocks that it should have the addresses of. */
function checkCab(check: ContainerCheck, { block, index, place }: BlockPlace, listed: readonly number[]): void {
  const { report } = check;
  const view = read(check, { block, index, place }, { structure: 'cib_addr_block', type: OBJECT_TYPE.cibAddresses });
  const said = u32le(view, 0, CibAddrBlock.at.cab_index);
  report.expect(said === index, 'chunk', place, `is said to be the ${said}th, not the ${index}th`);
  const has = u32le(view, 0, CibAddrBlock.at.cab_cib_count);
  report.expect(has === listed.length, 'chunk', place, `has ${has} addresses, not ${listed.length}`);
  const youngest = listed.reduce((most, xid) => Math.max(most, xid), 0);
  const own = u64le(view, 0, CibAddrBlock.at.o_xid);
  report.expect(own === youngest, 'chunk-xid', place, `is of ${own}, its youngest block of ${youngest}`);
}

function read(
  { container, report }: ContainerCheck,
  { block, place }: BlockPlace,
  kind: { readonly structure: string; readonly type: number },
): DataView {
  const { blocks, xid } = container;
  const demand = { ...kind, storage: STORAGE.physical, oid: block, xid: { most: xid } };
  const view = blocks.readObject(block, demand);
  report.header(place, view);
  return view;
}

/** Addresses that a space manager has, as far as they lie in it. */
export function addressesAt(spaceman: DataView, offset: number, count: number): number[] {
  const list: number[] = [];
  for (let at = offset; list.length < count && at + ADDRESS <= spaceman.byteLength; at += ADDRESS)
    list.push(get64(spaceman, at));
  return list;
}
