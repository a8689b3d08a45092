// The file-system tree as it was found: leaves that hang together, and records of others where those are missing. To readers
// it is a tree of two levels.
//
// Invariant: the stretches of keys that two leaves of the second level answer for do not overlap; where leaves that were found
// do, one leaf is made of them. Each said at its time what is in its stretch of keys, and what is not: of two records for one key
// the newer one counts, and none that a newer leaf has no more.

import { CorruptError, TintypeError } from '@tintype/core';
import { type NodeSource, type ReadableNode, type RecordPlace, recordAt } from '../btree/cursor.js';
import type { TreeKind } from '../btree/kinds.js';
import { MemoryNode } from './memory-node.js';
import { type DatedRecord, withoutOverlaps } from './overlaps.js';

const KEPT_LEAVES = 4096;

/** A leaf, read when it is wanted. */
export interface LeafRef {
  readonly xid: number;
  readonly load: () => ReadableNode;
  /** Which of its records count; null: all. */
  readonly wants: ((record: RecordPlace) => boolean) | null;
}

interface Span {
  readonly first: RecordPlace;
  readonly last: RecordPlace;
  readonly leaf: LeafRef;
}

export class FoundTree implements NodeSource {
  readonly kind: TreeKind;
  readonly #groups: (readonly Span[])[] = [];
  readonly #root: MemoryNode;
  readonly #kept = new Map<number, ReadableNode>();

  constructor(kind: TreeKind, leaves: Iterable<LeafRef>) {
    this.kind = kind;
    const spans = [...leaves].flatMap((leaf) => spanOf(leaf) ?? []);
    spans.sort((a, b) => this.#compare(a.first, b.first));
    const firsts: RecordPlace[] = [];
    let group: Span[] = [];
    let last: RecordPlace | null = null;
    for (const span of spans) {
      if (last === null || this.#compare(span.first, last) > 0) {
        group = [];
        this.#groups.push(group);
        firsts.push(span.first);
        last = span.last;
      } else if (this.#compare(span.last, last) > 0) last = span.last;
      group.push(span);
    }
    this.#root = new MemoryNode(1, firsts);
  }

  root(): ReadableNode {
    return this.#root.count === 0 ? new MemoryNode(0, []) : this.#root;
  }
  child(_node: ReadableNode, index: number): ReadableNode {
    const kept = this.#kept.get(index);
    if (kept) return kept;
    const [first, ...others] = this.#groups[index] ?? [];
    if (!first) throw new CorruptError('btree', 'child', index, 'there is no such leaf');
    const isOne = others.length === 0 && !first.leaf.wants;
    const node = isOne ? first.leaf.load() : this.#merged([first, ...others]);
    if (this.#kept.size >= KEPT_LEAVES) this.#kept.clear();
    this.#kept.set(index, node);
    return node;
  }

  /** `spans` in the order of their first keys. */
  #merged(spans: readonly Span[]): MemoryNode {
    const records: DatedRecord[] = [];
    for (const { leaf } of spans) for (const place of recordsOf(leaf)) records.push({ place, xid: leaf.xid });
    records.sort((a, b) => this.#compare(a.place, b.place) || b.xid - a.xid);
    const best: DatedRecord[] = [];
    let over: Span[] = [];
    let next = 0;
    for (const [i, { place, xid }] of records.entries()) {
      const isNewest = i === 0 || this.#compare((records[i - 1] as { place: RecordPlace }).place, place) !== 0;
      if (!isNewest) continue;
      for (let span = spans[next]; span && this.#compare(span.first, place) <= 0; span = spans[next]) {
        over.push(span);
        next += 1;
      }
      over = over.filter(({ last }) => this.#compare(last, place) >= 0);
      if (over.every(({ leaf }) => leaf.xid <= xid)) best.push({ place, xid });
    }
    return new MemoryNode(0, withoutOverlaps(best));
  }
  #compare(a: RecordPlace, b: RecordPlace): number {
    return this.kind.compare(a.view, a.keyAt, a.keyLength, b.view, b.keyAt, b.keyLength);
  }
}

/** Those of its records that count. */
export function* recordsOf({ load, wants }: LeafRef): Generator<RecordPlace> {
  const node = load();
  for (let i = 0; i < node.count; i += 1) {
    const record = recordAt(node, i);
    if (!wants || wants(record)) yield record;
  }
}

/** Null if nothing of it counts, or it cannot be read any more. */
function spanOf(leaf: LeafRef): Span | null {
  try {
    let first: RecordPlace | null = null;
    let last: RecordPlace | null = null;
    for (const record of recordsOf(leaf)) {
      first ??= record;
      last = record;
    }
    return first && last ? { first: keyOf(first), last: keyOf(last), leaf } : null;
  } catch (error) {
    if (error instanceof TintypeError) return null;
    throw error;
  }
}

/** The key alone, so that its node can go. */
export function keyOf({ view, keyAt, keyLength }: RecordPlace): RecordPlace {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + keyAt, keyLength).slice();
  return { view: new DataView(bytes.buffer), keyAt: 0, keyLength, valueAt: keyLength, valueLength: 0 };
}
