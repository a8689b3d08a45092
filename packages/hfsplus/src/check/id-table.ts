// Rows found by catalog node id, in typed arrays: a million files cost a few tens of megabytes, not objects.

/** A column of numbers that grows as rows are added. */
export class Column<A extends Uint32Array | Uint16Array | Uint8Array> {
  #values: A;
  constructor(private readonly make: (length: number) => A) {
    this.#values = make(64);
  }
  get(row: number): number {
    return this.#values[row] ?? 0;
  }
  set(row: number, value: number): void {
    if (row >= this.#values.length) {
      const larger = this.make(Math.max(row + 1, this.#values.length + (this.#values.length >>> 1)));
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[row] = value;
  }
  add(row: number, bits: number): void {
    this.set(row, this.get(row) | bits);
  }
}

export const u32Column = () => new Column<Uint32Array>((length) => new Uint32Array(length));
export const u16Column = () => new Column<Uint16Array>((length) => new Uint16Array(length));
export const u8Column = () => new Column<Uint8Array>((length) => new Uint8Array(length));

/** Gives each id a row: 0, 1, 2 … in the order of first meeting. */
export class IdTable {
  readonly ids = u32Column();
  #count = 0;
  /** Row + 1 by hash, 0 = free; a power of two, at most half full. */
  #slots = new Uint32Array(256);
  #shift = 24;
  /** Chosen anew for every table, so that no volume can be made whose ids all collide. */
  readonly #factor = (Math.floor(Math.random() * 0x4000_0000) * 4 + 1) | 0;

  get count(): number {
    return this.#count;
  }

  /** The row of an id, or -1. */
  find(id: number): number {
    return (this.#slots[this.#slot(id)] ?? 0) - 1;
  }

  /** The row of an id, made if there is none. */
  row(id: number): number {
    const slot = this.#slot(id);
    const found = this.#slots[slot] ?? 0;
    if (found !== 0) return found - 1;
    const row = this.#count;
    this.#count += 1;
    this.ids.set(row, id);
    this.#slots[slot] = row + 1;
    if (this.#count * 2 > this.#slots.length) this.#grow();
    return row;
  }

  #slot(id: number): number {
    const mask = this.#slots.length - 1;
    let slot = Math.imul(id, this.#factor) >>> this.#shift;
    for (;;) {
      const row = this.#slots[slot] ?? 0;
      if (row === 0 || this.ids.get(row - 1) === id) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #grow(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    this.#shift -= 1;
    for (let row = 0; row < this.#count; row += 1) this.#slots[this.#slot(this.ids.get(row))] = row + 1;
  }
}
