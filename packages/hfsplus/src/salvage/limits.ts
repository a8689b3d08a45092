// What a salvage allows itself on hostile devices.

export const LIMITS = {
  /** Records of one tree that are taken. */
  records: 100_000_000,
  /** Nodes of one file whose size is not known that are tried for each size. */
  triedNodes: 4096,
  /** Findings of one salvage. */
  findings: 200,
  /** Folders above an item. */
  depth: 4096,
} as const;

/** Sizes that nodes have, the usual ones first. */
export const NODE_SIZES = [8192, 4096, 16_384, 32_768, 2048, 1024, 512] as const;
