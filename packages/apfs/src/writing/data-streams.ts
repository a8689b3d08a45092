// The data of files: extents of the streams in use are kept in memory, and put into the trees when others look, at the latest
// at a commit. A new file whose data is announced gets its inode record only then, so that its records stand in one row.
//
// Invariants: only fresh blocks that no other stream shares are written; others are exchanged for fresh ones. Bytes behind the
// end of a stream, up to the end of its last block, are zeros if we wrote that block.

import { assert, CorruptError, DataWriter, type FileExtent } from '@tintype/core';
import { get64, put64, viewOf } from '../object.js';
import { FIELD, FIELD_FLAGS, findField, withField } from '../records/inode-record.js';
import type { StreamRecords } from '../records/stream-records.js';
import { BLOCK_SIZE } from '../structs/container.js';
import { Dstream, INODE_FLAGS, InodeValue, RECORD_TYPE } from '../structs/records.js';
import type { Catalog } from './catalog.js';
import { blocksWithout, type Extent, ExtentList } from './extent.js';
import type { Mounted } from './mounted.js';

interface OpenStream {
  readonly id: number;
  stream: number;
  size: number;
  readonly extents: ExtentList;
  /** Extents as the tree has them. */
  stored: ExtentList;
  /** True if an inode record has a dstream field. */
  hasField: boolean;
  /** Of a new file: the value of its inode record, which is not in the tree yet. */
  draft: Uint8Array | null;
  /** Other inodes use the stream too, as far as is known. */
  isShared: boolean;
  /** Bytes that will be written in all, as far as is known. */
  expected: number;
}

/** Streams kept open, and of these such as wait to be put into the trees. */
const OPEN_LIMIT = 4096;

export class DataStreams {
  readonly #volume: Mounted;
  readonly #catalog: Catalog;
  readonly #records: StreamRecords;
  readonly #writer: DataWriter;
  readonly #open = new Map<number, OpenStream>();
  readonly #dirty = new Set<OpenStream>();
  readonly #block = new Uint8Array(BLOCK_SIZE);

  constructor(volume: Mounted, catalog: Catalog, records: StreamRecords) {
    this.#volume = volume;
    this.#catalog = catalog;
    this.#records = records;
    this.#writer = new DataWriter(volume.place.device);
  }

  /** A new file of which so many bytes will come; `draft`: its inode's value. */
  create(id: number, draft: Uint8Array, expected: number): void {
    if (this.#open.size >= OPEN_LIMIT) this.#forget();
    const stream = {
      id,
      stream: id,
      size: 0,
      extents: new ExtentList(),
      stored: new ExtentList(),
      hasField: false,
      draft,
      isShared: false,
      expected,
    };
    this.#open.set(id, stream);
    this.#dirty.add(stream);
    this.#volume.pending.bytes += 300 + draft.length;
    this.#volume.pending.references += 1;
  }

  /** @throws VolumeFullError, with nothing changed */
  write(id: number, position: number, source: Uint8Array): void {
    if (source.length === 0) return;
    const stream = this.#own(id, position, position + source.length);
    const end = position + source.length;
    if (position > stream.size) this.#lengthen(stream, position);
    const first = Math.floor(position / BLOCK_SIZE);
    const last = Math.ceil(end / BLOCK_SIZE);
    const have = stream.extents.blocks;
    if (first < have) this.#makeFresh(stream, first, Math.min(last, have), { position, end });
    if (last > have) this.#append(stream, have, last);
    this.#put(stream, position, source, first >= have);
    stream.size = Math.max(stream.size, end);
  }

  /** @throws VolumeFullError, with nothing changed */
  truncate(id: number, size: number): void {
    const { size: old, extents } = this.#stream(id);
    const keep = Math.ceil(size / BLOCK_SIZE);
    if (size === old && extents.blocks <= keep) return;
    const gone = keep < extents.blocks ? extents.slice(keep, extents.blocks).length : 0;
    this.#volume.require({ catalog: 4, references: gone }, 'removal');
    const stream = this.#own(id, size, size);
    this.#volume.pending.freed += gone;
    if (size > stream.size) this.#lengthen(stream, size);
    else this.#shorten(stream, keep);
    stream.size = size;
    stream.expected = 0;
  }

  /** Everything into the trees. Call before others read. */
  flush(): void {
    if (this.#dirty.size === 0) return;
    this.#catalog.tree.inRun = true;
    for (const stream of this.#dirty) this.#store(stream);
    this.#catalog.tree.inRun = false;
    this.#volume.forgetPending();
  }
  flushOf(id: number): void {
    const stream = this.#open.get(id);
    if (stream && this.#dirty.has(stream)) this.#store(stream);
  }
  /** True if this file's data was used lately: it is no compressed one. */
  isOpen(id: number): boolean {
    return this.#open.has(id);
  }
  /** File data into its blocks. */
  flushData(): void {
    this.#writer.flush();
  }
  /** The file's stream is changed or removed by others: what is known of it does not hold any more. */
  forget(id: number): void {
    this.flushOf(id);
    this.#open.delete(id);
  }
  /** Bytes as they are now, written or not; answers how many there were. */
  read(id: number, position: number, target: Uint8Array): number {
    const { size, extents } = this.#stream(id);
    const length = Math.max(0, Math.min(target.length, size - position));
    if (length === 0) return 0;
    this.#writer.flush();
    const first = Math.floor(position / BLOCK_SIZE);
    let at = first * BLOCK_SIZE;
    for (const { start, count } of extents.slice(first, Math.ceil((position + length) / BLOCK_SIZE))) {
      const from = Math.max(position, at);
      const to = Math.min(position + length, at + count * BLOCK_SIZE);
      const part = target.subarray(from - position, to - position);
      if (start === 0) part.fill(0);
      else this.#volume.place.device.read(start * BLOCK_SIZE + from - at, part);
      at += count * BLOCK_SIZE;
    }
    if (at < position + length)
      throw new CorruptError('j_dstream', 'size', id, `${size} bytes do not lie in ${extents.blocks} blocks`);
    return length;
  }
  /** Data and holes of the whole file, as it is now. */
  shape(id: number): FileExtent[] {
    const { size, extents } = this.#stream(id);
    const shape: FileExtent[] = [];
    let position = 0;
    for (const { start, count } of extents) {
      const length = Math.min(size, position + count * BLOCK_SIZE) - position;
      if (length <= 0) break;
      const kind = start === 0 ? 'hole' : 'data';
      const last = shape.at(-1);
      if (last?.kind === kind) shape[shape.length - 1] = { ...last, length: last.length + length };
      else shape.push({ position, length, kind });
      position += length;
    }
    return shape;
  }

  #stream(id: number): OpenStream {
    const known = this.#open.get(id);
    if (known) return known;
    if (this.#open.size >= OPEN_LIMIT) this.#forget();
    const { view, at, length } = this.#catalog.inode(id);
    const own = get64(view, at + InodeValue.at.private_id);
    const field = findField(view, at + InodeValue.size, at + length, FIELD.dstream);
    const size = field ? get64(view, field.at + Dstream.at.size) : 0;
    const stored = new ExtentList(field ? this.#records.extents(own) : []);
    const stream = {
      id,
      stream: own,
      size,
      extents: new ExtentList(stored),
      stored,
      hasField: field !== null,
      draft: null,
      isShared: field !== null,
      expected: 0,
    };
    this.#open.set(id, stream);
    return stream;
  }
  #forget(): void {
    this.flush();
    this.#open.clear();
  }

  /** A stream that may be changed: nobody else uses it. Room for its records is kept. @throws VolumeFullError */
  #own(id: number, position: number, end: number): OpenStream {
    const stream = this.#stream(id);
    const have = stream.extents.blocks;
    // What lies between the blocks that are there and the position becomes a hole.
    const data = Math.max(0, Math.ceil(end / BLOCK_SIZE) - Math.max(have, Math.floor(position / BLOCK_SIZE)));
    const share = stream.isShared ? stream.extents.length : 0;
    const exchanged = this.#exchanged(stream, position, end);
    const places = (this.#dirty.has(stream) ? 1 : 4) + share;
    this.#volume.require({
      catalog: places,
      references: places,
      data: data + exchanged.blocks,
    });
    if (stream.isShared) this.#unshare(stream);
    if (!this.#dirty.has(stream)) {
      this.#volume.pending.places += 4;
      this.#volume.pending.references += 2;
    }
    this.#volume.pending.freed += exchanged.pieces;
    this.#dirty.add(stream);
    return stream;
  }
  /** Blocks that a write has to exchange: those that are there and not fresh, and the last one where it goes on behind it. */
  #exchanged(
    { extents, size, isShared }: OpenStream,
    position: number,
    end: number,
  ): { blocks: number; pieces: number } {
    const { spaceman } = this.#volume.place;
    const from = Math.min(position, size);
    const parts = extents.slice(Math.floor(from / BLOCK_SIZE), Math.ceil(Math.max(from + 1, end) / BLOCK_SIZE));
    let blocks = 0;
    let pieces = 0;
    for (const extent of parts) {
      if (!isShared && extent.start > 0 && spaceman.isFresh(extent.start, extent.count)) continue;
      blocks += extent.count;
      if (extent.start > 0) pieces += 1;
    }
    return { blocks, pieces };
  }

  /** The stream gets an id of its own; its blocks are then used by two. */
  #unshare(stream: OpenStream): void {
    stream.isShared = false;
    if (!this.#records.isShared(stream.stream)) return;
    const fresh = this.#volume.newId();
    this.#records.copy(stream.stream, fresh, [...stream.stored]);
    this.#records.unuse(stream.stream);
    this.#records.use(fresh);
    const { view, at } = this.#catalog.inodeToChange(stream.id);
    put64(view, at + InodeValue.at.private_id, fresh);
    stream.stream = fresh;
  }

  /** Blocks `[first, last)` of the stream become fresh ones; bytes outside `[position, end)` in the outer ones stay. */
  #makeFresh(stream: OpenStream, first: number, last: number, { position, end }: Span): void {
    const { spaceman } = this.#volume.place;
    const old = stream.extents.slice(first, last);
    const isFresh = old.every(({ start, count }) => start > 0 && spaceman.isFresh(start, count));
    if (isFresh) return;
    const fresh = spaceman.take(last - first);
    const isHeadKept = position % BLOCK_SIZE !== 0;
    const isTailKept = end < last * BLOCK_SIZE && end < stream.size;
    if (isHeadKept) this.#copy(old, fresh, 0);
    if (isTailKept && !(isHeadKept && last - first === 1)) this.#copy(old, fresh, last - first - 1);
    this.#exchange(stream, first, last, fresh);
  }
  #copy(from: readonly Extent[], to: readonly Extent[], block: number): void {
    this.#writer.flush();
    const { device } = this.#volume.place;
    const [source] = new ExtentList(from).slice(block, block + 1);
    const [target] = new ExtentList(to).slice(block, block + 1);
    assert(source !== undefined && target !== undefined, 'a block that is copied is part of both');
    if (source.start === 0) this.#block.fill(0);
    else device.read(source.start * BLOCK_SIZE, this.#block);
    device.write(target.start * BLOCK_SIZE, this.#block);
  }
  /** Other extents for `[first, last)`. Blocks that are in no record yet are free at once. */
  #exchange(stream: OpenStream, first: number, last: number, extents: readonly Extent[]): void {
    const gone = stream.extents.slice(first, last);
    const before = stream.extents.length;
    stream.extents.splice(first, last, extents);
    const more = Math.max(0, stream.extents.length - before);
    this.#volume.pending.places += more;
    this.#volume.pending.references += more;
    if (gone.length === 0) return;
    const { spaceman } = this.#volume.place;
    for (const { start, count } of blocksWithout(gone, stream.stored.slice(first, last))) {
      this.#writer.flush();
      spaceman.free(start, count);
    }
  }

  /** Blocks up to `last`, in one piece with what is there as far as can be, and as many as are expected. */
  #append(stream: OpenStream, have: number, last: number): void {
    const { spaceman } = this.#volume.place;
    const needed = last - have;
    const expected = Math.max(needed, Math.ceil(stream.expected / BLOCK_SIZE) - have);
    const wanted = expected + spaceman.reserve < spaceman.available ? expected : needed;
    const before = stream.extents.last;
    const added: Extent[] = [];
    const after = before && before.start > 0 ? spaceman.takeAt(before.start + before.count, wanted) : 0;
    if (before && after > 0) added.push({ start: before.start + before.count, count: after });
    if (after < wanted) added.push(...spaceman.take(wanted - after));
    this.#exchange(stream, have, have, added);
  }

  /** Writes into fresh blocks that are there. Zeros follow the end of the stream; `isNew`: and precede the position. */
  #put(stream: OpenStream, position: number, source: Uint8Array, isNew: boolean): void {
    const end = position + source.length;
    const first = Math.floor(position / BLOCK_SIZE);
    const last = Math.ceil(end / BLOCK_SIZE);
    let at = first * BLOCK_SIZE;
    for (const { start, count } of stream.extents.slice(first, last)) {
      const from = Math.max(position, at);
      const to = Math.min(end, at + count * BLOCK_SIZE);
      const place = start * BLOCK_SIZE - at;
      if (isNew && from > at) this.#writer.write(place + at, ZEROS.subarray(0, from - at));
      this.#writer.write(place + from, source.subarray(from - position, to - position));
      if (to === end && end >= stream.size) this.#writer.pad(place + to, last * BLOCK_SIZE - to);
      at += count * BLOCK_SIZE;
    }
  }

  /** The stream becomes longer by a hole; what lies behind its end reads as zeros. */
  #lengthen(stream: OpenStream, size: number): void {
    const old = Math.ceil(stream.size / BLOCK_SIZE);
    this.#shorten(stream, old);
    const rest = stream.size % BLOCK_SIZE;
    if (rest > 0) this.#clearTail(stream, old - 1, rest);
    const have = stream.extents.blocks;
    const blocks = Math.ceil(size / BLOCK_SIZE) - have;
    if (blocks > 0) this.#exchange(stream, have, have, [{ start: 0, count: blocks }]);
    stream.size = Math.max(stream.size, size);
  }
  #clearTail(stream: OpenStream, block: number, rest: number): void {
    this.#writer.flush();
    const { device, spaceman } = this.#volume.place;
    const [last] = stream.extents.slice(block, block + 1);
    if (!last || last.start === 0) return;
    device.read(last.start * BLOCK_SIZE, this.#block);
    if (this.#block.subarray(rest).every((byte) => byte === 0)) return;
    const bytes = this.#block.slice();
    bytes.fill(0, rest);
    let { start } = last;
    if (!spaceman.isFresh(start, 1)) {
      const [fresh] = spaceman.take(1);
      assert(fresh !== undefined, 'one block was taken');
      start = fresh.start;
      this.#exchange(stream, block, block + 1, [fresh]);
    }
    device.write(start * BLOCK_SIZE, bytes);
  }
  #shorten(stream: OpenStream, keep: number): void {
    const have = stream.extents.blocks;
    if (have > keep) this.#exchange(stream, keep, have, []);
  }

  /** Extents and sizes into the trees. */
  #store(stream: OpenStream): void {
    const { extents, stored } = stream;
    const hasData = extents.length > 0 || stream.hasField;
    const isNew = stream.draft !== null;
    if (stream.draft) {
      this.#putDraft(stream, stream.draft, hasData);
      stream.draft = null;
    } else if (hasData) this.#putSizes(stream);
    if (hasData && isNew) this.#records.useNew(stream.stream);
    else if (hasData && !stream.hasField) this.#records.use(stream.stream);
    stream.hasField = hasData;
    const { head, tail, block } = stored.difference(extents);
    const gone = stored.entries(head, stored.length - tail);
    const come = extents.entries(head, extents.length - tail);
    this.#records.replace(stream.stream, block, gone, come);
    stream.stored = new ExtentList(extents);
    this.#dirty.delete(stream);
  }
  /** A new inode, with all its fields at once. */
  #putDraft(stream: OpenStream, draft: Uint8Array, hasData: boolean): void {
    const value = hasData ? withStream(draft, stream) : withField(draft, InodeValue.size, FIELD.dstream, null);
    this.#catalog.putKey(stream.id, RECORD_TYPE.inode);
    this.#catalog.putValue(value);
    this.#catalog.tree.insert(this.#catalog.record);
    this.#volume.changed = true;
  }
  #putSizes(stream: OpenStream): void {
    const { view, at, length } = this.#catalog.inode(stream.id);
    const field = findField(view, at + InodeValue.size, at + length, FIELD.dstream);
    const sparse = findField(view, at + InodeValue.size, at + length, FIELD.sparseBytes);
    const holes = stream.extents.holes;
    if (!field || (holes > 0 && !sparse)) {
      this.#catalog.replaceInode(stream.id, withStream(this.#catalog.inodeValue(stream.id), stream));
      return;
    }
    this.#catalog.inodeToChange(stream.id);
    put64(view, field.at + Dstream.at.size, stream.size);
    put64(view, field.at + Dstream.at.alloced_size, stream.extents.blocks * BLOCK_SIZE);
    put64(view, field.at + Dstream.at.total_bytes_written, stream.size);
    if (sparse) put64(view, sparse.at, holes * BLOCK_SIZE);
    const generation = at + InodeValue.at.write_generation_counter;
    view.setUint32(generation, view.getUint32(generation, true) + 1, true);
  }
}

interface Span {
  readonly position: number;
  readonly end: number;
}

const ZEROS = new Uint8Array(BLOCK_SIZE);

/** An inode's value with the fields of its stream. */
function withStream(value: Uint8Array, { size, extents }: OpenStream): Uint8Array {
  const has = findField(viewOf(value), InodeValue.size, value.length, FIELD.dstream);
  const result = has
    ? value
    : withField(value, InodeValue.size, FIELD.dstream, {
        type: FIELD.dstream,
        flags: FIELD_FLAGS.dstream,
        bytes: new Uint8Array(Dstream.size),
      });
  const view = viewOf(result);
  const at = has?.at ?? findField(view, InodeValue.size, result.length, FIELD.dstream)?.at;
  assert(at !== undefined, 'a field that was put is there');
  put64(view, at + Dstream.at.size, size);
  put64(view, at + Dstream.at.alloced_size, extents.blocks * BLOCK_SIZE);
  put64(view, at + Dstream.at.total_bytes_written, size);
  const holes = extents.holes;
  const hadSparse = findField(viewOf(result), InodeValue.size, result.length, FIELD.sparseBytes) !== null;
  if (holes === 0 && !hadSparse) return result;
  const sparse = new Uint8Array(8);
  put64(viewOf(sparse), 0, holes * BLOCK_SIZE);
  const both = withField(result, InodeValue.size, FIELD.sparseBytes, {
    type: FIELD.sparseBytes,
    flags: FIELD_FLAGS.sparseBytes,
    bytes: sparse,
  });
  const flags = InodeValue.at.internal_flags;
  viewOf(both).setUint32(flags, viewOf(both).getUint32(flags, true) | INODE_FLAGS.isSparse, true);
  return both;
}
