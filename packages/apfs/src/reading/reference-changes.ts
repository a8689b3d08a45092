// Changes of reference counts that later states made to blocks of earlier ones, cut where any of them begins or ends, so that
// all blocks of a part went through the same.

export interface ReferenceChange {
  /** Which reference tree it stands in. */
  readonly state: number;
  /** First block, and the one behind the last. */
  readonly start: number;
  readonly end: number;
  readonly count: number;
}

export interface ChangedPart {
  readonly start: number;
  readonly end: number;
  /** By state, ascending. */
  readonly changes: readonly ReferenceChange[];
}

export class ReferenceChanges {
  readonly #parts: readonly ChangedPart[];

  constructor(changes: Iterable<ReferenceChange>) {
    this.#parts = partsOf([...changes]);
  }
  get isEmpty(): boolean {
    return this.#parts.length === 0;
  }
  /** Parts of these blocks that were changed, ascending. */
  *over(start: number, end: number): Generator<ChangedPart> {
    for (let i = this.#firstBehind(start); i < this.#parts.length; i += 1) {
      const part = this.#parts[i] as ChangedPart;
      if (part.start >= end) return;
      yield { ...part, start: Math.max(start, part.start), end: Math.min(end, part.end) };
    }
  }
  /** Index of the first part that ends behind `block`. */
  #firstBehind(block: number): number {
    let low = 0;
    for (let high = this.#parts.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if ((this.#parts[middle] as ChangedPart).end <= block) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function partsOf(changes: ReferenceChange[]): ChangedPart[] {
  changes.sort((a, b) => a.start - b.start);
  const parts: ChangedPart[] = [];
  let active: ReferenceChange[] = [];
  let next = 0;
  for (let at = changes[0]?.start ?? 0; next < changes.length || active.length > 0; ) {
    active = active.filter(({ end }) => end > at);
    if (active.length === 0) at = Math.max(at, changes[next]?.start ?? at);
    for (let change = changes[next]; change && change.start <= at; change = changes[next]) {
      if (change.end > at) active.push(change);
      next += 1;
    }
    if (active.length === 0) continue;
    const end = Math.min(changes[next]?.start ?? Number.POSITIVE_INFINITY, ...active.map((change) => change.end));
    parts.push({ start: at, end, changes: [...active].sort((a, b) => a.state - b.state) });
    at = end;
  }
  return parts;
}
