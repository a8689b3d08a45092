// The proof of a converted image, before it takes its name: it is read back and compared with what was read from the old
// one, by checksums taken on the way. The old image is not read twice.

import { clearSum, serialChunkLanes, summing } from '@tintype/codec';
import { type BlockDevice, crc32Combined, type Finding, type Lanes, RefusedError } from '@tintype/core';
import type { RunContext } from '../operation.js';

/** Bytes that one checksum stands for, at the most: 64 bits of memory for each of these. */
const LENGTH = 64 << 20;
/** What is summed up at once: lanes take as much. */
const PIECE = 1 << 20;

/** A stretch of the disk, and the CRC-32 of its bytes. */
export interface CopiedRange {
  readonly start: number;
  length: number;
  crc: number;
}

/** Collects what is copied, in ascending order. */
export class CopiedRanges {
  readonly list: CopiedRange[] = [];

  add(start: number, length: number, crc: number): void {
    const last = this.list.at(-1);
    if (last && last.start + last.length === start && last.length + length <= LENGTH) {
      last.crc = crc32Combined(last.crc, crc, length);
      last.length += length;
    } else this.list.push({ start, length, crc });
  }
}

/** @throws RefusedError `result-unsound`, CancelledError */
export function requireSound(
  findings: Iterable<Finding>,
  out: string,
  { progress }: Pick<RunContext, 'progress'>,
): void {
  for (const { severity, place, message } of findings) {
    progress.check();
    if (severity === 'error') throw unsound(out, `${place}: ${message}`);
  }
}

/** `lanes`: sum up while more is read, and stay the caller's. @throws RefusedError `result-unsound`, CancelledError */
export function requireCopied(
  copied: readonly CopiedRange[],
  device: BlockDevice,
  out: string,
  { progress, lanes = serialChunkLanes() }: Pick<RunContext, 'progress'> & { readonly lanes?: Lanes | undefined },
): void {
  const buffer = new Uint8Array(PIECE);
  const sums = copied.map(() => 0);
  for (const [i, { start, length }] of copied.entries())
    for (let at = 0; at < length; at += buffer.length) {
      progress.check();
      const part = buffer.subarray(0, Math.min(buffer.length, length - at));
      device.read(start + at, part);
      lanes.push(summing(part), (_, values) => {
        sums[i] = crc32Combined(sums[i] ?? 0, clearSum(values), part.length);
      });
    }
  lanes.drain();
  for (const [i, { start, length, crc }] of copied.entries())
    if (sums[i] !== crc)
      throw unsound(out, `the ${length} bytes at ${start} of its disk differ from those that were copied`);
}

function unsound(path: string, why: string): RefusedError {
  return new RefusedError(
    'result-unsound',
    `the new image does not read as it was written (${why}); nothing took the name ${path}. Check the disk it is on, then run this again`,
    { path },
  );
}
