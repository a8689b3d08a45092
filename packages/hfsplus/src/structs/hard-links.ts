// What hard links are on the disk: private folders, types, and the fields of a catalog record that mean something else in
// them. Whoever writes, checks, mends or salvages links takes it from here. Source: hfs_format.h, TN1150, volumes made by macOS.

import { BsdInfo, CatalogFile } from './catalog.js';

/** Folders of the root in which files and folders with several names lie. */
export const FILE_LINKS_FOLDER = '\0\0\0\0HFS+ Private Data';
export const FOLDER_LINKS_FOLDER = '.HFS+ Private Directory Data\r';

/** Type and creator of the records that stand for them: `hlnk` `hfs+`, `fdrp` `MACS`. */
export const FILE_LINK = [0x686c_6e6b, 0x6866_732b] as const;
export const FOLDER_LINK = [0x6664_7270, 0x4d41_4353] as const;

/** Offsets in the catalog record of a link, or of what it stands for. */
export const LINK_FIELDS = {
  /** Neighbours in the chain of links, in place of owner and group. */
  previous: CatalogFile.at.bsdInfo + BsdInfo.at.ownerID,
  next: CatalogFile.at.bsdInfo + BsdInfo.at.groupID,
  ownerFlags: CatalogFile.at.bsdInfo + BsdInfo.at.ownerFlags,
  mode: CatalogFile.at.bsdInfo + BsdInfo.at.fileMode,
  /** In a link: the number in the name of what it stands for. There: how many links there are. */
  special: CatalogFile.at.bsdInfo + BsdInfo.at.special,
  finderFlags: CatalogFile.at.userInfo + 8,
} as const;

export const FINDER_ALIAS = 0x8000;
export const UF_IMMUTABLE = 2;
export const STICKY = 0o1000;
