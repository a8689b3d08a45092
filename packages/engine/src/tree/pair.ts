// Two listings of one folder, side by side: which item of the source belongs to which of the target.

import type { Item } from '@tintype/core';

export interface Pair {
  readonly source: Item | null;
  readonly target: Item | null;
}

interface Keyed {
  readonly key: string;
  readonly item: Item;
}

/**
 * Pairs items by name. The order is that of the target's keys; items with equal keys form one group, in which equal
 * names belong together, and then whatever is left, so that a name changed in case only is a replacement.
 */
export function pairItems(sources: readonly Item[], targets: readonly Item[], keyOf: (name: string) => string): Pair[] {
  const left = sorted(sources, keyOf);
  const right = sorted(targets, keyOf);
  const pairs: Pair[] = [];
  let i = 0;
  let j = 0;
  while (i < left.length || j < right.length) {
    const a = left[i];
    const b = right[j];
    const first = !b || (a && a.key < b.key) ? a : b;
    const key = (first as Keyed).key;
    const iEnd = endOfGroup(left, i, key);
    const jEnd = endOfGroup(right, j, key);
    if (iEnd - i <= 1 && jEnd - j <= 1)
      pairs.push({ source: iEnd > i ? itemAt(left, i) : null, target: jEnd > j ? itemAt(right, j) : null });
    else pairGroup(left.slice(i, iEnd), right.slice(j, jEnd), pairs);
    i = iEnd;
    j = jEnd;
  }
  return pairs;
}

function itemAt(list: readonly Keyed[], index: number): Item | null {
  return list[index]?.item ?? null;
}

function endOfGroup(list: readonly Keyed[], start: number, key: string): number {
  let end = start;
  while (list[end]?.key === key) end += 1;
  return end;
}

function pairGroup(sources: readonly Keyed[], targets: readonly Keyed[], pairs: Pair[]): void {
  const byName = new Map(targets.map((entry) => [entry.item.name, entry.item]));
  const rest: Item[] = [];
  for (const { item } of sources) {
    const target = byName.get(item.name);
    if (target) pairs.push({ source: item, target });
    else rest.push(item);
    byName.delete(item.name);
  }
  const left = [...byName.values()];
  for (let i = 0; i < Math.max(rest.length, left.length); i += 1)
    pairs.push({ source: rest[i] ?? null, target: left[i] ?? null });
}

function sorted(items: readonly Item[], keyOf: (name: string) => string): Keyed[] {
  const list = items.map((item) => ({ key: keyOf(item.name), item }));
  return list.sort((a, b) => {
    if (a.key !== b.key) return a.key < b.key ? -1 : 1;
    return a.item.name < b.item.name ? -1 : 1;
  });
}
