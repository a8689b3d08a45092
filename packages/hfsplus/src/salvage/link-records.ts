// Records of hard links: small files whose type and creator say so, and whose number names what they stand for.

import type { Place } from '../records/catalog.js';
import { CatalogFile, RECORD_TYPE } from '../structs/catalog.js';
import { LINK_FIELDS } from '../structs/hard-links.js';

export function referenceOf({ node, at }: Place): number {
  return node.view.getUint32(at + LINK_FIELDS.special);
}

export function hasType({ node, at, type }: Place, [fileType, creator]: readonly [number, number]): boolean {
  const finder = at + CatalogFile.at.userInfo;
  return (
    type === RECORD_TYPE.file && node.view.getUint32(finder) === fileType && node.view.getUint32(finder + 4) === creator
  );
}
