// Where file systems begin on a disk whose partition map is gone: by headers and superblocks, wherever they lie.

import { type BlockDevice, fletcher64, TintypeError } from '@tintype/core';
import type { Partition } from '../disk-image.js';

const SECTOR = 512;
const PIECE = 1 << 20;
const HEADER_AT = 1024;
const OVERLAP = 4096;
const CANDIDATES = 10_000;
const CHECKPOINT_MAP = 0x4000_000c;

/** A place where a file system may begin, and how much speaks for it. */
interface Votes {
  readonly type: 'Apple_HFS' | 'Apple_APFS';
  readonly size: number;
  count: number;
}

/** Likely partitions, in the order of the disk; none overlaps another. */
export function searchPartitions(device: BlockDevice, progress: (done: number) => void = () => {}): Partition[] {
  const found = new Map<number, Votes>();
  const vote = (start: number, size: number, type: Votes['type']): void => {
    if (start < 0 || start % SECTOR !== 0 || start + Math.min(size, SECTOR) > device.size) return;
    const known = found.get(start);
    if (known?.type === type) known.count += 1;
    else if (!known && found.size < CANDIDATES) found.set(start, { type, size, count: 1 });
  };
  eachStored(device, (bytes, position) => {
    for (let at = 0; at + SECTOR <= bytes.length; at += SECTOR) {
      hfsHeader(bytes, at, position, vote);
      if (at + OVERLAP <= bytes.length) apfsBlock(bytes.subarray(at, at + OVERLAP), position + at, vote);
    }
    progress(position);
  });
  return chosen(found, device.size);
}

type Vote = (start: number, size: number, type: Votes['type']) => void;

/** A volume header, or the alternate one at a volume's end. */
function hfsHeader(bytes: Uint8Array, at: number, position: number, vote: Vote): void {
  if (bytes[at] !== 0x48) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, SECTOR);
  const signature = view.getUint32(0);
  if (signature !== 0x482b_0004 && signature !== 0x4858_0005) return;
  const blockSize = view.getUint32(40);
  const size = blockSize * view.getUint32(44);
  if (blockSize < SECTOR || (blockSize & (blockSize - 1)) !== 0 || size === 0) return;
  vote(position + at - HEADER_AT, size, 'Apple_HFS');
  vote(position + at + HEADER_AT - size, size, 'Apple_HFS');
}

/** A superblock at the start, or a block of a checkpoint, which knows its own place. */
function apfsBlock(block: Uint8Array, position: number, vote: Vote): void {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const isSuperblock = view.getUint32(32, true) === 0x4253_584e;
  const isMap = view.getUint32(24, true) === CHECKPOINT_MAP;
  if (!isSuperblock && !isMap) return;
  const { low, high } = fletcher64(view, 8, OVERLAP - 8);
  if (view.getUint32(0, true) !== low || view.getUint32(4, true) !== high) return;
  const oid = Number(view.getBigUint64(8, true));
  if (isMap) vote(position - oid * OVERLAP, 0, 'Apple_APFS');
  else vote(position, view.getUint32(36, true) * Number(view.getBigUint64(40, true)), 'Apple_APFS');
}

/** Those that most speaks for first; one inside another is a copy in a file, or a superblock of a later checkpoint. */
function chosen(found: ReadonlyMap<number, Votes>, diskSize: number): Partition[] {
  const ranked = [...found].sort(([a, x], [b, y]) => y.count - x.count || a - b);
  const taken: { start: number; size: number; type: string }[] = [];
  for (const [start, { type, size, count }] of ranked) {
    if (type === 'Apple_APFS' && count < 2 && ranked.some(([, votes]) => votes.type === type && votes.count >= 2))
      continue;
    const end = start + Math.max(size, SECTOR);
    if (taken.some((other) => start < other.start + Math.max(other.size, SECTOR) && other.start < end)) continue;
    taken.push({ start, size, type });
  }
  taken.sort((a, b) => a.start - b.start);
  return taken.map(({ start, size, type }, index) => {
    const room = (taken[index + 1]?.start ?? diskSize) - start;
    const length = size === 0 || size > room ? room : Math.min(room, Math.ceil(size / SECTOR) * SECTOR);
    return { index, type, name: '', start, size: length };
  });
}

function eachStored(device: BlockDevice, visit: (bytes: Uint8Array, position: number) => void): void {
  const buffer = new Uint8Array(PIECE + OVERLAP);
  for (let at = 0; at < device.size; ) {
    const { length, kind } = device.extent(at);
    if (length <= 0) return;
    const step = Math.min(length, kind === 'zero' ? length : PIECE);
    if (kind === 'data') {
      const part = buffer.subarray(0, Math.min(step + OVERLAP, device.size - at));
      try {
        device.read(at, part);
        visit(part, at);
      } catch (error) {
        if (!(error instanceof TintypeError)) throw error;
      }
    }
    at += step;
  }
}
