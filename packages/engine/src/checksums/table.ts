// The checksums that an image holds, all segments together: the newest record of an inode counts.

import type { Item, Volume } from '@tintype/core';
import { OWN_FOLDER } from '../history/own-folder.js';
import { SAFETYNET_FOLDER } from '../tree/filter.js';
import { findItem } from '../tree/find-item.js';
import { keyOf } from './records.js';
import { Segment } from './segment.js';

/** Segments beyond this are not looked at: a run of a week has fewer. */
const SEGMENTS_READ = 32_768;

export const CHECKSUMS_FOLDER = 'checksums';

export class ChecksumTable {
  readonly #volume: Volume;
  /** Newest first. */
  readonly #segments: readonly Segment[];

  constructor(volume: Volume, segments: readonly Segment[]) {
    this.#volume = volume;
    this.#segments = segments;
  }
  get isEmpty(): boolean {
    return this.#segments.length === 0;
  }
  /** SHA-256 of the file's data as it was copied; null if that is not known. @throws CorruptError */
  digestOf(item: Item): Uint8Array | null {
    const key = keyOf(item.inode, item, this.#volume.traits);
    for (const segment of this.#segments) {
      const found = segment.find(key);
      if (found !== undefined) return found;
    }
    return null;
  }
}

/** Files of segments, newest first, and what else lies there under such a name. */
export function segmentsOf(volume: Volume): { readonly segments: Segment[]; readonly strangers: Item[] } {
  const folder = findItem(volume, `${SAFETYNET_FOLDER}/${OWN_FOLDER}/${CHECKSUMS_FOLDER}`);
  if (folder?.kind !== 'directory') return { segments: [], strangers: [] };
  const items = volume.list(folder.id).filter(({ name }) => /^\d{8}$/.test(name));
  items.sort((a, b) => (a.name < b.name ? 1 : -1));
  const segments: Segment[] = [];
  const strangers: Item[] = [];
  for (const item of items.slice(0, SEGMENTS_READ)) {
    const segment = Segment.open(volume, item);
    if (segment) segments.push(segment);
    else strangers.push(item);
  }
  return { segments, strangers };
}
