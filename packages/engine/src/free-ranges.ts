// What the volumes of a disk do not use, from their allocation maps.

import { type BlockDevice, type Finding, type Range, WindowDevice } from '@tintype/core';
import type { RunContext } from './operation.js';
import type { ProbedVolume } from './stack.js';

/** In bytes of the disk, ascending within each partition. Changes nothing; `report` is told what opening tells. @throws CorruptError */
export function* freeRangesOf(
  device: BlockDevice,
  volumes: readonly ProbedVolume[],
  { now, random }: Pick<RunContext, 'now' | 'random'>,
  report?: (finding: Finding) => void,
): Generator<Range> {
  const seen = new Set<number>();
  for (const { partition, driver } of volumes) {
    if (seen.has(partition.start)) continue;
    seen.add(partition.start);
    const window = new WindowDevice(device, partition.start, partition.size);
    const fileSystem = driver.open(window, { writable: false, now, random, report });
    try {
      for (const { start, length } of fileSystem.freeRanges() ?? []) yield { start: partition.start + start, length };
    } finally {
      fileSystem.abandon();
    }
  }
}

export interface FreeSpace {
  /** Bytes that are free, and host bytes behind them: what compacting would give back, at the least. */
  readonly free: number;
  readonly stored: number;
}

/** `between` is called after each range. */
export function freeSpace(device: BlockDevice, ranges: Iterable<Range>, between: () => void = () => {}): FreeSpace {
  let free = 0;
  let stored = 0;
  for (const { start, length } of ranges) {
    free += length;
    stored += device.stored(start, length);
    between();
  }
  return { free, stored };
}
