// The journaled fixture with a transaction that waits.

import { MemoryDevice } from '@tintype/core';
import { Journal } from '../journal.js';
import { VolumeHeader } from '../structs/volume-header.js';
import { type Sample, sample } from './sample.testing.js';

export const JOURNAL_AT = 12_288;
export const JOURNAL_SIZE = 524_288;
/** Where the next transaction of this volume goes: `end` of its header (hfsplus.md 13.1). */
export const END = 198_656;
export const LIST_HEADER = 8192;

/** The journaled volume with a transaction in its ring that mends the damage done to its header afterwards. */
export function waiting(count = 1): Sample {
  const volume = sample('journaled');
  const sound = volume.bytes.slice(1024, 1536);
  const device = new MemoryDevice(volume.bytes);
  const journal = Journal.open(device, VolumeHeader.read(volume.view, 1024));
  const blocks = Array.from({ length: count }, () => ({ position: 1024, bytes: sound }));
  journal?.commit(blocks);
  volume.addTo(1024 + VolumeHeader.at.fileCount, 5);
  return volume;
}
