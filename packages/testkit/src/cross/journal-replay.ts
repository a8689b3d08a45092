// A second replay of HFS+ journals, written from the format page (docs/formats/hfsplus.md, section 9) alone: as plain as
// can be, to be compared with the driver's. For tests only.

import { assert, type BlockDevice } from '@tintype/core';

const NEEDS_INIT = 4;
const MAGIC = 0x4a4e4c78;
const ENDIAN = 0x12345678;
const FIRST_LIST = 2;
const CHECK_BLOCKS = 1;

interface Ring {
  readonly device: BlockDevice;
  readonly offset: number;
  readonly size: number;
  readonly sector: number;
  readonly listHeaderSize: number;
  readonly little: boolean;
}

interface List {
  readonly bytesUsed: number;
  readonly isFirst: boolean;
  readonly sequence: number;
  readonly blocks: readonly { readonly position: number; readonly bytes: Uint8Array }[];
}

/** Where the journal lies in the volume: header sector included. Null if the volume has none in use. */
export function journalPlace(device: BlockDevice): { offset: number; size: number } | null {
  const header = viewOf(device, 1024, 512);
  const isJournaled = (header.getUint32(4) & 0x2000) !== 0;
  if (!isJournaled) return null;
  const info = viewOf(device, header.getUint32(12) * header.getUint32(40), 180);
  if ((info.getUint32(0) & NEEDS_INIT) !== 0) return null;
  return { offset: u64(info, 36, false), size: u64(info, 44, false) };
}

/** Writes home what the journal holds and empties it; false if there was nothing to do. */
export function replayJournal(device: BlockDevice): boolean {
  const place = journalPlace(device);
  if (!place) return false;
  const header = viewOf(device, place.offset, 512);
  const little = header.getUint32(4, true) === ENDIAN;
  assert(header.getUint32(0, little) === MAGIC && header.getUint32(4, little) === ENDIAN, 'the journal has a header');
  const start = u64(header, 8, little);
  const end = u64(header, 16, little);
  if (start === end) return false;
  const ring: Ring = {
    device,
    offset: place.offset,
    size: u64(header, 24, little),
    sector: header.getUint32(40, little),
    listHeaderSize: header.getUint32(32, little),
    little,
  };
  assert(ring.size === place.size, 'header and info block agree on the size of the journal');
  const { lists, stop } = readLists(ring, start, end);
  for (const { blocks } of lists) for (const { position, bytes } of blocks) device.write(position, bytes);
  device.flush();
  setU64(header, 8, stop, little);
  setU64(header, 16, stop, little);
  header.setUint32(36, 0, little);
  header.setUint32(36, checksum(new Uint8Array(header.buffer, 0, 44)), little);
  device.write(place.offset, new Uint8Array(header.buffer));
  device.flush();
  return true;
}

/** The lists of whole transactions from `start` on, and where the next would begin. */
function readLists(ring: Ring, start: number, end: number): { lists: List[]; stop: number } {
  const lists: List[] = [];
  let whole = 0;
  let at = start;
  let stop = start;
  let travelled = 0;
  let isPastEnd = false;
  for (let last: List | null = null; ; ) {
    isPastEnd ||= normal(ring, at) === normal(ring, end);
    if (isPastEnd) {
      whole = lists.length;
      stop = at;
    }
    const list = readList(ring, at);
    if (!list || !follows(list, last, isPastEnd)) break;
    if (list.isFirst && !isPastEnd) {
      whole = lists.length;
      stop = at;
    }
    travelled += list.bytesUsed;
    if (travelled > ring.size - ring.sector) break;
    lists.push(list);
    last = list;
    at = advance(ring, at, list.bytesUsed);
  }
  assert(whole > 0, 'the journal holds a whole transaction');
  return { lists: lists.slice(0, whole), stop };
}

function follows(list: List, last: List | null, isPastEnd: boolean): boolean {
  if (!last) return list.isFirst;
  const isNext = list.sequence === last.sequence || list.sequence === last.sequence + 1;
  return isPastEnd ? isNext : isNext || list.sequence === 0 || last.sequence === 0;
}

function readList(ring: Ring, at: number): List | null {
  const { little, listHeaderSize } = ring;
  const bytes = readRing(ring, at, listHeaderSize);
  const header = new DataView(bytes.buffer);
  const maxBlocks = header.getUint16(0, little);
  const numBlocks = header.getUint16(2, little);
  const bytesUsed = header.getUint32(4, little);
  const stored = header.getUint32(8, little);
  const flags = header.getUint32(12, little);
  if (numBlocks < 1 || numBlocks > maxBlocks || maxBlocks > listHeaderSize / 16 - 1) return null;
  const first = bytes.slice(0, 32);
  first.fill(0, 8, 12);
  if (checksum(first) !== stored || bytesUsed > ring.size - ring.sector) return null;
  const blocks: { position: number; bytes: Uint8Array }[] = [];
  let used = listHeaderSize;
  for (let i = 1; i < numBlocks; i += 1) {
    const size = header.getUint32(16 + i * 16 + 8, little);
    const sum = header.getUint32(16 + i * 16 + 12, little);
    if (size === 0 || used + size > bytesUsed) return null;
    const data = readRing(ring, advance(ring, at, used), size);
    used += size;
    if ((flags & CHECK_BLOCKS) !== 0 && sum !== 0 && checksum(data) !== sum) return null;
    const low = header.getUint32(16 + i * 16 + (little ? 0 : 4), little);
    const high = header.getUint32(16 + i * 16 + (little ? 4 : 0), little);
    if (low === 0xffffffff && high === 0xffffffff) continue;
    const position = (high * 2 ** 32 + low) * ring.sector;
    if (position + size > ring.device.size) return null;
    blocks.push({ position, bytes: data });
  }
  if (used !== bytesUsed) return null;
  return { bytesUsed, isFirst: (flags & FIRST_LIST) !== 0, sequence: header.getUint32(28, little), blocks };
}

/** `size` and the first byte behind the header are the same place. */
function normal(ring: Ring, at: number): number {
  return at === ring.size ? ring.sector : at;
}
function advance(ring: Ring, at: number, length: number): number {
  const next = normal(ring, at) + length;
  return next < ring.size ? next : next - ring.size + ring.sector;
}
function readRing(ring: Ring, at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const start = normal(ring, at);
  const first = Math.min(length, ring.size - start);
  ring.device.read(ring.offset + start, bytes.subarray(0, first));
  if (first < length) ring.device.read(ring.offset + ring.sector, bytes.subarray(first));
  return bytes;
}

function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) sum = ((sum << 8) ^ (sum + byte)) | 0;
  return ~sum >>> 0;
}
function viewOf(device: BlockDevice, position: number, length: number): DataView {
  const bytes = new Uint8Array(length);
  device.read(position, bytes);
  return new DataView(bytes.buffer);
}
function u64(view: DataView, at: number, little: boolean): number {
  return view.getUint32(at + (little ? 4 : 0), little) * 2 ** 32 + view.getUint32(at + (little ? 0 : 4), little);
}
function setU64(view: DataView, at: number, value: number, little: boolean): void {
  view.setUint32(at + (little ? 0 : 4), value % 2 ** 32, little);
  view.setUint32(at + (little ? 4 : 0), Math.floor(value / 2 ** 32), little);
}
