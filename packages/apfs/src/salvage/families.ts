// Which nodes belong to one volume's tree, where a container has several: those that its root leads to in any version.

import { TintypeError } from '@tintype/core';
import type { DiskNode } from '../btree/disk-node.js';
import type { VolumeHead } from '../reading/volume-head.js';
import type { FoundNode } from './scan.js';

export function familyOf(
  nodes: ReadonlyMap<number, readonly FoundNode[]>,
  head: VolumeHead,
  load: (node: FoundNode) => DiskNode,
): Set<number> {
  const family = new Set<number>();
  const waiting = [head.number('apfs_root_tree_oid')];
  for (let oid = waiting.pop(); oid !== undefined; oid = waiting.pop()) {
    if (family.has(oid)) continue;
    family.add(oid);
    for (const version of nodes.get(oid) ?? []) if (version.level > 0) waiting.push(...childrenOf(version, load));
  }
  return family;
}

function childrenOf(version: FoundNode, load: (node: FoundNode) => DiskNode): number[] {
  try {
    const node = load(version);
    return Array.from({ length: node.count }, (_, index) => node.childAt(index));
  } catch (error) {
    if (error instanceof TintypeError) return [];
    throw error;
  }
}
