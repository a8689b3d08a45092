// The allocation file against the union of all extents (hfsplus.md 2.3, 11.2.3).

import { type BlockMap, bitCount, PAGE_BYTES } from './block-map.js';
import type { ForkFile } from './fork-file.js';
import type { Report } from './report.js';

export interface BitmapOptions {
  readonly totalBlocks: number;
  /** False if some extents could not be read: then marked blocks may well have an owner. */
  readonly complete: boolean;
}

/** A row of blocks that differ in the same way. */
interface Mismatch {
  blocks: number;
  first: number;
  /** The first few ranges, as text. */
  readonly ranges: string[];
  rangeStart: number;
  rangeEnd: number;
}

const SHOWN_RANGES = 5;

/** Answers the number of free blocks that the stored bitmap has, or -1 if it cannot be read. */
export function checkBitmap(file: ForkFile, used: BlockMap, options: BitmapOptions, report: Report): number {
  const { totalBlocks } = options;
  const needed = Math.ceil(totalBlocks / 8);
  if (file.size < needed) {
    report.add('bitmap-size', 'allocation file', `the bitmap needs ${needed} bytes, its extents hold ${file.size}`);
    return -1;
  }
  const stored = new Uint8Array(PAGE_BYTES);
  const under = mismatch();
  const orphaned = mismatch();
  const zeros = new Uint8Array(PAGE_BYTES);
  for (let position = 0; position < needed; position += PAGE_BYTES) {
    const part = stored.subarray(0, Math.min(PAGE_BYTES, needed - position));
    const page = used.page(position / PAGE_BYTES) ?? zeros;
    if (page === zeros && file.knownZeros(position, part.length) === part.length) continue;
    file.read(position, part);
    const last = totalBlocks - position * 8;
    if (last < part.length * 8) clearTail(part, last);
    if (Buffer.compare(part, page.subarray(0, part.length)) !== 0) compare(part, page, position * 8, under, orphaned);
  }
  checkTail(file, totalBlocks, report);
  closeRange(under);
  closeRange(orphaned);
  tell(report, 'bitmap-under-allocation', under, 'in use, but marked free');
  if (options.complete) tell(report, 'bitmap-orphaned-blocks', orphaned, 'marked as used, but nothing owns them');
  return totalBlocks - used.used + under.blocks - orphaned.blocks;
}

function compare(stored: Uint8Array, page: Uint8Array, first: number, under: Mismatch, orphaned: Mismatch): void {
  for (let i = 0; i < stored.length; i += 1) {
    const have = stored[i] ?? 0;
    const want = page[i] ?? 0;
    if (have === want) continue;
    note(under, first + i * 8, want & ~have);
    note(orphaned, first + i * 8, have & ~want);
  }
}

function note(to: Mismatch, first: number, bits: number): void {
  if (bits === 0) return;
  if (bits === 0xff && to.rangeEnd === first) {
    to.blocks += 8;
    to.rangeEnd += 8;
    return;
  }
  to.blocks += bitCount(bits);
  for (let i = 0; i < 8; i += 1) {
    if ((bits & (0x80 >> i)) === 0) continue;
    if (to.rangeEnd !== first + i) {
      closeRange(to);
      to.rangeStart = first + i;
    }
    to.rangeEnd = first + i + 1;
  }
}

function mismatch(): Mismatch {
  return { blocks: 0, first: -1, ranges: [], rangeStart: -1, rangeEnd: -1 };
}

function closeRange(of: Mismatch): void {
  if (of.rangeStart < 0) return;
  if (of.first < 0) of.first = of.rangeStart;
  const last = of.rangeEnd - 1;
  if (of.ranges.length <= SHOWN_RANGES)
    of.ranges.push(last > of.rangeStart ? `${of.rangeStart}-${last}` : `${of.rangeStart}`);
  of.rangeStart = -1;
}

function tell(
  report: Report,
  kind: 'bitmap-under-allocation' | 'bitmap-orphaned-blocks',
  found: Mismatch,
  what: string,
): void {
  if (found.blocks === 0) return;
  const more = found.ranges.length > SHOWN_RANGES ? ', …' : '';
  const list = found.ranges.slice(0, SHOWN_RANGES).join(', ');
  report.add(kind, `block ${found.first}`, `${found.blocks} blocks are ${what}: ${list}${more}`);
}

/** Bits past the last block are of no interest to the comparison. */
function clearTail(part: Uint8Array, bits: number): void {
  const byte = bits >>> 3;
  if (byte >= part.length) return;
  part[byte] = (part[byte] ?? 0) & ~(0xff >>> (bits & 7));
  part.fill(0, byte + 1);
}

/** Bits past the last block must be zero; they are few, as the file ends with the block that holds the last bit. */
function checkTail(file: ForkFile, totalBlocks: number, report: Report): void {
  const first = Math.floor(totalBlocks / 8);
  const part = new Uint8Array(Math.min(PAGE_BYTES, file.size - first));
  if (part.length === 0) return;
  file.read(first, part);
  part[0] = (part[0] ?? 0) & (0xff >>> (totalBlocks & 7));
  const at = part.findIndex((byte) => byte !== 0);
  if (at < 0) return;
  const block = (first + at) * 8 + Math.clz32(part[at] ?? 0) - 24;
  report.add('bitmap-tail', `block ${block}`, `bits behind the last block of the volume (${totalBlocks - 1}) are set`);
}

/** Marks what no fork owns: boot blocks and both volume headers (1.1). */
export function markReserved(used: BlockMap, blockSize: number, totalBlocks: number): void {
  const head = blockSize === 512 ? 3 : blockSize === 1024 ? 2 : 1;
  used.mark(0, Math.min(head, totalBlocks));
  const tail = blockSize === 512 ? 2 : 1;
  if (totalBlocks > head + tail) used.mark(totalBlocks - tail, tail);
}
