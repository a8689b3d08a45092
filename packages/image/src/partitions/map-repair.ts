// Repair of a partition map: what stands twice from its copy, what always looks the same anew.

import type { BlockDevice } from '@tintype/core';
import { readApm, repairDriverMap } from './apm.js';
import { readGpt } from './gpt.js';
import { repairGpt } from './gpt-repair.js';
import { repairProtectiveMbr } from './protective-mbr.js';

/** Mends the map of a disk, if it has one. Answers what it did, a sentence each. @throws CorruptError if it cannot be used */
export function repairPartitionMap(device: BlockDevice): string[] {
  const acts = repairGpt(device);
  const gpt = readGpt(device);
  if (gpt) return [...acts, ...repairProtectiveMbr(device, gpt.blockSize)];
  const apm = readApm(device);
  return apm ? [...acts, ...repairDriverMap(device, apm.blockSize)] : acts;
}
