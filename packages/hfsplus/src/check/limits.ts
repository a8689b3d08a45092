// What the check allows itself on hostile volumes.

export const LIMITS = {
  /** Findings of one check; more are only counted. */
  findings: 1000,
  /** Findings of one kind. */
  findingsPerKind: 200,
  /** Levels of a B-tree; fsck refuses more too (hfsplus.md 3.6). */
  treeDepth: 8,
  /** Nodes of one tree: a terabyte of 4 KiB nodes. */
  treeNodes: 268_435_456,
  /** Names of one place are cut for messages after so many units. */
  shownName: 80,
} as const;
