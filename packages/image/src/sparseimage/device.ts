// Sparse images (`.sparseimage`): bands in the order of their first write, behind tables that name them.
// Source: measured on images made by macOS; index nodes as public readers describe them (docs/formats/images.md).
//
// Invariants: a band's bytes are durable before the table names it (flush: data, barrier, table, barrier); a band is never
// moved. A band named twice is what a cut of a compaction leaves: the lower slot wins.

import {
  assert,
  type BlockDevice,
  bytes,
  CorruptError,
  type DeviceExtent,
  type StoreFile,
  struct,
  u32,
  u64,
} from '@tintype/core';
import { isZero } from '../zeros.js';

export const SparseHeader = struct(
  'sparse image header',
  { order: 'big', size: 64, source: 'images made by macOS' },
  {
    signature: u32('sprs'),
    version: u32('3'),
    sectorsPerBand: u32(),
    flags: u32('1'),
    totalSectorsLow: u32(),
    nextNode: u64('file offset of the next index node, 0 = none'),
    totalSectors: u64(),
    reserved: bytes(28),
  },
);
export const SparseNode = struct(
  'sparse image index node',
  { order: 'big', size: 56, source: 'public readers' },
  {
    signature: u32('sprs'),
    number: u32(),
    flags: u32(),
    nextNode: u64('file offset of the next node, 0 = last'),
    reserved: bytes(36),
  },
);

export const SPARSE_SIGNATURE = 0x7370_7273;
export const NODE_SIZE = 4096;
const HEADER_SLOTS = (NODE_SIZE - SparseHeader.size) / 4;
const NODE_SLOTS = (NODE_SIZE - SparseNode.size) / 4;
const LARGEST_BAND_SECTORS = 2 ** 22;

/** A table of slots in the file, and where its bands begin. */
interface Table {
  readonly position: number;
  readonly slots: number;
  /** Offset of the first slot in the table. */
  readonly first: number;
}

export class SparseImageDevice implements BlockDevice {
  readonly blockSize = 512;
  readonly draft = false;
  readonly size: number;
  readonly writable: boolean;
  readonly #file: StoreFile;
  readonly #bandSize: number;
  readonly #tables: Table[] = [];
  /** File offset of each band, by its number on the disk. */
  readonly #places = new Map<number, number>();
  /** Bands written but not yet named by a table. */
  readonly #unnamed: { readonly band: number; readonly slot: number }[] = [];
  #slots = 0;
  #end: number;
  #dirty = false;

  constructor(file: StoreFile, writable: boolean) {
    this.#file = file;
    this.writable = writable;
    const head = new Uint8Array(NODE_SIZE);
    if (file.read(0, head) < NODE_SIZE)
      throw new CorruptError('sparse image header', 'size', 0, 'the file is too short');
    const view = new DataView(head.buffer);
    const { signature, sectorsPerBand, totalSectors, nextNode } = SparseHeader.read(view, 0);
    if (signature !== SPARSE_SIGNATURE) throw SparseHeader.corrupt(view, 0, 'signature', 'is not sprs');
    if (sectorsPerBand < 1 || sectorsPerBand > LARGEST_BAND_SECTORS)
      throw SparseHeader.corrupt(view, 0, 'sectorsPerBand', 'no band has this size');
    if (totalSectors === 0 || totalSectors > 2 ** 44)
      throw SparseHeader.corrupt(view, 0, 'totalSectors', 'no disk has this size');
    this.size = totalSectors * 512;
    this.#bandSize = sectorsPerBand * 512;
    this.#end = NODE_SIZE;
    this.#readTable({ position: 0, slots: HEADER_SLOTS, first: SparseHeader.size }, view);
    this.#readNodes(nextNode);
  }

  get bandSize(): number {
    return this.#bandSize;
  }
  get bandsPresent(): number {
    return this.#places.size;
  }

  read(position: number, target: Uint8Array): void {
    this.#each(position, target.length, (band, offset, at, length) => {
      const place = this.#places.get(band);
      const part = target.subarray(at, at + length);
      const got = place === undefined ? 0 : this.#file.read(place + offset, part);
      part.fill(0, got);
    });
  }
  write(position: number, source: Uint8Array): void {
    this.#each(position, source.length, (band, offset, at, length) => {
      const part = source.subarray(at, at + length);
      const place = this.#places.get(band);
      if (place === undefined && isZero(part)) return;
      this.#file.write((place ?? this.#append(band)) + offset, part);
      this.#dirty = true;
    });
  }
  zero(position: number, length: number): void {
    const zeros = new Uint8Array(65_536);
    this.#each(position, length, (band, offset, _at, part) => {
      const place = this.#places.get(band);
      if (place === undefined) return;
      this.#dirty = true;
      if (this.#file.punch(place + offset, part)) return;
      for (let at = 0; at < part; at += zeros.length)
        this.#file.write(place + offset + at, zeros.subarray(0, Math.min(zeros.length, part - at)));
    });
  }
  discard(position: number, length: number): void {
    this.#each(position, length, (band, offset, _at, part) => {
      const place = this.#places.get(band);
      if (place !== undefined) this.#file.punch(place + offset, part);
    });
  }
  extent(position: number): DeviceExtent {
    const band = Math.floor(position / this.#bandSize);
    const length = Math.min((band + 1) * this.#bandSize, this.size) - position;
    return { length, kind: this.#places.has(band) ? 'data' : 'zero' };
  }
  stored(position: number, length: number): number {
    let sum = 0;
    this.#each(position, length, (band, offset, _at, part) => {
      const place = this.#places.get(band);
      if (place !== undefined) sum += this.#file.allocated(place + offset, part);
    });
    return sum;
  }
  flush(): void {
    if (!this.#dirty) return;
    if (this.#unnamed.length > 0) {
      this.#file.truncate(Math.max(this.#end, this.#file.size()));
      this.#file.sync();
      for (const { band, slot } of this.#unnamed) this.#name(band, slot);
      this.#unnamed.length = 0;
    }
    this.#file.sync();
    this.#dirty = false;
  }
  close(): void {
    this.#file.close();
  }

  #readTable(table: Table, view: DataView): void {
    this.#tables.push(table);
    const bands = Math.ceil(this.size / this.#bandSize);
    const start = this.#slots;
    for (let i = 0; i < table.slots; i += 1) {
      const number = view.getUint32(table.first + 4 * i);
      if (number === 0) continue;
      const place = table.position + NODE_SIZE + i * this.#bandSize;
      if (number > bands)
        throw new CorruptError(
          'sparse image',
          'band',
          table.position + table.first + 4 * i,
          `band ${number} of ${bands}`,
        );
      if (place >= this.#file.size())
        throw new CorruptError('sparse image', 'band', place, `band ${number} lies behind the end of the file`);
      if (!this.#places.has(number - 1)) this.#places.set(number - 1, place);
      this.#slots = start + i + 1;
      this.#end = place + this.#bandSize;
    }
  }

  #readNodes(first: number): void {
    const bytesOfNode = new Uint8Array(NODE_SIZE);
    const view = new DataView(bytesOfNode.buffer);
    let before = 0;
    for (let position = first; position !== 0; ) {
      if (position <= before || position + NODE_SIZE > this.#file.size())
        throw new CorruptError('sparse image', 'nextNode', position, 'index nodes do not ascend within the file');
      this.#slots = HEADER_SLOTS + (this.#tables.length - 1) * NODE_SLOTS;
      this.#end = position + NODE_SIZE;
      this.#file.read(position, bytesOfNode);
      const { signature, nextNode } = SparseNode.read(view, 0);
      if (signature !== SPARSE_SIGNATURE) throw SparseNode.corrupt(view, 0, 'signature', 'is not sprs');
      this.#readTable({ position, slots: NODE_SLOTS, first: SparseNode.size }, view);
      before = position;
      position = nextNode;
    }
  }

  /** A place for a band at the end of the file; a table names it with the next flush. */
  #append(band: number): number {
    const table = this.#tables.at(-1) as Table;
    const used = this.#slots - this.#slotsBefore(this.#tables.length - 1);
    if (used >= table.slots) {
      this.#addNode();
      return this.#append(band);
    }
    const place = table.position + NODE_SIZE + used * this.#bandSize;
    this.#unnamed.push({ band, slot: this.#slots });
    this.#slots += 1;
    this.#places.set(band, place);
    this.#end = place + this.#bandSize;
    return place;
  }

  #addNode(): void {
    const before = this.#tables.at(-1) as Table;
    const position = before.position + NODE_SIZE + before.slots * this.#bandSize;
    this.flush();
    const node = new Uint8Array(NODE_SIZE);
    SparseNode.write(new DataView(node.buffer), 0, {
      signature: SPARSE_SIGNATURE,
      number: this.#tables.length,
      flags: 0,
      nextNode: 0,
      reserved: new Uint8Array(36),
    });
    this.#file.write(position, node);
    this.#file.sync();
    const link = new Uint8Array(8);
    new DataView(link.buffer).setBigUint64(0, BigInt(position));
    this.#file.write(
      before.position + (before.position === 0 ? SparseHeader.at.nextNode : SparseNode.at.nextNode),
      link,
    );
    this.#file.sync();
    this.#tables.push({ position, slots: NODE_SLOTS, first: SparseNode.size });
    this.#slots = this.#slotsBefore(this.#tables.length - 1);
  }

  #slotsBefore(table: number): number {
    return table === 0 ? 0 : HEADER_SLOTS + (table - 1) * NODE_SLOTS;
  }

  #name(band: number, slot: number): void {
    const index = slot < HEADER_SLOTS ? 0 : 1 + Math.floor((slot - HEADER_SLOTS) / NODE_SLOTS);
    const table = this.#tables[index] as Table;
    const entry = new Uint8Array(4);
    new DataView(entry.buffer).setUint32(0, band + 1);
    this.#file.write(table.position + table.first + 4 * (slot - this.#slotsBefore(index)), entry);
  }

  #each(
    position: number,
    length: number,
    visit: (band: number, offset: number, at: number, length: number) => void,
  ): void {
    assert(position >= 0 && length >= 0 && position + length <= this.size, 'range lies inside the disk');
    for (let at = 0; at < length; ) {
      const band = Math.floor((position + at) / this.#bandSize);
      const offset = position + at - band * this.#bandSize;
      const part = Math.min(length - at, this.#bandSize - offset);
      visit(band, offset, at, part);
      at += part;
    }
  }
}

/** The first bytes of a new, empty sparse image. */
export function sparseHeader(size: number, bandSize: number): Uint8Array {
  const head = new Uint8Array(NODE_SIZE);
  const totalSectors = size / 512;
  SparseHeader.write(new DataView(head.buffer), 0, {
    signature: SPARSE_SIGNATURE,
    version: 3,
    sectorsPerBand: bandSize / 512,
    flags: 1,
    totalSectorsLow: totalSectors >>> 0,
    nextNode: 0,
    totalSectors,
    reserved: new Uint8Array(28),
  });
  return head;
}
