// Every kind of finding that the check can make: how bad it is, and whether a repair need not guess.
// The sentences that explain them to people are in README.md beside this file; a test keeps the two lists equal.

import type { KindFacts } from '@tintype/core';

const lost: KindFacts = { severity: 'error', repairable: false };
const mendable: KindFacts = { severity: 'error', repairable: true };
const notice: KindFacts = { severity: 'warning', repairable: true };
const remark: KindFacts = { severity: 'warning', repairable: false };

export const KINDS = {
  // container and checkpoints
  container: lost,
  'checkpoint-discarded': lost,
  'checkpoint-ring': lost,
  'checkpoint-map': lost,
  'checkpoint-order': lost,
  'copy-damaged': mendable,
  'copy-differs': mendable,
  'superblock-field': lost,
  'resize-pending': remark,
  'object-header': lost,
  'oid-range': lost,
  reaper: lost,
  'reaper-busy': remark,
  'efi-jumpstart': remark,
  keybag: lost,
  // blocks
  'block-outside': lost,
  'block-shared': lost,
  'bitmap-missing': mendable,
  'bitmap-lost': mendable,
  spaceman: lost,
  zone: remark,
  chunk: lost,
  'chunk-xid': mendable,
  'chunk-free-count': mendable,
  'free-count': mendable,
  pool: lost,
  'pool-bitmap': mendable,
  'free-queue': lost,
  // trees and maps
  'tree-node': lost,
  'tree-areas': mendable,
  'tree-flags': lost,
  'tree-toc': mendable,
  'tree-first-key': mendable,
  'tree-order': lost,
  'tree-xid': lost,
  'tree-footer': mendable,
  omap: lost,
  'omap-record': lost,
  'omap-unused': mendable,
  // volumes
  'volume-superblock': lost,
  'volume-field': lost,
  'volume-odd': remark,
  'revert-pending': remark,
  'volume-count': mendable,
  'volume-locked': remark,
  'volume-sealed': remark,
  integrity: lost,
  snapshot: lost,
  // records
  record: lost,
  'crypto-state': lost,
  'name-hash': mendable,
  'entry-record': lost,
  'entry-parent': lost,
  'entry-target': lost,
  'entry-type': mendable,
  'folder-count': mendable,
  'folder-loop': lost,
  'inode-missing': lost,
  'inode-record': lost,
  'inode-name': mendable,
  'inode-flags': mendable,
  'truncation-pending': notice,
  'link-count': mendable,
  'link-record': lost,
  'link-siblings': mendable,
  'xattr-record': lost,
  'xattr-orphan': lost,
  'stream-gap': lost,
  'stream-extent': lost,
  'stream-size': lost,
  'stream-count': mendable,
  'stream-shared': lost,
  'reference-record': lost,
  'reference-count': mendable,
  'more-findings': remark,
} as const satisfies Record<string, KindFacts>;

export type Kind = keyof typeof KINDS;
