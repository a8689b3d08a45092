// What the volumes of a disk do not use, from their allocation maps.

import { type BlockDevice, type Range, WindowDevice } from '@tintype/core';
import type { RunContext } from './operation.js';
import type { ProbedVolume } from './stack.js';

/** In bytes of the disk, ascending within each partition. Changes nothing. @throws CorruptError */
export function* freeRangesOf(
  device: BlockDevice,
  volumes: readonly ProbedVolume[],
  { now, random }: Pick<RunContext, 'now' | 'random'>,
): Generator<Range> {
  const seen = new Set<number>();
  for (const { partition, driver } of volumes) {
    if (seen.has(partition.start)) continue;
    seen.add(partition.start);
    const window = new WindowDevice(device, partition.start, partition.size);
    const fileSystem = driver.open(window, { writable: false, now, random });
    try {
      for (const { start, length } of fileSystem.freeRanges() ?? []) yield { start: partition.start + start, length };
    } finally {
      fileSystem.abandon();
    }
  }
}

/** Host bytes behind what is free: what compacting would give back, at the least. */
export function reclaimableBytes(device: BlockDevice, free: Iterable<Range>, between: () => void = () => {}): number {
  let bytes = 0;
  for (const { start, length } of free) {
    bytes += device.stored(start, length);
    between();
  }
  return bytes;
}
