// Counts of references along the blocks of a container, as changes that are sorted once all are known.

/** A change of a count at a block, as pairs of numbers: block, change. */
export class Changes {
  readonly #list: number[] = [];

  add(start: number, count: number, change: number): void {
    this.#list.push(start, change, start + count, -change);
  }
  /** Ascending by block. */
  sorted(): { readonly at: number; readonly change: number }[] {
    const all: { at: number; change: number }[] = [];
    for (let i = 0; i < this.#list.length; i += 2)
      all.push({ at: this.#list[i] as number, change: this.#list[i + 1] as number });
    return all.sort((a, b) => a.at - b.at);
  }
}
