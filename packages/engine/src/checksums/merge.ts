// Many segments as one: ascending by inode, of each inode the newest record.

import { CorruptError, type WritableVolume } from '@tintype/core';
import { isFor, keyOf, RECORD_SIZE } from './records.js';
import type { Segment } from './segment.js';

interface Reader {
  readonly segment: Segment;
  /** Smaller is newer. */
  readonly age: number;
  index: number;
  inode: number;
}

/** Records of all segments (newest first) in order, each good until the next is asked for. */
export function* mergedRecords(segments: readonly Segment[]): Generator<Uint8Array> {
  // The next one is last, so that segments which hardly overlap cost no search.
  const readers: Reader[] = [];
  for (const [age, segment] of segments.entries())
    if (segment.count > 0) insert(readers, { segment, age, index: 0, inode: segment.inode(0) });
  let last = -1;
  for (let reader = readers.pop(); reader; reader = readers.pop()) {
    if (reader.inode !== last) yield reader.segment.record(reader.index);
    last = reader.inode;
    reader.index += 1;
    if (reader.index === reader.segment.count) continue;
    reader.inode = reader.segment.inode(reader.index);
    insert(readers, reader);
  }
}

function insert(readers: Reader[], reader: Reader): void {
  let at = readers.length;
  for (; at > 0; at -= 1) {
    const other = readers[at - 1] as Reader;
    if (other.inode > reader.inode || (other.inode === reader.inode && other.age > reader.age)) break;
  }
  readers.splice(at, 0, reader);
}

/** True if the volume still has the file that the record is for. */
export function isOfLivingFile(volume: WritableVolume, record: Uint8Array): boolean {
  const view = new DataView(record.buffer, record.byteOffset, RECORD_SIZE);
  try {
    const inode = Number(view.getBigUint64(0, true));
    return isFor(view, 0, keyOf(inode, volume.stat(inode), volume.traits));
  } catch (error) {
    if (error instanceof CorruptError) return false;
    throw error;
  }
}
