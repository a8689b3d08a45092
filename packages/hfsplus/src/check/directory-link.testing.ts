// A volume with a hard link to a directory, which no fixture has: it is put into a real one.

import { CatalogFile, CatalogFolder } from '../structs/catalog.js';
import { VolumeHeader } from '../structs/volume-header.js';
import { BSD, change, field, insertAfter, recordOf } from './damage.testing.js';
import { pack, type Sample, sample } from './sample.testing.js';

const { at: file } = CatalogFile;
const { at: folder } = CatalogFolder;
const { at: header } = VolumeHeader;
export const PRIVATE = '.HFS+ Private Directory Data\r';
export const INODE = 'dir_50';
const FIRST_LINK = 'com.apple.system.hfs.firstlink';

/** Folder 50 in the private folder (17), and one link (51) to it in the folder `files` (21). */
export function linked(first = '51\0'): Sample {
  const volume = sample('small');
  const inode = recordOf(volume, 'second').slice(20);
  const inodeView = new DataView(inode.buffer);
  inodeView.setUint32(folder.folderID, 50);
  inodeView.setUint16(folder.flags, 0x24);
  inodeView.setUint32(BSD.special, 1);
  const link = recordOf(volume, 'link2').slice(18);
  const linkView = new DataView(link.buffer);
  linkView.setUint32(file.fileID, 51);
  linkView.setUint32(BSD.ownerID, 0);
  linkView.setUint32(BSD.groupID, 0);
  linkView.setUint32(BSD.special, 50);
  linkView.setUint32(file.userInfo, 0x6664_7270);
  linkView.setUint32(file.userInfo + 4, 0x4d41_4353);
  linkView.setUint16(file.userInfo + 8, 0x8000);
  insertAfter(volume, 17, pack([18, 2], 17, [6, 2], INODE, inode));
  insertAfter(volume, 'link2', pack([20, 2], 21, [7, 2], 'linkdir', link));
  insertAfter(volume, 42, pack([6, 2], 50, [0, 2], [3, 2], [0, 2], 17, [6, 2], INODE));
  insertAfter(volume, 50, pack([6, 2], 51, [0, 2], [4, 2], [0, 2], 21, [7, 2], 'linkdir'));
  volume.addTo(field(volume, 'files', folder.valence), 1);
  volume.view.setUint16(field(volume, 'files', folder.flags), 0xc0);
  volume.addTo(field(volume, PRIVATE, folder.valence), 1);
  volume.addTo(field(volume, PRIVATE, folder.folderCount), 1);
  volume.addTo(1024 + header.fileCount, 1);
  volume.addTo(1024 + header.folderCount, 1);
  volume.view.setUint32(1024 + header.nextCatalogID, 52);
  const value = Buffer.from(first);
  const padded = pack(value, new Uint8Array(value.length % 2));
  const key = pack([12 + 2 * FIRST_LINK.length, 2], [0, 2], 50, 0, [FIRST_LINK.length, 2], FIRST_LINK);
  volume.plant('attributes', [pack(key, 0x10, 0, 0, value.length, padded)]);
  return volume;
}

/** What is damaged, the kinds that the check must name, and how. */
export const directoryLinkDamages: readonly (readonly [string, string[], (v: Sample) => void])[] = [
  ['owner flags', ['directory-link-flags'], (v) => v.view.setUint8(field(v, 'linkdir', BSD.ownerFlags), 0)],
  ['Finder flags', ['directory-link-flags'], (v) => v.view.setUint16(field(v, 'linkdir', file.userInfo + 8), 0)],
  [
    'flags of a folder above',
    ['directory-link-ancestor'],
    (v) => v.view.setUint16(field(v, 'files', folder.flags), 0x80),
  ],
  ['flags of the inode', ['directory-inode-flags'], (v) => v.view.setUint16(field(v, INODE, folder.flags), 4)],
  ['link count', ['link-count'], (v) => v.view.setUint32(field(v, INODE, BSD.special), 2)],
  ['chain', ['link-chain'], (v) => v.view.setUint32(field(v, 'linkdir', BSD.groupID), 51)],
  [
    'mode of the private folder',
    ['link-private-folder'],
    (v) => v.view.setUint16(field(v, PRIVATE, BSD.mode), 0o40555),
  ],
  [
    'name of the inode',
    ['directory-inode-name', 'link-target'],
    (v) => {
      change(v, INODE, (record) => pack(record.slice(0, 18), '1', record.slice(20)));
      change(v, 50, (record) => pack(record.slice(0, -2), '1'));
    },
  ],
  ['target', ['link-inode-orphan', 'link-target'], (v) => v.view.setUint32(field(v, 'linkdir', BSD.special), 23)],
];
