// A UDIF as a disk that is written once: what a file system writes becomes chunks of a growing file, with no image between.
//
// Invariants: a chunk that is full, or was not written for long while others were, is stored; one that is written again is
// stored again, and what was stored before is superseded: others take its place. What was never written, or is free at the
// end, is not stored. Before `finish` the file is no image. At most `OPEN_CHUNKS` chunks are in memory.

import { assert, type BlockDevice, type DeviceExtent, type Range, type StoreFile } from '@tintype/core';
import type { PartitionMap } from '../disk-image.js';
import { isZero } from '../zeros.js';
import { ChunkGrid } from './chunk-grid.js';
import { ChunkPlaces } from './chunk-places.js';
import { closeGaps } from './close-gaps.js';
import { writeEnd } from './end.js';
import { type Coding, type ForkPart, ForkWriter, readStoredChunk } from './fork-writer.js';
import { OpenChunks } from './open-chunks.js';
import { type Region, regionsOf } from './regions.js';
import { CHUNK_TYPE } from './structs.js';
import { type Row, regionTable } from './table.js';
import { CutChunks } from './zero-pieces.js';

/** As many as fit into 16 MiB. */
const OPEN_CHUNKS = 16;
/** Chunks that were read again and are kept decoded. */
const DECODED_CHUNKS = 8;

/** What is known of a chunk. `coming`: on its way to the file. */
const STATE = { empty: 0, open: 1, coming: 2, stored: 3, free: 4 } as const;

export interface DraftOptions extends Coding {
  /** Of the disk in bytes. */
  readonly size: number;
  /** As the disk will be partitioned. */
  readonly map: PartitionMap;
  readonly random: (target: Uint8Array) => void;
  /** Chunks in memory, at the most. Default: 16. */
  readonly openChunks?: number;
}

export class DraftDevice implements BlockDevice {
  readonly size: number;
  readonly writable = true;
  readonly blockSize = 512;
  readonly draft = true;
  readonly #file: StoreFile;
  readonly #fork: ForkWriter;
  readonly #options: DraftOptions;
  readonly #regions: readonly Region[];
  readonly #grid: ChunkGrid;
  readonly #open: OpenChunks;
  /** By chunk. */
  readonly #states: Uint8Array;
  /** Of those that are stored. */
  readonly #places: ChunkPlaces;
  /** Null where chunks are compressed. */
  readonly #cuts: CutChunks | null;
  /** Least recently used first. */
  readonly #decoded = new Map<number, Uint8Array>();
  #isFinished = false;
  /** Bytes of the finished file that stand for nothing. */
  superseded = 0;

  constructor(file: StoreFile, options: DraftOptions) {
    this.size = options.size;
    this.#file = file;
    this.#fork = new ForkWriter(file, options);
    this.#options = options;
    this.#open = new OpenChunks(options.openChunks ?? OPEN_CHUNKS);
    this.#regions = regionsOf(options.map, options.size);
    this.#grid = new ChunkGrid(this.#regions);
    const { count } = this.#grid;
    this.#states = new Uint8Array(count);
    this.#places = new ChunkPlaces(count, this.#fork.type);
    this.#cuts = options.format === 'udro' ? new CutChunks() : null;
  }

  /** The most bytes that the file ever had before it was finished. */
  get peakBytes(): number {
    return this.#fork.peak;
  }
  /** Bytes stored so far, room of superseded ones that nobody took included. */
  get storedBytes(): number {
    return this.#fork.length;
  }

  read(position: number, target: Uint8Array): void {
    this.#requireRange(position, target.length);
    this.#eachChunk(position, target.length, (chunk, offset, length, done) =>
      this.#readChunk(chunk, offset, target.subarray(done, done + length)),
    );
  }
  write(position: number, source: Uint8Array): void {
    this.#requireRange(position, source.length);
    this.#eachChunk(position, source.length, (chunk, offset, length, done) =>
      this.#writeChunk(chunk, offset, source.subarray(done, done + length)),
    );
  }
  zero(position: number, length: number): void {
    this.#requireRange(position, length);
    this.#eachChunk(position, length, (chunk, offset, part) => {
      if (part === this.#grid.range(chunk).size) this.#drop(chunk, STATE.empty);
      else if (this.#states[chunk] !== STATE.empty) this.#writeChunk(chunk, offset, new Uint8Array(part));
    });
  }
  /** Only of whole chunks: the rest is free at the end, if nobody uses it again. */
  discard(position: number, length: number): void {
    this.#requireRange(position, length);
    this.#eachChunk(position, length, (chunk, _offset, part) => {
      if (part === this.#grid.range(chunk).size) this.#drop(chunk, STATE.empty);
    });
  }
  extent(position: number): DeviceExtent {
    const first = this.#grid.at(position);
    const isEmpty = (chunk: number): boolean => this.#states[chunk] === STATE.empty;
    const kind = isEmpty(first) ? 'zero' : 'data';
    let end = first + 1;
    while (end < this.#grid.count && isEmpty(end) === isEmpty(first)) end += 1;
    const { start, size } = this.#grid.range(end - 1);
    return { length: start + size - position, kind };
  }
  /** Whole chunks count for any part of theirs; those in memory not at all. */
  stored(position: number, length: number): number {
    let sum = 0;
    this.#eachChunk(position, length, (chunk) => {
      if (this.#states[chunk] === STATE.stored) sum += this.#places.length(chunk);
    });
    return Math.min(sum, length);
  }
  /** Nothing counts before `finish`. */
  flush(): void {}
  close(): void {
    this.#decoded.clear();
  }

  /** Stores what is in memory, but for what is `free`, and writes the end. `free` ascends. Durable when this returns. */
  finish(free: Iterable<Range>): void {
    this.#requireRange(0, 0);
    for (const { start, length } of free) this.#free(start, length);
    for (const chunk of this.#open.numbers) this.#store(chunk);
    const fork = this.#settle();
    this.#isFinished = true;
    const { format, random } = this.#options;
    const place = { format, start: 0, end: fork.length };
    const tables = this.#regions.map((region) => regionTable(region, () => this.#rows(region), place));
    writeEnd(tables, { parts: [fork], open: () => this.#file, size: this.size, random });
  }

  /** Dead room goes; what is left of it is known. */
  #settle(): ForkPart {
    const file = this.#file;
    const places = this.#places;
    const dead = this.#fork.settle();
    const stored = Uint32Array.from(this.#stored());
    const ordered = places.inOrder(stored);
    const length = closeGaps({ file, dead, places, ordered, end: this.#fork.length });
    if (file.size() > length) file.truncate(length);
    this.superseded = dead.total;
    return { length, crc: places.sum(ordered, length) };
  }
  *#stored(): Generator<number> {
    for (const [chunk, state] of this.#states.entries()) if (state === STATE.stored) yield chunk;
  }

  #requireRange(position: number, length: number): void {
    assert(position >= 0 && length >= 0 && position + length <= this.size, 'range lies inside the disk');
    assert(!this.#isFinished, 'an archive that is finished is not changed');
  }

  #eachChunk(
    position: number,
    length: number,
    visit: (chunk: number, offset: number, length: number, done: number) => void,
  ): void {
    for (let done = 0; done < length; ) {
      const chunk = this.#grid.at(position + done);
      const { start, size } = this.#grid.range(chunk);
      const offset = position + done - start;
      const part = Math.min(length - done, size - offset);
      visit(chunk, offset, part, done);
      done += part;
    }
  }

  #readChunk(chunk: number, offset: number, target: Uint8Array): void {
    const open = this.#open.get(chunk);
    if (open) target.set(open.bytes.subarray(offset, offset + target.length));
    else if (this.#states[chunk] === STATE.empty) target.fill(0);
    else target.set(this.#clear(chunk).subarray(offset, offset + target.length));
  }

  #writeChunk(chunk: number, offset: number, source: Uint8Array): void {
    if (!this.#open.get(chunk)) {
      const { size } = this.#grid.range(chunk);
      if (source.length === size && this.#states[chunk] === STATE.empty) {
        this.#hand(chunk, source);
        return;
      }
      this.#reopen(chunk, size);
    }
    const isFull = this.#open.write(chunk, offset, source);
    if (isFull && !this.#open.get(chunk)?.isRewritten) this.#store(chunk);
  }

  #reopen(chunk: number, size: number): void {
    if (this.#open.isFull) this.#store(this.#open.oldest());
    const isRewritten = this.#states[chunk] !== STATE.empty;
    const clear = isRewritten ? this.#clear(chunk) : null;
    if (isRewritten) this.#drop(chunk, STATE.open);
    const { bytes } = this.#open.open(chunk, size, isRewritten);
    if (clear) bytes.set(clear);
    this.#states[chunk] = STATE.open;
  }

  /** An open chunk leaves memory. */
  #store(chunk: number): void {
    const { bytes } = this.#open.close(chunk);
    this.#hand(chunk, bytes);
  }

  #hand(chunk: number, bytes: Uint8Array): void {
    if (isZero(bytes)) {
      this.#states[chunk] = STATE.empty;
      return;
    }
    this.#states[chunk] = STATE.coming;
    this.#fork.add(this.#cuts?.cut(chunk, bytes) ?? bytes, (stored) => {
      this.#states[chunk] = STATE.stored;
      this.#places.put(chunk, stored);
    });
  }

  /** What the chunk held counts no more. */
  #drop(chunk: number, state: number): void {
    if (this.#open.get(chunk)) this.#open.close(chunk);
    if (this.#states[chunk] === STATE.coming) this.#fork.drain();
    if (this.#states[chunk] === STATE.stored) this.#fork.release(this.#places.range(chunk));
    this.#decoded.delete(chunk);
    this.#cuts?.forget(chunk);
    this.#states[chunk] = state;
  }

  /** Of a stored chunk, or one on its way there. */
  #clear(chunk: number): Uint8Array {
    if (this.#states[chunk] === STATE.coming) this.#fork.drain();
    assert(this.#states[chunk] === STATE.stored, 'the chunk is in the file');
    const known = this.#decoded.get(chunk);
    if (known) this.#decoded.delete(chunk);
    const clear = known ?? this.#decode(chunk);
    this.#decoded.set(chunk, clear);
    if (this.#decoded.size > DECODED_CHUNKS) this.#decoded.delete(this.#decoded.keys().next().value ?? chunk);
    return clear;
  }

  #decode(chunk: number): Uint8Array {
    const clear = new Uint8Array(this.#grid.range(chunk).size);
    const place = this.#places.get(chunk);
    const stored = place.type === CHUNK_TYPE.raw ? clear.subarray(0, place.length) : clear;
    readStoredChunk(this.#file, this.#options.format, place, stored);
    this.#cuts?.spread(chunk, clear);
    return clear;
  }

  /** Chunks that lie wholly in a free range are not stored. */
  #free(start: number, length: number): void {
    const end = Math.min(start + length, this.size);
    if (end <= start) return;
    let chunk = this.#grid.at(start);
    if (this.#grid.range(chunk).start < start) chunk += 1;
    for (; chunk < this.#grid.count; chunk += 1) {
      const range = this.#grid.range(chunk);
      if (range.start + range.size > end) return;
      this.#drop(chunk, STATE.free);
    }
  }

  *#rows({ start, size, isFree }: Region): Generator<Row> {
    if (size === 0) return;
    const last = this.#grid.at(start + size - 1);
    for (let chunk = this.#grid.at(start); chunk <= last; chunk += 1) {
      const state = this.#states[chunk];
      const place = this.#grid.range(chunk);
      if (state === STATE.stored) {
        const stored = this.#places.get(chunk);
        yield* this.#cuts?.rows(chunk, place.start, stored) ?? [{ ...place, ...stored }];
      } else {
        const type = isFree || state === STATE.free ? CHUNK_TYPE.ignore : CHUNK_TYPE.zero;
        yield { ...place, type, offset: 0, length: 0, crc: 0 };
      }
    }
  }
}
