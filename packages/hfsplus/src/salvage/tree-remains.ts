// What is left of one tree: the leaves that lie in its file, and the stretches of keys that no leaf there answers for.
//
// A stretch between two leaves is known to be empty only if the first one names the second as the next. Everywhere else
// records may be missing, and those of leaves found elsewhere (the journal, freed blocks) may stand for them.

import type { KeyCompare } from '../btree/tree.js';
import type { Extent } from '../extent.js';
import { HEADER_RECORD_AT, HeaderRecord, NODE_KIND } from '../structs/btree.js';
import { type Leaf, leafAt, nodeSizeOf, type TreeName } from './leaves.js';
import { NODE_SIZES } from './limits.js';
import type { SalvageSource } from './source.js';

/** A key in its node. */
interface KeyPlace {
  readonly view: DataView;
  readonly at: number;
}

interface LeafSpan {
  readonly number: number;
  readonly next: number;
  readonly previous: number;
  readonly first: KeyPlace;
  readonly last: KeyPlace;
}

/** Keys between two others; null: no bound. */
interface Gap {
  readonly above: KeyPlace | null;
  readonly below: KeyPlace | null;
}

export interface TreeFileShape {
  readonly tree: TreeName;
  readonly compare: KeyCompare;
  /** Of the tree's file, in bytes of the device; empty if nothing tells. */
  readonly extents: readonly Extent[];
  readonly blockSize: number;
}

export interface TreeHead {
  readonly nodeSize: number;
  readonly isEmpty: boolean;
  readonly keyCompareType: number;
}

export class TreeRemains {
  /** Null: no node of the tree's file tells. */
  readonly nodeSize: number | null;
  readonly #source: SalvageSource;
  readonly #shape: TreeFileShape;
  readonly #spans: LeafSpan[] = [];
  #gaps: readonly Gap[] = [{ above: null, below: null }];

  constructor(source: SalvageSource, shape: TreeFileShape) {
    this.#source = source;
    this.#shape = shape;
    this.nodeSize = this.head()?.nodeSize ?? this.#guessedSize();
  }

  /** Sizes that its leaves elsewhere may have. */
  get sizes(): readonly number[] {
    return this.nodeSize === null ? NODE_SIZES : [this.nodeSize];
  }
  /** True if leaves of its file answer for all keys. */
  get isWhole(): boolean {
    return this.#gaps.length === 0;
  }

  /** What its header node says; null if that is damaged. */
  head(): TreeHead | null {
    const first = this.#shape.extents[0];
    const bytes = first && this.#source.bytes(first.start * this.#shape.blockSize, 512);
    if (!bytes || bytes[8] !== NODE_KIND.header) return null;
    const view = new DataView(bytes.buffer);
    const { nodeSize, keyCompareType, rootNode, leafRecords } = HeaderRecord.read(view, HEADER_RECORD_AT);
    if (!(NODE_SIZES as readonly number[]).includes(nodeSize)) return null;
    return { nodeSize, keyCompareType, isEmpty: rootNode === 0 && leafRecords === 0 };
  }

  /** Reads the tree's file; `visit` gets its leaves. Afterwards it is known what is missing. */
  readFile(visit: (leaf: Leaf) => void): void {
    const size = this.nodeSize;
    if (size === null) return;
    for (const { bytes, position, number } of this.#nodes(size)) {
      const leaf = leafAt(bytes, 0, size, position);
      if (leaf?.tree !== this.#shape.tree || leaf.records.length === 0) continue;
      visit(leaf);
      this.#spans.push(spanOf(leaf, number));
    }
    this.#gaps = this.#findGaps();
  }

  /** True if the device's bytes there are of the tree's file. */
  holds(position: number): boolean {
    const { extents, blockSize } = this.#shape;
    return extents.some(({ start, count }) => position >= start * blockSize && position < (start + count) * blockSize);
  }

  /** True if the tree's own leaves do not answer for this key. */
  misses(view: DataView, at: number): boolean {
    const { compare } = this.#shape;
    return this.#gaps.some(
      ({ above, below }) =>
        (above === null || compare(view, at, above.view, above.at) > 0) &&
        (below === null || compare(view, at, below.view, below.at) < 0),
    );
  }

  *#nodes(size: number): Generator<{ bytes: Uint8Array; position: number | null; number: number }> {
    const { extents, blockSize } = this.#shape;
    let node = new Uint8Array(size);
    let filled = 0;
    let position: number | null = 0;
    let number = 0;
    let isWhole = true;
    for (const { start, count } of extents)
      for (let at = start * blockSize, end = at + count * blockSize; at < end; ) {
        const part = Math.min(size - filled, end - at);
        if (filled === 0) position = part === size ? at : null;
        isWhole = this.#source.read(at, node.subarray(filled, filled + part)) && isWhole;
        filled += part;
        at += part;
        if (filled < size) continue;
        if (isWhole) yield { bytes: node, position, number };
        node = new Uint8Array(size);
        filled = 0;
        isWhole = true;
        number += 1;
      }
  }

  #guessedSize(): number | null {
    const first = this.#shape.extents[0];
    if (!first) return null;
    const length = Math.min(first.count * this.#shape.blockSize, 32 << 20);
    const bytes = this.#source.bytes(first.start * this.#shape.blockSize, length);
    return bytes && nodeSizeOf(bytes);
  }

  #findGaps(): Gap[] {
    const { compare } = this.#shape;
    const spans = this.#spans.sort((a, b) => compare(a.first.view, a.first.at, b.first.view, b.first.at));
    if (spans.length === 0) return this.head()?.isEmpty ? [] : [{ above: null, below: null }];
    const gaps: Gap[] = [];
    const [first] = spans;
    if (first && first.previous !== 0) gaps.push({ above: null, below: first.first });
    for (const [i, span] of spans.entries()) {
      const after = spans[i + 1];
      if (!after && span.next !== 0) gaps.push({ above: span.last, below: null });
      if (after && (span.next !== after.number || after.previous !== span.number))
        gaps.push({ above: span.last, below: after.first });
    }
    return gaps;
  }
}

/** Keys of their own, so that the node can go. */
function spanOf({ node, records }: Leaf, number: number): LeafSpan {
  const key = (index: number): KeyPlace => {
    const at = node.at(index);
    const bytes = node.bytes.slice(at, at + 2 + node.view.getUint16(at));
    return { view: new DataView(bytes.buffer), at: 0 };
  };
  return {
    number,
    next: node.fLink,
    previous: node.bLink,
    first: key(records[0] as number),
    last: key(records[records.length - 1] as number),
  };
}
