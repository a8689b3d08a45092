// Directories and tables of an ASIF image.
//
// Invariants: of the two directories the one with the higher number counts. A commit writes changed tables to chunks that
// nothing uses, then the other directory's entries under its old number, a barrier, and last its number: a cut leaves the
// one or the other. What a commit gives up may be used again after it.

import { CorruptError, type StoreFile } from '@tintype/core';
import type { AsifFormat } from './format.js';
import { ENTRY } from './structs.js';

/** `partial`: the group's bitmap says which sectors count. `unmapped` was written once, and reads as zeros. */
export type ChunkState = 'none' | 'full' | 'unmapped' | 'partial';

const STATES: readonly ChunkState[] = ['none', 'full', 'unmapped', 'partial'];
const CACHED_GROUPS = 64;
/** Directory entries read at once. */
const PART = 512;
const RESERVED = 0x3f80_0000;

export interface Entry {
  readonly state: ChunkState;
  /** Physical: file offset in chunks; 0 where the state has none. */
  readonly chunk: number;
}

const NONE: Entry = { state: 'none', chunk: 0 };

/** A physical chunk, and what it is: a table, the bitmap of the group that begins at this chunk of the disk, or its data. */
export interface UsedChunk {
  readonly chunk: number;
  readonly kind: 'table' | 'bitmap' | 'data';
  /** Of the table, or a chunk of the disk. */
  readonly index: number;
}

export function describeUse({ kind, index }: Pick<UsedChunk, 'kind' | 'index'>): string {
  if (kind === 'data') return `chunk ${index}`;
  return kind === 'table' ? `table ${index}` : `the bitmap of ${index}`;
}

export class AsifTables {
  readonly #file: StoreFile;
  readonly #format: AsifFormat;
  readonly #groupBytes: number;
  /** Which directory counts, and its number. */
  #live: 0 | 1;
  #sequence: number;
  /** The part of the live directory that was read last: entries are asked for in order. */
  #part: { readonly first: number; readonly view: DataView } | null = null;
  /** Chunks of tables by their index, as far as they were looked at and are there. */
  readonly #places = new Map<number, number>();
  readonly #groups = new Map<number, DataView>();
  /** Whole tables that differ from the file. */
  readonly #changed = new Map<number, Uint8Array>();
  /** Entries in which the other directory may differ from the live one; null: in all. */
  #stale: Set<number> | null = null;

  /** By the directory with the higher number, or, only to read, by the chosen one. */
  constructor(file: StoreFile, format: AsifFormat, directory?: 0 | 1) {
    this.#file = file;
    this.#format = format;
    this.#groupBytes = ENTRY * (format.groupChunks + 1);
    this.#live = directory ?? 0;
    this.#sequence = 0;
    if (directory !== undefined) return;
    const [a, b] = format.directories.map((offset) => this.#number(offset)) as [number, number];
    this.#live = b > a ? 1 : 0;
    this.#sequence = Math.max(a, b);
  }

  get isChanged(): boolean {
    return this.#changed.size > 0;
  }

  /** Of a data chunk of the disk, counted from its start. @throws CorruptError */
  entry(chunk: number): Entry {
    const { table, group, index } = this.#split(chunk);
    const view = this.#group(table, group);
    if (!view) return NONE;
    const entry = entryOf(view.getUint32(index * ENTRY), view.getUint32(index * ENTRY + 4));
    if (!entry || entry.chunk * this.#format.chunkSize >= this.#file.size())
      throw new CorruptError('ASIF table', 'entry', chunk * this.#format.chunkSize, describe(view, index));
    return entry;
  }
  /** The physical chunk with the bitmap of the chunk's group; 0 if there is none. */
  bitmap(chunk: number): number {
    const { table, group } = this.#split(chunk);
    const view = this.#group(table, group);
    if (!view) return 0;
    const at = this.#format.groupChunks;
    const [high, low] = [view.getUint32(at * ENTRY), view.getUint32(at * ENTRY + 4)];
    const place = (high & 0x007f_ffff) * 0x1_0000_0000 + low;
    if (place * this.#format.chunkSize >= this.#file.size() && place > 0)
      throw new CorruptError('ASIF table', 'bitmap', chunk * this.#format.chunkSize, describe(view, at));
    return place;
  }
  /** How many chunks from this one on no table describes: all zeros. 0 if its table is there. */
  untabled(chunk: number): number {
    const { table } = this.#split(chunk);
    if (this.#changed.has(table) || this.#place(table) > 0) return 0;
    return (table + 1) * this.#format.tableChunks - chunk;
  }

  set(chunk: number, { state, chunk: place }: Entry): void {
    const { table, group, index } = this.#split(chunk);
    const view = this.#changeable(table);
    const at = group * this.#groupBytes + index * ENTRY;
    const reserved = view.getUint32(at) & RESERVED;
    const bits = STATES.indexOf(state) * 0x4000_0000;
    view.setUint32(at, bits + reserved + Math.floor(place / 0x1_0000_0000));
    view.setUint32(at + 4, place >>> 0);
  }
  /** What a chunk holds lies at another place. A table gets a new one, whichever it is, with the next commit. */
  move({ kind, index }: UsedChunk, to: number): void {
    if (kind === 'table') this.#changeable(index);
    else if (kind === 'data') this.set(index, { state: this.entry(index).state, chunk: to });
    else {
      const { table, group } = this.#split(index);
      const at = group * this.#groupBytes + this.#format.groupChunks * ENTRY;
      this.#changeable(table).setBigUint64(at, BigInt(to));
    }
  }

  /**
   * Physical chunks of all tables that are there, with what they refer to: each is used once. A table that is named again is
   * told, but not looked into again.
   */
  *used(): Generator<UsedChunk> {
    const { tables, tableGroups, tableChunks, groupChunks } = this.#format;
    const seen = new Set<number>();
    for (let table = 0; table < tables; table += 1) {
      const place = this.#place(table);
      if (place === 0) continue;
      yield { chunk: place, kind: 'table', index: table };
      if (seen.has(place)) continue;
      seen.add(place);
      for (let group = 0; group < tableGroups; group += 1)
        yield* this.#usedBy(table, group, table * tableChunks + group * groupChunks);
    }
  }
  *#usedBy(table: number, group: number, first: number): Generator<UsedChunk> {
    const view = this.#group(table, group);
    if (!view) return;
    const { groupChunks } = this.#format;
    for (let index = 0; index <= groupChunks; index += 1) {
      if (view.getUint32(index * ENTRY + 4) === 0 && view.getUint32(index * ENTRY) === 0) continue;
      const kind = index === groupChunks ? 'bitmap' : 'data';
      const chunk = kind === 'bitmap' ? this.bitmap(first) : this.entry(first + index).chunk;
      if (chunk > 0) yield { chunk, kind, index: kind === 'bitmap' ? first : first + index };
    }
  }

  /**
   * Makes the changed tables those that count. `allocate` answers chunks that nothing uses; what this gives up is handed
   * to `release` when it is done.
   */
  commit(allocate: () => number, release: (chunk: number) => void): void {
    const given: number[] = [];
    for (const [table, bytes] of this.#changed) {
      const before = this.#place(table);
      if (before > 0) given.push(before);
      const chunk = allocate();
      this.#file.write(chunk * this.#format.chunkSize, bytes);
      this.#places.set(table, chunk);
    }
    this.#file.sync();
    this.#writeOther();
    this.#file.sync();
    const other = this.#live === 0 ? 1 : 0;
    this.#writeNumber(this.#format.directories[other], this.#sequence + 1);
    this.#file.sync();
    this.#live = other;
    this.#sequence += 1;
    this.#stale = new Set(this.#changed.keys());
    this.#changed.clear();
    this.#groups.clear();
    this.#part = null;
    for (const chunk of given) release(chunk);
  }

  /** The other directory's entries: those that differ, or all of them the first time. */
  #writeOther(): void {
    const offset = this.#format.directories[this.#live === 0 ? 1 : 0] + ENTRY;
    if (this.#stale) {
      for (const table of new Set([...this.#stale, ...this.#changed.keys()]))
        this.#writeNumber(offset + table * ENTRY, this.#place(table));
      return;
    }
    const body = new Uint8Array(this.#format.tables * ENTRY);
    this.#file.read(this.#format.directories[this.#live] + ENTRY, body);
    const view = new DataView(body.buffer);
    for (const table of this.#changed.keys()) view.setBigUint64(table * ENTRY, BigInt(this.#place(table)));
    this.#file.write(offset, body);
  }

  #split(chunk: number): { table: number; group: number; index: number } {
    const { tableChunks, groupChunks } = this.#format;
    const table = Math.floor(chunk / tableChunks);
    const inside = chunk - table * tableChunks;
    const group = Math.floor(inside / groupChunks);
    return { table, group, index: inside - group * groupChunks };
  }

  /** Physical chunk of a table; 0 if it is not there. */
  #place(table: number): number {
    const known = this.#places.get(table);
    if (known !== undefined) return known;
    const first = table - (table % PART);
    if (this.#part?.first !== first) this.#part = { first, view: this.#readPart(first) };
    const at = this.#format.directories[this.#live] + ENTRY * (1 + table);
    const chunk = numberOf(this.#part.view, (table - first) * ENTRY, at);
    if (chunk === 0) return 0;
    const { chunkSize, tableGroups } = this.#format;
    if (chunk * chunkSize + tableGroups * this.#groupBytes > this.#file.size())
      throw new CorruptError('ASIF directory', 'table', at, `chunk ${chunk} lies behind the end of the file`);
    this.#places.set(table, chunk);
    return chunk;
  }

  #readPart(first: number): DataView {
    const bytes = new Uint8Array(ENTRY * PART);
    this.#file.read(this.#format.directories[this.#live] + ENTRY * (1 + first), bytes);
    return new DataView(bytes.buffer);
  }

  /** Entries of a group; null if its table is not there. */
  #group(table: number, group: number): DataView | null {
    const changed = this.#changed.get(table);
    if (changed) return new DataView(changed.buffer, group * this.#groupBytes, this.#groupBytes);
    const key = table * this.#format.tableGroups + group;
    const cached = this.#groups.get(key);
    if (cached) return cached;
    const place = this.#place(table);
    if (place === 0) return null;
    const bytes = new Uint8Array(this.#groupBytes);
    this.#file.read(place * this.#format.chunkSize + group * this.#groupBytes, bytes);
    if (this.#groups.size >= CACHED_GROUPS) this.#groups.clear();
    const view = new DataView(bytes.buffer);
    this.#groups.set(key, view);
    return view;
  }

  #changeable(table: number): DataView {
    let bytes = this.#changed.get(table);
    if (!bytes) {
      bytes = new Uint8Array(this.#format.chunkSize);
      const place = this.#place(table);
      if (place > 0) this.#file.read(place * this.#format.chunkSize, bytes);
      this.#changed.set(table, bytes);
    }
    return new DataView(bytes.buffer);
  }

  #number(at: number): number {
    const bytes = new Uint8Array(ENTRY);
    this.#file.read(at, bytes);
    return numberOf(new DataView(bytes.buffer), 0, at);
  }
  #writeNumber(at: number, value: number): void {
    const bytes = new Uint8Array(ENTRY);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
    this.#file.write(at, bytes);
  }
}

function numberOf(view: DataView, offset: number, place: number): number {
  const high = view.getUint32(offset);
  if (high > 0x1f_ffff) throw new CorruptError('ASIF directory', 'number', place, 'a number of 2^53 or more');
  return high * 0x1_0000_0000 + view.getUint32(offset + 4);
}

/** Null for what was never seen: refused, not guessed at. */
function entryOf(high: number, low: number): Entry | null {
  const state = STATES[high >>> 30] ?? 'none';
  const chunk = (high & 0x007f_ffff) * 0x1_0000_0000 + low;
  const hasChunk = state === 'full' || state === 'partial';
  return hasChunk === chunk > 0 ? { state, chunk } : null;
}

function describe(view: DataView, index: number): string {
  return `the entry 0x${view.getBigUint64(index * ENTRY).toString(16)} is not known, or points behind the file`;
}
