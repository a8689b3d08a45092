// The checksums of what a run copies: collected while it goes, one segment a commit, merged at its end when there are
// many. They are a convenience: where the volume is too full for them, files are "not checked" later.

import { type Item, type ItemId, put64le, VolumeFullError, type WritableVolume } from '@tintype/core';
import type { OwnFolders } from '../history/own-folder.js';
import { emptyFile } from '../history/own-folder.js';
import type { ContentHasher } from './hasher.js';
import { isOfLivingFile, mergedRecords } from './merge.js';
import { keyOf, NewRecords, RECORD_SIZE } from './records.js';
import type { Segment } from './segment.js';
import { SEGMENT_MAGIC, SEGMENT_VERSION, SegmentHeader, uuidBytes } from './structs.js';
import { ChecksumTable, segmentsOf } from './table.js';

/** Segments beyond this are merged at a run's end. */
const SEGMENTS_KEPT = 8;
/** Files that are gone are looked for when there are twice as many records as after the last time, and this many. */
const PRUNE_FROM = 100_000;
const WRITE_RECORDS = 4096;
/** Holes are hashed as the zeros that they read as; a file with more of them has no checksum. */
const LONGEST_HOLES = 4 * 2 ** 30;

export interface ChecksumBookParts {
  readonly volume: WritableVolume;
  readonly folders: OwnFolders;
  readonly hasher: ContentHasher;
}

export class ChecksumBook {
  readonly hasher: ContentHasher;
  readonly #volume: WritableVolume;
  readonly #folders: OwnFolders;
  readonly #records = new NewRecords();
  /** Names of the segments that this run wrote. */
  readonly #written = new Set<string>();
  #next: number | null = null;

  constructor({ volume, folders, hasher }: ChecksumBookParts) {
    this.#volume = volume;
    this.#folders = folders;
    this.hasher = hasher;
  }

  /** True if a checksum is wanted for the source's file. */
  wants(item: Item): boolean {
    return item.size > 0 && item.size - item.allocated <= LONGEST_HOLES;
  }

  /** The file that the hasher was given is this one of the volume; size and time are those of `item`. */
  end(inode: number, item: Item): void {
    const key = keyOf(inode, item, this.#volume.traits);
    this.hasher.end((digest) => this.#records.add(key, digest));
  }

  /** Writes a segment of everything since the last one. To be called before each commit. */
  commit(): void {
    this.hasher.drain();
    if (this.#records.count === 0) return;
    const records = this.#records.take();
    const name = this.#write((add) => add(records), 0);
    if (name !== null) this.#written.add(name);
  }

  /** At the end of a run, before its last commit. */
  merge(): void {
    this.commit();
    const { segments, strangers } = segmentsOf(this.#volume);
    if (segments.length + strangers.length <= SEGMENTS_KEPT) return;
    const total = segments.reduce((sum, { count }) => sum + count, 0);
    const last = Math.max(0, ...segments.map(({ pruned }) => pruned));
    const prunes = total >= Math.max(PRUNE_FROM, 2 * last);
    const name = this.#write((add) => this.#copyRecords(segments, prunes, add), prunes ? null : last);
    if (name === null) return;
    const folder = this.#folders.own('checksums');
    for (const { name: old } of [...segments, ...strangers]) this.#volume.remove(folder, old);
    this.#written.clear();
  }

  /** Checksums of what this run copied, as far as it was committed. */
  written(): ChecksumTable {
    const { segments } = segmentsOf(this.#volume);
    return new ChecksumTable(
      this.#volume,
      segments.filter(({ name }) => this.#written.has(name)),
    );
  }

  close(): void {
    this.hasher.close();
  }

  #copyRecords(segments: readonly Segment[], prunes: boolean, add: (records: Uint8Array) => void): void {
    const block = new Uint8Array(WRITE_RECORDS * RECORD_SIZE);
    let used = 0;
    for (const record of mergedRecords(segments)) {
      if (prunes && !isOfLivingFile(this.#volume, record)) continue;
      block.set(record, used);
      used += RECORD_SIZE;
      if (used < block.length) continue;
      add(block);
      used = 0;
    }
    if (used > 0) add(block.subarray(0, used));
  }

  /** A new segment's name; null if the volume has no room for it. `pruned`: as in the header, null: all its records. */
  #write(fill: (add: (records: Uint8Array) => void) => void, pruned: number | null): string | null {
    const volume = this.#volume;
    let made: { readonly folder: ItemId; readonly name: string } | null = null;
    try {
      const folder = this.#folders.own('checksums');
      const name = this.#freeName();
      const [id] = volume.create(folder, [emptyFile(name, this.#folders.template)]) as [ItemId];
      made = { folder, name };
      let position = SegmentHeader.size;
      fill((records) => {
        volume.write(id, position, records);
        position += records.length;
      });
      const count = (position - SegmentHeader.size) / RECORD_SIZE;
      volume.write(id, 0, this.#header(count, pruned ?? count));
      return name;
    } catch (error) {
      if (!(error instanceof VolumeFullError)) throw error;
      if (made) volume.remove(made.folder, made.name);
      return null;
    }
  }

  #header(count: number, pruned: number): Uint8Array {
    const header = new Uint8Array(SegmentHeader.size);
    const view = new DataView(header.buffer);
    const { at } = SegmentHeader;
    header.set(Buffer.from(SEGMENT_MAGIC, 'latin1'), at.magic);
    view.setUint32(at.version, SEGMENT_VERSION, true);
    view.setUint32(at.recordSize, RECORD_SIZE, true);
    header.set(uuidBytes(this.#volume.uuid), at.uuid);
    put64le(view, 0, at.count, count);
    put64le(view, 0, at.pruned, pruned);
    return header;
  }

  #freeName(): string {
    if (this.#next === null) {
      const { segments, strangers } = segmentsOf(this.#volume);
      this.#next = Math.max(0, ...[...segments, ...strangers].map(({ name }) => Number(name))) + 1;
    }
    const name = String(this.#next).padStart(8, '0');
    this.#next += 1;
    return name;
  }
}
