// New catalog node ids: counted up, and from the first one again when all were used once.

import { CorruptError, UnsupportedError } from '@tintype/core';
import type { Tree } from './btree/tree.js';
import { attributeKey } from './records/attribute-key.js';
import { key } from './records/catalog-records.js';
import { AttributeKey } from './structs/attributes.js';
import { CNID, VOLUME_ATTRIBUTES } from './structs/volume-header.js';

const LAST_ID = 0xffff_fffe;
/** Ids in use that are passed over in one search. */
const PATIENCE = 10_000_000;

/** What of a mounted volume tells which ids are in use. */
export interface IdSource {
  readonly header: { nextCatalogID: number; attributes: number };
  headerChanged: boolean;
  readonly catalog: { readonly tree: Tree };
  readonly attributes: { readonly tree: Tree } | null;
}

export class CatalogIds {
  readonly #volume: IdSource;

  /** Makes the header's next id larger than all that are in use, where the volume does not say that ids wrapped. */
  constructor(volume: IdSource) {
    this.#volume = volume;
    const { header } = volume;
    if (header.nextCatalogID < CNID.firstUser) header.nextCatalogID = CNID.firstUser;
    if (!this.areReused) header.nextCatalogID = Math.max(header.nextCatalogID, this.#largest() + 1);
  }

  /** Ids were used up once: a new one may be smaller than those in use. */
  get areReused(): boolean {
    return (this.#volume.header.attributes & VOLUME_ATTRIBUTES.catalogNodeIDsReused) !== 0;
  }

  take(): number {
    const { header } = this.#volume;
    for (let tries = 0; tries < PATIENCE; tries += 1) {
      const id = header.nextCatalogID;
      if (id >= LAST_ID) header.attributes = (header.attributes | VOLUME_ATTRIBUTES.catalogNodeIDsReused) >>> 0;
      header.nextCatalogID = id >= LAST_ID ? CNID.firstUser : id + 1;
      this.#volume.headerChanged = true;
      if (!this.areReused || this.#isFree(id)) return id;
    }
    throw new UnsupportedError('the volume has used its catalog node ids');
  }

  #isFree(id: number): boolean {
    const { catalog, attributes } = this.#volume;
    if (catalog.tree.find(key(id, ''))?.found) return false;
    let isFree = true;
    attributes?.tree.scan(attributeKey(id, '', 0), (node, index) => {
      isFree = node.view.getUint32(node.at(index) + AttributeKey.at.fileID) !== id;
      return false;
    });
    return isFree;
  }

  /** Every item has a thread under its own id, so the catalog's last key begins with the largest one. */
  #largest(): number {
    const { tree } = this.#volume.catalog;
    if (tree.lastLeaf === 0) throw new CorruptError('catalog', 'lastLeafNode', 0, 'the catalog is empty');
    const leaf = tree.node(tree.lastLeaf);
    if (!leaf.isLeaf || leaf.count === 0)
      throw new CorruptError('catalog', 'lastLeafNode', tree.lastLeaf, 'is no leaf with records');
    return leaf.view.getUint32(leaf.at(leaf.count - 1) + 2);
  }
}
