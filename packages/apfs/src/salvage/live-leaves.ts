// Leaves that a volume's tree leads to, and the stretches of keys below nodes that cannot be read.

import { PassphraseError, TintypeError } from '@tintype/core';
import { type NodeSource, type ReadableNode, type RecordPlace, recordAt } from '../btree/cursor.js';
import type { TreeKind } from '../btree/kinds.js';
import { keyOf, type LeafRef } from './found-tree.js';

/** Keys from `from` on, before `to`; null: no bound. */
interface Gap {
  readonly from: RecordPlace | null;
  readonly to: RecordPlace | null;
}

export class LiveLeaves {
  readonly leaves: LeafRef[] = [];
  readonly gaps: Gap[] = [];
  readonly #kind: TreeKind;

  /** `xid`: the newest that any of them can have. */
  constructor(tree: NodeSource, xid: number) {
    this.#kind = tree.kind;
    const root = this.#try(() => tree.root());
    if (root) this.#node(tree, root, { from: null, to: null }, { xid, load: () => tree.root() });
    else this.gaps.push({ from: null, to: null });
  }

  /** True if no leaf answers for this key. */
  misses(record: RecordPlace): boolean {
    return this.gaps.some(
      ({ from, to }) => (!from || this.#compare(record, from) >= 0) && (!to || this.#compare(record, to) < 0),
    );
  }

  /** `within`: the keys that the node is to answer for. As deep as levels of nodes go, which are checked. */
  #node(tree: NodeSource, node: ReadableNode, within: Gap, leaf: Omit<LeafRef, 'wants'>): void {
    if (node.level === 0) {
      this.leaves.push({ ...leaf, wants: null });
      return;
    }
    for (let i = 0; i < node.count; i += 1) {
      const from = i === 0 ? within.from : keyOf(recordAt(node, i));
      const to = i + 1 < node.count ? keyOf(recordAt(node, i + 1)) : within.to;
      const load = (): ReadableNode => tree.child(node, i);
      const child = this.#try(load);
      if (child) this.#node(tree, child, { from, to }, { ...leaf, load });
      else this.gaps.push({ from, to });
    }
  }
  #try(read: () => ReadableNode): ReadableNode | null {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof TintypeError) || error instanceof PassphraseError) throw error;
      return null;
    }
  }
  #compare(a: RecordPlace, b: RecordPlace): number {
    return this.#kind.compare(a.view, a.keyAt, a.keyLength, b.view, b.keyAt, b.keyLength);
  }
}
