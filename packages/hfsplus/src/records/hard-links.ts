// Hard links to files, as macOS keeps them: the file itself lies in a private folder of the root, every name is a small
// record that points to it, and all names form a chain. Source: hfs_format.h, volumes made by macOS.

import type { Mounted } from '../mounted.js';
import { BsdInfo, CatalogFile, CatalogFolder, RECORD_FLAGS, RECORD_TYPE } from '../structs/catalog.js';
import { FILE_LINK, FILE_LINKS_FOLDER, FOLDER_LINK, FOLDER_LINKS_FOLDER, UF_IMMUTABLE } from '../structs/hard-links.js';
import { CNID } from '../structs/volume-header.js';
import type { Catalog, Place } from './catalog.js';
import { fileRecord, folderRecord, putKey } from './catalog-records.js';

const LINK_MODE = 0o100444;
const UNICODE_ENCODING = 0x7e;

export interface NewLink {
  readonly id: number;
  readonly parent: number;
  readonly name: string;
  readonly previous: number;
  readonly next: number;
}

export class HardLinks {
  readonly #volume: Mounted;
  readonly #catalog: Catalog;
  #folder: { readonly id: number; readonly created: number } | null = null;

  constructor(volume: Mounted, catalog: Catalog) {
    this.#volume = volume;
    this.#catalog = catalog;
  }

  /** The private folder for files, or null if there is none yet. */
  folder(): { readonly id: number; readonly created: number } | null {
    if (this.#folder) return this.#folder;
    const place = this.#catalog.find(CNID.rootFolder, FILE_LINKS_FOLDER);
    if (place?.type !== RECORD_TYPE.folder) return null;
    const { view } = place.node;
    this.#folder = {
      id: view.getUint32(place.at + CatalogFolder.at.folderID),
      created: view.getUint32(place.at + CatalogFolder.at.createDate),
    };
    return this.#folder;
  }

  /** The same, made if missing, with its twin for folders. Counts of the root are the caller's: answers how many were made. */
  requireFolder(): { readonly folder: { readonly id: number; readonly created: number }; readonly made: number } {
    const present = this.folder();
    if (present) return { folder: present, made: 0 };
    const root = this.#catalog.recordOf(CNID.rootFolder);
    const created = root.node.view.getUint32(root.at + CatalogFolder.at.createDate);
    let made = 0;
    for (const [name, mode] of [
      [FILE_LINKS_FOLDER, 0o40000],
      [FOLDER_LINKS_FOLDER, 0o41555],
    ] as const) {
      if (this.#catalog.find(CNID.rootFolder, name)) continue;
      const record = folderRecord({
        id: this.#volume.ids.take(),
        now: created,
        mode,
        uid: 0,
        gid: 0,
        hasFolderCount: true,
      });
      record.bsdInfo.ownerFlags = UF_IMMUTABLE;
      record.userInfo.set([0x50, 0x00, 0x40, 0x00, 0x40, 0x00], 8);
      this.#catalog.tree.insert(putKey(CNID.rootFolder, name, record));
      this.#catalog.putThread('folder', record.folderID, { parent: CNID.rootFolder, name });
      made += 1;
    }
    return { folder: this.folder() as { id: number; created: number }, made };
  }

  /**
   * True for the record of a hard link to a file: by type and creator, and by its creation date, which is that of the
   * private folder or of the root.
   */
  isFileLink(place: Place): boolean {
    return hasType(place, FILE_LINK) && this.#hasLinkDate(place);
  }
  /** True for the record of a hard link to a folder. */
  isFolderLink(place: Place): boolean {
    return hasType(place, FOLDER_LINK);
  }

  #hasLinkDate({ node, at }: Place): boolean {
    const created = node.view.getUint32(at + CatalogFile.at.createDate);
    if (created === this.folder()?.created) return true;
    const root = this.#catalog.recordOf(CNID.rootFolder);
    return created === root.node.view.getUint32(root.at + CatalogFolder.at.createDate);
  }

  /** The file that a link's record stands for, or null if it is none (or leads nowhere). */
  target(link: Place): Place | null {
    const folder = this.folder();
    if (!folder) return null;
    const reference = link.node.view.getUint32(link.at + CatalogFile.at.bsdInfo + BsdInfo.at.special);
    const place = this.#catalog.find(folder.id, `iNode${reference}`);
    return place?.type === RECORD_TYPE.file ? place : null;
  }

  putLink(reference: number, created: number, link: NewLink): void {
    const record = fileRecord({ id: link.id, now: created, mode: LINK_MODE, uid: link.previous, gid: link.next });
    record.flags = RECORD_FLAGS.threadExists | RECORD_FLAGS.hasLinkChain;
    record.bsdInfo.ownerFlags = UF_IMMUTABLE;
    record.bsdInfo.special = reference;
    record.userInfo.set([...Buffer.from('hlnkhfs+'), 0x01, 0x00]);
    record.textEncoding = UNICODE_ENCODING;
    this.#catalog.tree.insert(putKey(link.parent, link.name, record));
    this.#catalog.putThread('file', link.id, link);
  }

  /** Neighbours of a link in its chain. */
  neighbours(link: Place): { readonly previous: number; readonly next: number } {
    const bsd = link.at + CatalogFile.at.bsdInfo;
    return {
      previous: link.node.view.getUint32(bsd + BsdInfo.at.ownerID),
      next: link.node.view.getUint32(bsd + BsdInfo.at.groupID),
    };
  }

  setPrevious(id: number, previous: number): void {
    if (id !== 0) this.#put(id, BsdInfo.at.ownerID, previous);
  }
  setNext(id: number, next: number): void {
    if (id !== 0) this.#put(id, BsdInfo.at.groupID, next);
  }

  #put(id: number, field: number, value: number): void {
    const { node, at } = this.#catalog.recordOf(id);
    node.view.setUint32(at + CatalogFile.at.bsdInfo + field, value);
    node.dirty = true;
  }
}

function hasType({ node, at, type }: Place, [fileType, creator]: readonly [number, number]): boolean {
  const finder = at + CatalogFile.at.userInfo;
  return (
    type === RECORD_TYPE.file && node.view.getUint32(finder) === fileType && node.view.getUint32(finder + 4) === creator
  );
}
