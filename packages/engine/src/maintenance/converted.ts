// The proof of a converted image, before it takes its name: it is read back and compared with what was read from the old
// one, by checksums taken on the way. The old image is not read twice.

import { type BlockDevice, crc32, type Finding, RefusedError } from '@tintype/core';
import type { RunContext } from '../operation.js';

/** Bytes that one checksum stands for, at the most: 64 bits of memory for each of these. */
const LENGTH = 64 << 20;
const BUFFER = 4 << 20;

/** A stretch of the disk, and the CRC-32 of its bytes. */
export interface CopiedRange {
  readonly start: number;
  length: number;
  crc: number;
}

/** Collects what is copied, in ascending order. */
export class CopiedRanges {
  readonly list: CopiedRange[] = [];

  add(position: number, bytes: Uint8Array): void {
    const last = this.list.at(-1);
    if (last && last.start + last.length === position && last.length + bytes.length <= LENGTH) {
      last.crc = crc32(bytes, last.crc);
      last.length += bytes.length;
    } else this.list.push({ start: position, length: bytes.length, crc: crc32(bytes) });
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

/** @throws RefusedError `result-unsound`, CancelledError */
export function requireCopied(
  copied: readonly CopiedRange[],
  device: BlockDevice,
  out: string,
  { progress }: Pick<RunContext, 'progress'>,
): void {
  const buffer = new Uint8Array(BUFFER);
  for (const { start, length, crc } of copied) {
    let sum = 0;
    for (let at = 0; at < length; at += buffer.length) {
      progress.check();
      const part = buffer.subarray(0, Math.min(buffer.length, length - at));
      device.read(start + at, part);
      sum = crc32(part, sum);
    }
    if (sum !== crc)
      throw unsound(out, `the ${length} bytes at ${start} of its disk differ from those that were copied`);
  }
}

function unsound(path: string, why: string): RefusedError {
  return new RefusedError(
    'result-unsound',
    `the new image does not read as it was written (${why}); nothing took the name ${path}. Check the disk it is on, then run this again`,
    { path },
  );
}
