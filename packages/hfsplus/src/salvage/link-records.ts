// Records of hard links: small files whose type and creator say so, and whose number names what they stand for.

import type { Place } from '../records/catalog.js';
import { BsdInfo, CatalogFile, RECORD_TYPE } from '../structs/catalog.js';

/** Type and creator: `hlnk` `hfs+`, `fdrp` `MACS`. */
export const FILE_LINK = [0x686c_6e6b, 0x6866_732b] as const;
export const FOLDER_LINK = [0x6664_7270, 0x4d41_4353] as const;

export function referenceOf({ node, at }: Place): number {
  return node.view.getUint32(at + CatalogFile.at.bsdInfo + BsdInfo.at.special);
}

export function hasType({ node, at, type }: Place, [fileType, creator]: readonly [number, number]): boolean {
  const finder = at + CatalogFile.at.userInfo;
  return (
    type === RECORD_TYPE.file && node.view.getUint32(finder) === fileType && node.view.getUint32(finder + 4) === creator
  );
}
