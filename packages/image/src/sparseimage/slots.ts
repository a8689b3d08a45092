// The tables of a sparse image: which slot of the file holds which band of the disk.
//
// Invariants: nodes ascend in the file, each behind the slots of the one before; every band has one slot here. A band
// that two slots name is what a cut of a compaction leaves: the lower slot wins, the other waits to be cleared.

import { CorruptError, type StoreFile } from '@tintype/core';
import { HEADER_SLOTS, NODE_SIZE, NODE_SLOTS, SPARSE_SIGNATURE, SparseHeader, SparseNode } from './structs.js';

const LARGEST_BAND_SECTORS = 2 ** 22;

/** A table of slots in the file, and where its bands begin. */
interface Table {
  readonly position: number;
  /** Number of its first slot, counted through all tables. */
  readonly before: number;
  readonly slots: number;
  /** Offset of the first entry in the table. */
  readonly first: number;
}

export class Slots {
  readonly bandSize: number;
  /** Bytes of the disk. */
  size: number;
  /** Slots that name a band which a lower slot names as well. */
  readonly doubles: number[] = [];
  readonly #file: StoreFile;
  readonly #tables: Table[] = [];
  readonly #slotOf = new Map<number, number>();
  /** Behind the last slot in use. */
  #next = 0;

  /** Reads all tables. @throws CorruptError, StoreError */
  constructor(file: StoreFile) {
    this.#file = file;
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
    this.bandSize = sectorsPerBand * 512;
    const fileSize = file.size();
    this.#readTable({ position: 0, before: 0, slots: HEADER_SLOTS, first: SparseHeader.size }, view, fileSize);
    this.#readNodes(nextNode, fileSize);
  }

  /** Bands of the disk, stored or not. */
  get bands(): number {
    return Math.ceil(this.size / this.bandSize);
  }
  get present(): number {
    return this.#slotOf.size;
  }
  /** End of the last slot in use, or of the last table: what lies behind it in the file means nothing. */
  get end(): number {
    const last = this.#tables.at(-1) as Table;
    return last.position + NODE_SIZE + Math.max(0, this.#next - last.before) * this.bandSize;
  }
  /** File offset of a band's bytes; undefined: it reads as zeros. */
  place(band: number): number | undefined {
    const slot = this.#slotOf.get(band);
    return slot === undefined ? undefined : this.placeOf(slot);
  }
  placeOf(slot: number): number {
    const table = this.#tableOf(slot);
    return table.position + NODE_SIZE + (slot - table.before) * this.bandSize;
  }

  /** A slot behind all others; null: the last table is full. No table names it before `name` does. */
  append(band: number): number | null {
    const last = this.#tables.at(-1) as Table;
    if (this.#next >= last.before + last.slots) return null;
    const slot = Math.max(this.#next, last.before);
    this.#next = slot + 1;
    this.#slotOf.set(band, slot);
    return slot;
  }
  /** Writes the entry that names the band as the slot's. */
  name(slot: number, band: number): void {
    this.#entry(slot, band + 1);
  }
  /** Writes the entry of a slot that holds nothing any more. */
  clear(slot: number): void {
    this.#entry(slot, 0);
  }

  /** Clears the slots of all bands that `isGone`; they read as zeros. Answers how many there were. */
  drop(isGone: (band: number) => boolean): number {
    let dropped = 0;
    for (const [band, slot] of this.#slotOf)
      if (isGone(band)) {
        this.clear(slot);
        this.#slotOf.delete(band);
        dropped += 1;
      }
    return dropped;
  }
  /** Bands by their slots, ascending. */
  inUse(): { readonly slot: number; readonly band: number }[] {
    return [...this.#slotOf].map(([band, slot]) => ({ slot, band })).sort((a, b) => a.slot - b.slot);
  }
  /** The band is that of another slot from here on; entries are the caller's affair. */
  move(band: number, to: number): void {
    this.#slotOf.set(band, to);
  }
  /** Lets go of last tables that name nothing. True if there were any: then the link to them is cut, not yet durable. */
  trim(): boolean {
    this.#next = 0;
    for (const slot of this.#slotOf.values()) this.#next = Math.max(this.#next, slot + 1);
    let isCut = false;
    while (this.#tables.length > 1 && this.#next <= (this.#tables.at(-1) as Table).before) {
      this.#tables.pop();
      isCut = true;
    }
    if (isCut) this.#link(this.#tables.at(-1) as Table, 0);
    return isCut;
  }
  /** Writes the header's fields for another size, at once. */
  writeSize(size: number): void {
    const first = SparseHeader.at.totalSectorsLow;
    const bytes = new Uint8Array(SparseHeader.at.reserved - first);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, (size / 512) >>> 0);
    view.setBigUint64(SparseHeader.at.nextNode - first, BigInt(this.#tables[1]?.position ?? 0));
    view.setBigUint64(SparseHeader.at.totalSectors - first, BigInt(size / 512));
    this.#file.write(first, bytes);
    this.size = size;
  }

  /** A new last table behind the full one. All that the tables name so far must be durable. */
  addNode(): void {
    const last = this.#tables.at(-1) as Table;
    const position = last.position + NODE_SIZE + last.slots * this.bandSize;
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
    this.#link(last, position);
    this.#file.sync();
    const before = last.before + last.slots;
    this.#tables.push({ position, before, slots: NODE_SLOTS, first: SparseNode.size });
    this.#next = before;
  }

  #entry(slot: number, number: number): void {
    const table = this.#tableOf(slot);
    const entry = new Uint8Array(4);
    new DataView(entry.buffer).setUint32(0, number);
    this.#file.write(table.position + table.first + 4 * (slot - table.before), entry);
  }
  #link(table: Table, next: number): void {
    const link = new Uint8Array(8);
    new DataView(link.buffer).setBigUint64(0, BigInt(next));
    const at = table.position === 0 ? SparseHeader.at.nextNode : SparseNode.at.nextNode;
    this.#file.write(table.position + at, link);
  }
  #tableOf(slot: number): Table {
    const index = slot < HEADER_SLOTS ? 0 : 1 + Math.floor((slot - HEADER_SLOTS) / NODE_SLOTS);
    return this.#tables[index] as Table;
  }

  #readTable(table: Table, view: DataView, fileSize: number): void {
    this.#tables.push(table);
    this.#next = Math.max(this.#next, table.before);
    for (let i = 0; i < table.slots; i += 1) {
      const number = view.getUint32(table.first + 4 * i);
      if (number === 0) continue;
      const at = table.position + table.first + 4 * i;
      const slot = table.before + i;
      if (number > this.bands) throw new CorruptError('sparse image', 'band', at, `band ${number} of ${this.bands}`);
      if (this.placeOf(slot) >= fileSize)
        throw new CorruptError('sparse image', 'band', at, `band ${number} lies behind the end of the file`);
      if (this.#slotOf.has(number - 1)) this.doubles.push(slot);
      else this.#slotOf.set(number - 1, slot);
      this.#next = slot + 1;
    }
  }

  #readNodes(first: number, fileSize: number): void {
    const node = new Uint8Array(NODE_SIZE);
    const view = new DataView(node.buffer);
    for (let position = first; position !== 0; ) {
      const { position: last, before, slots } = this.#tables.at(-1) as Table;
      if (position < last + NODE_SIZE + slots * this.bandSize || position + NODE_SIZE > fileSize)
        throw new CorruptError('sparse image', 'nextNode', position, 'index nodes do not ascend within the file');
      this.#file.read(position, node);
      const { signature, nextNode } = SparseNode.read(view, 0);
      if (signature !== SPARSE_SIGNATURE) throw SparseNode.corrupt(view, 0, 'signature', 'is not sprs');
      const table = { position, before: before + slots, slots: NODE_SLOTS, first: SparseNode.size };
      this.#readTable(table, view, fileSize);
      position = nextNode;
    }
  }
}
