// One segment of checksums in a volume, read: in order, or by inode without reading all of it.

import type { Item, Volume } from '@tintype/core';
import { digestAt, inodeAt, isFor, RECORD_SIZE, type RecordKey } from './records.js';
import { SEGMENT_MAGIC, SEGMENT_VERSION, SegmentHeader, uuidBytes } from './structs.js';

const PAGE_RECORDS = 256;
const PAGE_SIZE = PAGE_RECORDS * RECORD_SIZE;
/** Pages kept in memory, of each segment. */
const PAGES_KEPT = 16;

export class Segment {
  readonly name: string;
  readonly count: number;
  readonly pruned: number;
  readonly #volume: Volume;
  readonly #item: Item;
  readonly #pages = new Map<number, DataView>();
  /** Where the last search ended. */
  #near = 0;
  /** The page that was used last. */
  #last: { readonly number: number; readonly page: DataView } | null = null;

  /** Null if the file is no segment of this volume's checksums. @throws CorruptError if it cannot be read */
  static open(volume: Volume, item: Item): Segment | null {
    const bytes = new Uint8Array(SegmentHeader.size);
    if (item.kind !== 'file' || volume.read(item.id, 0, bytes) < bytes.length) return null;
    const header = SegmentHeader.read(new DataView(bytes.buffer), 0);
    const isOurs =
      Buffer.from(header.magic).toString('latin1') === SEGMENT_MAGIC &&
      header.version === SEGMENT_VERSION &&
      header.recordSize === RECORD_SIZE &&
      Buffer.compare(header.uuid, uuidBytes(volume.uuid)) === 0 &&
      item.size === SegmentHeader.size + header.count * RECORD_SIZE;
    return isOurs ? new Segment(volume, item, header) : null;
  }

  private constructor(volume: Volume, item: Item, { count, pruned }: { count: number; pruned: number }) {
    this.#volume = volume;
    this.#item = item;
    this.name = item.name;
    this.count = count;
    this.pruned = pruned;
  }

  /** Inode of record `index`. */
  inode(index: number): number {
    return inodeAt(this.#page(index), (index % PAGE_RECORDS) * RECORD_SIZE);
  }
  record(index: number): Uint8Array {
    const page = this.#page(index);
    return new Uint8Array(page.buffer, (index % PAGE_RECORDS) * RECORD_SIZE, RECORD_SIZE);
  }

  /** The digest of the file, null if the record of its inode is for another state of it; undefined without a record. */
  find(key: RecordKey): Uint8Array | null | undefined {
    const index = this.#indexOf(key.inode);
    if (index === this.count || this.inode(index) !== key.inode) return undefined;
    const at = (index % PAGE_RECORDS) * RECORD_SIZE;
    const page = this.#page(index);
    return isFor(page, at, key) ? digestAt(page, at) : null;
  }

  /** Of the first record whose inode is not less. Files of one folder lie near each other: the search widens from the last one. */
  #indexOf(inode: number): number {
    let low = this.#near;
    let high = low;
    for (let step = 1; low > 0 && this.inode(low - 1) >= inode; step *= 2) {
      high = low - 1;
      low = Math.max(0, low - step);
    }
    for (let step = 1; high < this.count && this.inode(high) < inode; step *= 2) {
      low = high + 1;
      high = Math.min(this.count, high + step);
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.inode(middle) < inode) low = middle + 1;
      else high = middle;
    }
    this.#near = low;
    return low;
  }

  #page(index: number): DataView {
    const number = Math.floor(index / PAGE_RECORDS);
    if (this.#last?.number === number) return this.#last.page;
    const page = this.#pages.get(number) ?? this.#readPage(number);
    this.#last = { number, page };
    return page;
  }

  #readPage(number: number): DataView {
    const length = Math.min(PAGE_SIZE, (this.count - number * PAGE_RECORDS) * RECORD_SIZE);
    const bytes = new Uint8Array(length);
    this.#volume.read(this.#item.id, SegmentHeader.size + number * PAGE_SIZE, bytes);
    const page = new DataView(bytes.buffer);
    const oldest = this.#pages.size >= PAGES_KEPT ? this.#pages.keys().next().value : undefined;
    if (oldest !== undefined) this.#pages.delete(oldest);
    this.#pages.set(number, page);
    return page;
  }
}
