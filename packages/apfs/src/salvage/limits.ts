// What a salvage allows itself on hostile devices.

export const LIMITS = {
  /** Nodes that are remembered, of all versions. */
  nodes: 1 << 26,
  /** Volume superblocks, and volumes. */
  heads: 4096,
  findings: 200,
  /** Folders above an item. */
  depth: 4096,
} as const;
