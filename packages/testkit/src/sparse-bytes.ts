// Bytes of a file or disk of any length, of which only the pages that were written take memory. A copy costs nothing
// until one of the two is written: crash tests make thousands of states that differ in a few sectors.

import { RangeSet } from '@tintype/core';

export const PAGE_SIZE = 4096;
const ZERO_PAGE = new Uint8Array(PAGE_SIZE);

interface Page {
  readonly bytes: Uint8Array;
  /** Only the owner may change the bytes; null: nobody. */
  readonly owner: object | null;
}

/** Reads as zeros where nothing was written. Bytes beyond `length` are always zero. */
export class SparseBytes {
  #length = 0;
  #pages = new Map<number, Page>();
  /** True if `#pages` is shared with a copy: it is copied before the next change. */
  #shared = false;
  #owner: object = {};
  /** Reserved by `allocate`, in whole pages. Null until needed. */
  #reserved: RangeSet | null = null;

  get length(): number {
    return this.#length;
  }
  /** Bytes in pages, written or reserved. */
  get stored(): number {
    if (!this.#reserved) return this.#pages.size * PAGE_SIZE;
    return this.allocated(0, Math.ceil(this.#length / PAGE_SIZE) * PAGE_SIZE);
  }
  clone(): SparseBytes {
    const copy = new SparseBytes();
    copy.#length = this.#length;
    copy.#pages = this.#pages;
    copy.#shared = true;
    this.#shared = true;
    this.#owner = {};
    if (this.#reserved) {
      copy.#reserved = new RangeSet();
      for (const { start, length } of this.#reserved) copy.#reserved.add(start, length);
    }
    return copy;
  }

  /** Fills `target`; answers how many bytes lay before the end. */
  read(position: number, target: Uint8Array): number {
    const length = Math.max(0, Math.min(target.length, this.#length - position));
    for (let at = 0; at < length; ) {
      const index = Math.floor((position + at) / PAGE_SIZE);
      const offset = position + at - index * PAGE_SIZE;
      const part = Math.min(PAGE_SIZE - offset, length - at);
      const page = this.#pages.get(index);
      if (page) target.set(page.bytes.subarray(offset, offset + part), at);
      else target.fill(0, at, at + part);
      at += part;
    }
    return length;
  }
  /** Lengthens where needed; writing no bytes does nothing, as on every system. */
  write(position: number, source: Uint8Array): void {
    if (source.length === 0) return;
    this.#length = Math.max(this.#length, position + source.length);
    for (let at = 0; at < source.length; ) {
      const index = Math.floor((position + at) / PAGE_SIZE);
      const offset = position + at - index * PAGE_SIZE;
      const part = Math.min(PAGE_SIZE - offset, source.length - at);
      this.#own(index, part < PAGE_SIZE).set(source.subarray(at, at + part), offset);
      at += part;
    }
  }
  /** As `write`, but whole pages are taken over, not copied: the caller never changes `source` again. */
  adopt(position: number, source: Uint8Array): void {
    if (source.length === 0) return;
    const head = Math.min((PAGE_SIZE - (position % PAGE_SIZE)) % PAGE_SIZE, source.length);
    if (head > 0) this.write(position, source.subarray(0, head));
    let at = head;
    this.#unshare();
    for (; at + PAGE_SIZE <= source.length; at += PAGE_SIZE) {
      this.#pages.set((position + at) / PAGE_SIZE, { bytes: source.subarray(at, at + PAGE_SIZE), owner: null });
    }
    this.#length = Math.max(this.#length, position + at);
    if (at < source.length) this.write(position + at, source.subarray(at));
  }
  /** The range reads as zeros and its whole pages take no space; the length stays. */
  punch(position: number, length: number): void {
    const end = Math.min(position + length, this.#length);
    if (end <= position) return;
    const first = Math.ceil(position / PAGE_SIZE);
    const past = end === this.#length ? Math.ceil(end / PAGE_SIZE) : Math.floor(end / PAGE_SIZE);
    this.#fill(position, Math.min(end, first * PAGE_SIZE));
    if (past >= first) this.#fill(Math.max(position, past * PAGE_SIZE), end);
    this.#drop(first, past);
  }
  truncate(length: number): void {
    if (length < this.#length) {
      const first = Math.ceil(length / PAGE_SIZE);
      this.#fill(length, Math.min(this.#length, first * PAGE_SIZE));
      this.#drop(first, Math.ceil(this.#length / PAGE_SIZE));
    }
    this.#length = length;
  }
  /** Reserves the pages of the range and lengthens where needed; content stays. */
  allocate(position: number, length: number): void {
    const start = Math.floor(position / PAGE_SIZE) * PAGE_SIZE;
    this.#reserved ??= new RangeSet();
    this.#reserved.add(start, Math.ceil((position + length) / PAGE_SIZE) * PAGE_SIZE - start);
    this.#length = Math.max(this.#length, position + length);
  }
  /** Bytes of the range that lie in a page, written or reserved. */
  allocated(position: number, length: number): number {
    const end = position + length;
    let sum = 0;
    for (const range of this.#reserved ?? []) {
      sum += Math.max(0, Math.min(end, range.start + range.length) - Math.max(position, range.start));
    }
    this.#eachPage(position, end, (index) => {
      const start = index * PAGE_SIZE;
      if (this.#reserved?.covers(start, PAGE_SIZE)) return;
      sum += Math.max(0, Math.min(end, start + PAGE_SIZE) - Math.max(position, start));
    });
    return sum;
  }
  /** Bytes that a write to the range would have to store anew. */
  missing(position: number, length: number): number {
    if (length <= 0) return 0;
    const start = Math.floor(position / PAGE_SIZE) * PAGE_SIZE;
    const whole = Math.ceil((position + length) / PAGE_SIZE) * PAGE_SIZE - start;
    return whole - this.allocated(start, whole);
  }
  /** Length and kind of the stretch that begins at `position`, which lies before the end. */
  extent(position: number): { length: number; kind: 'data' | 'zero' } {
    const first = Math.floor(position / PAGE_SIZE);
    const isData = this.#pages.has(first);
    const past = Math.ceil(this.#length / PAGE_SIZE);
    let index = first + 1;
    if (!isData && this.#pages.size < past - first) index = this.#nextPage(first, past);
    else while (index < past && this.#pages.has(index) === isData) index += 1;
    return { length: Math.min(this.#length, index * PAGE_SIZE) - position, kind: isData ? 'data' : 'zero' };
  }

  #nextPage(after: number, none: number): number {
    let next = none;
    for (const index of this.#pages.keys()) if (index > after && index < next) next = index;
    return next;
  }
  #eachPage(position: number, end: number, visit: (index: number) => void): void {
    const first = Math.floor(position / PAGE_SIZE);
    const past = Math.ceil(end / PAGE_SIZE);
    if (past - first < this.#pages.size) {
      for (let index = first; index < past; index += 1) if (this.#pages.has(index)) visit(index);
    } else {
      for (const index of this.#pages.keys()) if (index >= first && index < past) visit(index);
    }
  }
  #unshare(): void {
    if (!this.#shared) return;
    this.#pages = new Map(this.#pages);
    this.#shared = false;
  }
  /** The page's bytes, to be changed. With `keep` false the caller replaces them all. */
  #own(index: number, keep: boolean): Uint8Array {
    const page = this.#pages.get(index);
    if (page && page.owner === this.#owner && !this.#shared) return page.bytes;
    this.#unshare();
    const bytes = page && keep ? page.bytes.slice() : new Uint8Array(PAGE_SIZE);
    this.#pages.set(index, { bytes, owner: this.#owner });
    return bytes;
  }
  /** Zeros within one page, if it is there. */
  #fill(start: number, end: number): void {
    if (end <= start) return;
    const index = Math.floor(start / PAGE_SIZE);
    if (!this.#pages.has(index)) return;
    this.#own(index, true).set(ZERO_PAGE.subarray(0, end - start), start - index * PAGE_SIZE);
  }
  #drop(first: number, past: number): void {
    if (past <= first) return;
    this.#unshare();
    this.#reserved?.remove(first * PAGE_SIZE, (past - first) * PAGE_SIZE);
    const gone: number[] = [];
    this.#eachPage(first * PAGE_SIZE, past * PAGE_SIZE, (index) => gone.push(index));
    for (const index of gone) this.#pages.delete(index);
  }
}
