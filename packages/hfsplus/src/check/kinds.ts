// Every kind of finding that the check can make: how bad it is, and whether a repair need not guess.
// The sentences that explain them to people are in README.md beside this file; a test keeps the two lists equal.

interface KindFacts {
  readonly severity: 'error' | 'warning';
  readonly repairable: boolean;
}

const lost: KindFacts = { severity: 'error', repairable: false };
const mendable: KindFacts = { severity: 'error', repairable: true };
const notice: KindFacts = { severity: 'warning', repairable: true };
const blemish: KindFacts = { severity: 'warning', repairable: false };

export const KINDS = {
  // the volume header and its copy
  'volume-missing': lost,
  'volume-header': mendable,
  'volume-alternate': mendable,
  'volume-alternate-forks': mendable,
  'volume-total-blocks': mendable,
  'volume-free-blocks': mendable,
  'volume-file-count': mendable,
  'volume-folder-count': mendable,
  'volume-next-id': mendable,
  'volume-next-allocation': mendable,
  'volume-clump-size': mendable,
  'volume-encodings': mendable,
  'volume-spared-blocks': notice,
  'volume-unmounted': notice,
  'volume-inconsistent': mendable,
  // journal
  'journal-failed': mendable,
  'journal-info-block': mendable,
  'journal-header': mendable,
  'journal-location': mendable,
  'journal-transaction': mendable,
  // forks and their extents
  'extent-invalid': lost,
  'extent-overlap': mendable,
  'fork-block-count': mendable,
  'fork-size': mendable,
  'overflow-key': lost,
  'overflow-start': lost,
  'overflow-empty': mendable,
  'overflow-owner': mendable,
  // shape of the three trees
  'tree-header': mendable,
  'tree-header-field': mendable,
  'tree-header-hint': notice,
  'tree-depth': mendable,
  'tree-total-nodes': mendable,
  'tree-free-nodes': mendable,
  'tree-leaf-records': mendable,
  'tree-map': mendable,
  'tree-map-node': mendable,
  'tree-unused-node': mendable,
  'tree-split-node': lost,
  'tree-node-structure': mendable,
  'tree-node-kind': mendable,
  'tree-node-height': mendable,
  'tree-node-empty': mendable,
  'tree-node-reserved': notice,
  'tree-node-shared': mendable,
  'tree-child': mendable,
  'tree-index-record': mendable,
  'tree-index-key': mendable,
  'tree-sibling-link': mendable,
  'tree-key': mendable,
  'tree-key-order': mendable,
  // records of the catalog
  'catalog-root': mendable,
  'catalog-record-type': mendable,
  'catalog-record-length': lost,
  'catalog-id': mendable,
  'catalog-duplicate-id': mendable,
  'catalog-name': mendable,
  'catalog-name-form': blemish,
  'catalog-reserved': notice,
  'catalog-thread-key': mendable,
  'catalog-thread-missing': mendable,
  'catalog-thread-orphan': mendable,
  'catalog-thread-mismatch': mendable,
  'catalog-thread-flag': notice,
  'catalog-thread-bloated': notice,
  'catalog-parent': mendable,
  'catalog-loop': mendable,
  'catalog-valence': mendable,
  'catalog-folder-count': mendable,
  'catalog-folder-count-flag': mendable,
  'catalog-folder-flags': mendable,
  'catalog-mode': mendable,
  'catalog-symlink': notice,
  'catalog-special-file': blemish,
  'catalog-link-count': mendable,
  'catalog-link-flag': mendable,
  // hard links
  'link-chain': mendable,
  'link-count': mendable,
  'link-flag': notice,
  'link-target': mendable,
  'link-inode-orphan': mendable,
  'link-date': mendable,
  'link-data': lost,
  'link-private-folder': mendable,
  'link-temporary': blemish,
  'directory-link-flags': mendable,
  'directory-link-ancestor': mendable,
  'directory-inode-name': mendable,
  'directory-inode-flags': mendable,
  'directory-inode-first': mendable,
  // attributes
  'attribute-key': mendable,
  'attribute-type': mendable,
  'attribute-length': lost,
  'attribute-extents': lost,
  'attribute-owner': mendable,
  'attribute-flag': mendable,
  'attribute-security-flag': mendable,
  'attribute-compression': lost,
  // allocation
  'bitmap-size': mendable,
  'bitmap-under-allocation': mendable,
  'bitmap-orphaned-blocks': mendable,
  'bitmap-tail': notice,
  // of the check itself
  'more-findings': lost,
} as const satisfies Record<string, KindFacts>;

export type Kind = keyof typeof KINDS;
