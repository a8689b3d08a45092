// Block lists: a header with up to some hundred entries, then the blocks themselves. One or more make a transaction.

import { assert } from '@tintype/core';
import { BlockInfo, BlockListHeader, BlockListHeaderBig } from '../structs/journal.js';
import { addToChecksum, CHECKSUM_START, journalChecksum } from './checksum.js';
import type { JournalState } from './header.js';
import type { Ring } from './ring.js';

/** A piece of metadata: whole sectors, at a byte of the volume. */
export interface JournalBlock {
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** A block that waits in the ring: where it belongs in the volume, and where it lies in the journal. */
export interface WaitingBlock {
  readonly position: number;
  readonly place: number;
  readonly length: number;
}

export interface BlockList {
  readonly length: number;
  /** Number of the transaction; 0 = not given. */
  readonly sequence: number;
  readonly isFirst: boolean;
  readonly blocks: readonly WaitingBlock[];
}

const CHECK_BLOCKS = 1;
const FIRST_LIST = 2;
const ENTRY = BlockInfo.size;
/** Behind the list's own fields comes entry 0, which holds the sequence number; then those of blocks. */
const FIRST_ENTRY = BlockListHeader.size + ENTRY;
/** The list's checksum covers its fields and entry 0. */
const CHECKED_BYTES = FIRST_ENTRY;
const PIECE = 65_536;
const ALL_ONES = 0xffff_ffff;

/** Blocks that one list can hold. */
export function listCapacity({ listHeaderSize }: JournalState): number {
  return listHeaderSize / ENTRY - 2;
}

/** A list of these blocks, little endian, of the transaction `state.sequence`. */
export function blockListBytes(
  blocks: readonly JournalBlock[],
  state: JournalState,
  { isFirst }: { isFirst: boolean },
): Uint8Array {
  const { listHeaderSize, sector, sequence } = state;
  assert(blocks.length >= 1 && blocks.length <= listCapacity(state), 'the blocks fit into one list');
  let length = listHeaderSize;
  for (const { bytes } of blocks) length += bytes.length;
  const list = new Uint8Array(length);
  const view = new DataView(list.buffer);
  BlockListHeader.write(view, 0, {
    maxBlocks: listHeaderSize / ENTRY - 1,
    numBlocks: blocks.length + 1,
    bytesUsed: length,
    checksum: 0,
    flags: isFirst ? CHECK_BLOCKS | FIRST_LIST : CHECK_BLOCKS,
  });
  view.setUint32(BlockListHeader.size + BlockInfo.at.next, sequence, true);
  let at = listHeaderSize;
  for (const [i, { position, bytes }] of blocks.entries()) {
    assert(position % sector === 0 && bytes.length % sector === 0 && bytes.length > 0, 'blocks are whole sectors');
    const entry = FIRST_ENTRY + i * ENTRY;
    const number = position / sector;
    view.setUint32(entry, number >>> 0, true);
    view.setUint32(entry + 4, Math.floor(number / 0x1_0000_0000), true);
    view.setUint32(entry + BlockInfo.at.bsize, bytes.length, true);
    view.setUint32(entry + BlockInfo.at.next, journalChecksum(bytes), true);
    list.set(bytes, at);
    at += bytes.length;
  }
  view.setUint32(BlockListHeader.at.checksum, journalChecksum(list.subarray(0, CHECKED_BYTES)), true);
  return list;
}

/** What a list may claim: `length` bytes of the ring, and blocks inside the volume but outside the journal. */
export interface ListLimits {
  readonly length: number;
  readonly volumeSize: number;
  readonly journal: { readonly offset: number; readonly size: number };
}

/** The list at a place of the ring if it passes every test, else null. */
export function readBlockList(ring: Ring, place: number, state: JournalState, limits: ListLimits): BlockList | null {
  const { listHeaderSize, little, size, sector } = state;
  if (limits.length < listHeaderSize) return null;
  const head = new Uint8Array(listHeaderSize);
  ring.read(place, head);
  const view = new DataView(head.buffer);
  const List = little ? BlockListHeader : BlockListHeaderBig;
  const { maxBlocks, numBlocks, bytesUsed, checksum, flags } = List.read(view, 0);
  view.setUint32(BlockListHeader.at.checksum, 0);
  if (journalChecksum(head.subarray(0, CHECKED_BYTES)) !== checksum) return null;
  if (numBlocks < 1 || numBlocks > maxBlocks || maxBlocks > size / sector) return null;
  if ((numBlocks + 1) * ENTRY > listHeaderSize || bytesUsed < listHeaderSize || bytesUsed > limits.length) return null;
  const blocks: WaitingBlock[] = [];
  let offset = listHeaderSize;
  for (let at = FIRST_ENTRY; at < (numBlocks + 1) * ENTRY; at += ENTRY) {
    const high = view.getUint32(at + (little ? 4 : 0), little);
    const low = view.getUint32(at + (little ? 0 : 4), little);
    const length = view.getUint32(at + BlockInfo.at.bsize, little);
    const wanted = (flags & CHECK_BLOCKS) !== 0 ? view.getUint32(at + BlockInfo.at.next, little) : 0;
    if (length === 0 || length % 512 !== 0 || offset + length > bytesUsed) return null;
    const block = { position: (high * 0x1_0000_0000 + low) * sector, place: ring.after(place, offset), length };
    offset += length;
    if (high === ALL_ONES && low === ALL_ONES) continue;
    if (!isInVolume(block, limits) || (wanted !== 0 && checksumOf(ring, block) !== wanted)) return null;
    blocks.push(block);
  }
  if (offset !== bytesUsed) return null;
  const sequence = view.getUint32(BlockListHeader.size + BlockInfo.at.next, little);
  return { length: bytesUsed, sequence, isFirst: (flags & FIRST_LIST) !== 0, blocks };
}

function isInVolume({ position, length }: WaitingBlock, { volumeSize, journal }: ListLimits): boolean {
  if (position + length > volumeSize) return false;
  return position + length <= journal.offset || position >= journal.offset + journal.size;
}

function checksumOf(ring: Ring, block: WaitingBlock): number {
  let sum = CHECKSUM_START;
  for (const piece of piecesOf(ring, block)) sum = addToChecksum(sum, piece.bytes);
  return ~sum >>> 0;
}

/** A waiting block's bytes in pieces of bounded size, each good until the next is asked for. */
export function* piecesOf(ring: Ring, { position, place, length }: WaitingBlock): Generator<JournalBlock> {
  const buffer = new Uint8Array(Math.min(PIECE, length));
  for (let done = 0; done < length; done += PIECE) {
    const bytes = buffer.subarray(0, Math.min(PIECE, length - done));
    ring.read(ring.after(place, done), bytes);
    yield { position: position + done, bytes };
  }
}
