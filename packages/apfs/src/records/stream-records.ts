// Records of data streams: their extents, and how many inodes use them. Of inodes and of large attributes.

import { CorruptError } from '@tintype/core';
import { EXTENTS_LIMIT } from '../limits.js';
import { get64, put64 } from '../object.js';
import { BLOCK_SIZE } from '../structs/container.js';
import { FileExtentValue, RECORD_TYPE } from '../structs/records.js';
import { type Catalog, idAt, typeAt } from '../writing/catalog.js';
import { blocksWithout, type Extent, pushExtent } from '../writing/extent.js';
import type { Mounted } from '../writing/mounted.js';
import { ExtentReferences } from './extent-references.js';
import { KEY_HEADER } from './inode-record.js';

const at = FileExtentValue.at;

export class StreamRecords {
  readonly references: ExtentReferences;
  readonly #volume: Mounted;
  readonly #catalog: Catalog;

  constructor(volume: Mounted, catalog: Catalog) {
    this.#volume = volume;
    this.#catalog = catalog;
    this.references = new ExtentReferences(volume);
  }

  /** All extents of a stream, adjoining ones joined. @throws CorruptError if they leave gaps */
  extents(stream: number): Extent[] {
    const extents: Extent[] = [];
    let block = 0;
    this.#catalog.putKey(stream, RECORD_TYPE.fileExtent, 0);
    this.#catalog.tree.scan(this.#catalog.record, (leaf, index) => {
      const { view } = leaf;
      const key = leaf.keyAt(index);
      if (idAt(view, key) !== stream || typeAt(view, key) !== RECORD_TYPE.fileExtent) return false;
      const value = leaf.valueAt(index);
      if (leaf.keyLength(index) < 16 || leaf.valueLength(index) < FileExtentValue.size)
        throw FileExtentValue.corrupt(view, value, 'len_and_flags', 'the record is too short');
      const bytes = view.getUint32(value, true) + (view.getUint32(value + 4, true) & 0xff_ffff) * 0x1_0000_0000;
      const start = get64(view, value + at.phys_block_num);
      const total = this.#volume.place.spaceman.blocks;
      const count = bytes / BLOCK_SIZE;
      const isSound = Number.isSafeInteger(count) && count > 0 && get64(view, key + KEY_HEADER) === block * BLOCK_SIZE;
      if (!isSound || (start > 0 && start + count > total) || extents.length > EXTENTS_LIMIT)
        throw FileExtentValue.corrupt(view, value, 'len_and_flags', `extent ${block} of stream ${stream} is not sound`);
      pushExtent(extents, { start, count });
      block += count;
      return true;
    });
    return extents;
  }

  /** `come` instead of `gone` in the tree, both beginning at `block`; blocks that are in both stay in use. */
  replace(stream: number, block: number, gone: readonly Extent[], come: readonly Extent[]): void {
    this.#putExtents(stream, block, gone, come);
    const taken = blocksWithout(come, gone);
    for (const { start, count } of blocksWithout(gone, come)) this.references.put(start, count);
    const [first] = gone;
    const [firstNew] = come;
    const isGrown =
      first && firstNew && first.start > 0 && first.start === firstNew.start && first.count < firstNew.count;
    for (const { start, count } of taken) {
      if (isGrown && start === first.start + first.count) this.references.grow(start, count, stream);
      else this.references.add(start, count, stream);
    }
  }
  #putExtents(stream: number, block: number, gone: readonly Extent[], come: readonly Extent[]): void {
    let next = block;
    if (gone.length === 0) {
      for (const extent of come) {
        this.#putExtent(stream, next, extent, 'insert');
        next += extent.count;
      }
      return;
    }
    const keep = new Set<number>();
    for (const { count } of come) {
      keep.add(next);
      next += count;
    }
    const there = new Set<number>();
    for (const offset of this.#recordOffsets(stream, block, gone)) {
      if (keep.has(offset)) there.add(offset);
      else {
        this.#catalog.putKey(stream, RECORD_TYPE.fileExtent, offset * BLOCK_SIZE);
        this.#catalog.tree.remove(this.#catalog.record);
      }
    }
    next = block;
    for (const extent of come) {
      this.#putExtent(stream, next, extent, there.has(next) ? 'replace' : 'insert');
      next += extent.count;
    }
  }
  /** Where records begin in what `gone` covers: foreign ones may be cut finer than the list. */
  #recordOffsets(stream: number, block: number, gone: readonly Extent[]): number[] {
    const offsets: number[] = [];
    let end = block;
    for (const { count } of gone) end += count;
    this.#catalog.putKey(stream, RECORD_TYPE.fileExtent, block * BLOCK_SIZE);
    this.#catalog.tree.scan(this.#catalog.record, (leaf, index) => {
      const key = leaf.keyAt(index);
      if (idAt(leaf.view, key) !== stream || typeAt(leaf.view, key) !== RECORD_TYPE.fileExtent) return false;
      const offset = get64(leaf.view, key + KEY_HEADER) / BLOCK_SIZE;
      if (offset >= end) return false;
      offsets.push(offset);
      return true;
    });
    return offsets;
  }
  #putExtent(stream: number, block: number, { start, count }: Extent, how: 'insert' | 'replace'): void {
    const catalog = this.#catalog;
    catalog.putKey(stream, RECORD_TYPE.fileExtent, block * BLOCK_SIZE);
    const { record } = catalog;
    const value = record.keyLength;
    put64(record.view, value, count * BLOCK_SIZE);
    put64(record.view, value + at.phys_block_num, start);
    put64(record.view, value + at.crypto_id, 0);
    record.valueLength = FileExtentValue.size;
    if (how === 'insert') catalog.tree.insert(record);
    else catalog.tree.replace(record);
  }

  /** One more inode uses the stream. */
  use(stream: number): void {
    this.#count(stream, 1);
  }
  /** The first inode uses a stream that is new. */
  useNew(stream: number): void {
    const { record, tree } = this.#catalog;
    this.#catalog.putKey(stream, RECORD_TYPE.dstreamId);
    record.view.setUint32(record.keyLength, 1, true);
    record.valueLength = 4;
    tree.insert(record);
  }
  /** One inode less; true if it was the last, so that the extents must go. */
  unuse(stream: number): boolean {
    return this.#count(stream, -1) === 0;
  }
  isShared(stream: number): boolean {
    this.#catalog.putKey(stream, RECORD_TYPE.dstreamId);
    const place = this.#catalog.find();
    return place !== null && place.length >= 4 && place.view.getUint32(place.at, true) > 1;
  }
  #count(stream: number, by: number): number {
    const catalog = this.#catalog;
    catalog.putKey(stream, RECORD_TYPE.dstreamId);
    const place = catalog.find();
    const count = (place ? place.view.getUint32(place.at, true) : 0) + by;
    if (count < 0) throw new CorruptError('j_dstream_id_val', 'refcnt', stream, 'a stream in use has no users');
    if (place && count === 0) catalog.tree.remove(catalog.record);
    else if (place) {
      const leaf = catalog.tree.change();
      leaf.view.setUint32(leaf.valueAt(catalog.tree.index), count, true);
    } else if (count > 0) {
      catalog.record.view.setUint32(catalog.record.keyLength, count, true);
      catalog.record.valueLength = 4;
      catalog.tree.insert(catalog.record);
    }
    return count;
  }

  /** Another stream with the same blocks, which are not to be written any more. */
  copy(from: number, to: number, extents: readonly Extent[] = this.extents(from)): void {
    this.#putExtents(to, 0, [], extents);
    const { spaceman } = this.#volume.place;
    for (const { start, count } of blocksWithout(extents, [])) {
      this.references.take(start, count);
      spaceman.hold(start, count);
    }
  }
  /** All extents go; their blocks too, if nobody else uses them. */
  free(stream: number): void {
    this.replace(stream, 0, this.extents(stream), []);
  }
}
