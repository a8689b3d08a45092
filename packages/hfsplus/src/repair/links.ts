// Hard links: which links an inode has, their number, and the chain through all of them (hfsplus.md 6).

import { CatalogFile, CatalogFolder, RECORD_FLAGS } from '../structs/catalog.js';
import { FINDER_ALIAS, LINK_FIELDS, STICKY, UF_IMMUTABLE } from '../structs/hard-links.js';
import { CNID } from '../structs/volume-header.js';
import type { FirstLinks } from './attributes.js';
import { flagsOf, idOf, itemKind, type LeafRecord, parentOf, setFlags } from './leaf-record.js';
import { isFileLink, isFolderLink, LinkFolders, referenceOf } from './link-folders.js';
import { nameOf, type RepairCatalog, shown } from './repair-catalog.js';

const u32 = ({ view, data }: LeafRecord, at: number) => view.getUint32(data + at);
const put32 = ({ view, data }: LeafRecord, at: number, value: number) => view.setUint32(data + at, value);
const isChained = (record: LeafRecord) => (flagsOf(record) & RECORD_FLAGS.hasLinkChain) !== 0;

/** The first link of an inode is kept in its record, or for a folder in an attribute. */
interface FirstLink {
  get(inode: LeafRecord): number;
  set(inode: LeafRecord, first: number): void;
}

/** `firstLinks`: where inodes of folders keep theirs; null if the attributes cannot be read. */
export function mendLinks(catalog: RepairCatalog, firstLinks: FirstLinks | null): void {
  const folders = new LinkFolders(catalog);
  mendInodeNames(catalog, folders);
  const { files, folders: directories } = folders;
  const inodes = new Map<number, LeafRecord>();
  const directoryInodes = new Map<number, LeafRecord>();
  const links: LeafRecord[] = [];
  const directoryLinks: LeafRecord[] = [];
  for (const record of catalog.items.values()) {
    const parent = parentOf(record);
    if (files && parent === idOf(files) && itemKind(record) === 'file' && referenceOf(record, 'iNode') > 0)
      inodes.set(referenceOf(record, 'iNode'), record);
    else if (directories && parent === idOf(directories) && itemKind(record) === 'folder') {
      if (referenceOf(record, 'dir_') === idOf(record)) directoryInodes.set(idOf(record), record);
    } else if (isFileLink(record)) links.push(record);
    else if (isFolderLink(record)) directoryLinks.push(record);
  }
  mendDates(catalog, links, files);
  const first: FirstLink = {
    get: (inode) => u32(inode, CatalogFile.at.reserved1),
    set: (inode, id) => put32(inode, CatalogFile.at.reserved1, id),
  };
  new LinkMending(catalog, inodes, links, first).run();
  mendDirectoryFlags(catalog, directories, directoryInodes, directoryLinks);
  if (firstLinks) new LinkMending(catalog, directoryInodes, directoryLinks, firstLinks).run();
  mendAncestors(catalog, directories, directoryLinks);
}

/**
 * Inodes are found by their names. That of a folder has its id; that of a file the number that links have, which is its id
 * too, or links that lead nowhere begin with the first one that the inode names.
 */
function mendInodeNames(catalog: RepairCatalog, { files, folders }: LinkFolders): void {
  const references = new Map<number, number>();
  for (const record of catalog.items.values())
    if (isFileLink(record)) references.set(idOf(record), u32(record, LINK_FIELDS.special));
  const wanted = new Set(references.values());
  for (const record of [...catalog.items.values()]) {
    const id = idOf(record);
    let name = '';
    if (folders && parentOf(record) === idOf(folders) && itemKind(record) === 'folder') name = `dir_${id}`;
    else if (files && parentOf(record) === idOf(files) && itemKind(record) === 'file') {
      if (wanted.has(referenceOf(record, 'iNode'))) continue;
      const first = references.get(u32(record, CatalogFile.at.reserved1));
      const reference = first ?? (wanted.has(id) && isChained(record) ? id : undefined);
      if (reference !== undefined) name = `iNode${reference}`;
    }
    if (name === '' || nameOf(record) === name || catalog.find(parentOf(record), name)) continue;
    catalog.putThread(catalog.move(record, parentOf(record), name));
    catalog.acts.note('gave the files that hard links stand for their names again', shown(record));
  }
}

/** Only by this date a link is one to the systems that read it. */
function mendDates(catalog: RepairCatalog, links: readonly LeafRecord[], folder: LeafRecord | null): void {
  const root = catalog.items.get(CNID.rootFolder);
  if (!folder || !root) return;
  const dates = [folder, root].map((record) => u32(record, CatalogFolder.at.createDate));
  for (const link of links) {
    if (dates.includes(u32(link, CatalogFile.at.createDate))) continue;
    put32(link, CatalogFile.at.createDate, dates[0] as number);
    catalog.acts.note('gave hard links the date by which they are known', shown(link));
  }
}

class LinkMending {
  readonly #catalog: RepairCatalog;
  readonly #inodes: ReadonlyMap<number, LeafRecord>;
  readonly #links: readonly LeafRecord[];
  readonly #first: FirstLink;

  constructor(
    catalog: RepairCatalog,
    inodes: ReadonlyMap<number, LeafRecord>,
    links: readonly LeafRecord[],
    first: FirstLink,
  ) {
    this.#catalog = catalog;
    this.#inodes = inodes;
    this.#links = links;
    this.#first = first;
  }

  run(): void {
    const { acts } = this.#catalog;
    while (this.#mendReferences());
    const linksOf = new Map<number, LeafRecord[]>();
    for (const link of this.#links) {
      const reference = u32(link, LINK_FIELDS.special);
      if (!this.#inodes.has(reference)) {
        if (!this.#catalog.isComplete) continue;
        this.#catalog.remove(link);
        this.#catalog.removeThread(idOf(link));
        acts.note('removed hard links whose file is gone', shown(link));
        continue;
      }
      const list = linksOf.get(reference);
      if (list) list.push(link);
      else linksOf.set(reference, [link]);
    }
    for (const [reference, inode] of this.#inodes) {
      const links = linksOf.get(reference);
      if (links) this.#mendInode(inode, reference, links);
      else if (this.#catalog.isComplete) this.#rescue(inode);
    }
  }

  /** A link to an inode that does not exist: its neighbours in the chain tell which one it was. */
  #mendReferences(): boolean {
    let hasMended = false;
    const byId = new Map(this.#links.map((link) => [idOf(link), link]));
    for (const link of this.#links) {
      if (this.#inodes.has(u32(link, LINK_FIELDS.special))) continue;
      const known = new Set<number>();
      for (const id of [u32(link, LINK_FIELDS.previous), u32(link, LINK_FIELDS.next)]) {
        const neighbour = byId.get(id);
        const isMutual =
          neighbour &&
          [u32(neighbour, LINK_FIELDS.previous), u32(neighbour, LINK_FIELDS.next)].includes(idOf(link)) &&
          neighbour !== link;
        if (isMutual && this.#inodes.has(u32(neighbour, LINK_FIELDS.special)))
          known.add(u32(neighbour, LINK_FIELDS.special));
      }
      for (const [reference, inode] of this.#inodes) if (this.#first.get(inode) === idOf(link)) known.add(reference);
      const [reference] = known;
      if (reference === undefined || known.size > 1) continue;
      put32(link, LINK_FIELDS.special, reference);
      hasMended = true;
      this.#catalog.acts.note('led hard links back to the file that their chain belongs to', shown(link));
    }
    return hasMended;
  }

  #mendInode(inode: LeafRecord, reference: number, links: readonly LeafRecord[]): void {
    const { acts } = this.#catalog;
    if (u32(inode, LINK_FIELDS.special) !== links.length) {
      put32(inode, LINK_FIELDS.special, links.length);
      acts.note('set the number of hard links of files', shown(inode));
    }
    // Before Mac OS X 10.5 there were no chains.
    if (!isChained(inode)) return;
    for (const link of links) {
      if (isChained(link)) continue;
      setFlags(link, flagsOf(link) | RECORD_FLAGS.hasLinkChain);
      acts.note('corrected the flags of hard links', shown(link));
    }
    if (isChain(this.#first.get(inode), reference, links)) return;
    this.#chain(inode, links);
    acts.note('joined the hard links of files in a chain again', shown(inode));
  }

  #chain(inode: LeafRecord, links: readonly LeafRecord[]): void {
    const first = this.#first.get(inode);
    const order = [...links].sort((a, b) => Number(idOf(b) === first) - Number(idOf(a) === first) || idOf(a) - idOf(b));
    order.forEach((link, i) => {
      const previous = order[i - 1];
      const next = order[i + 1];
      put32(link, LINK_FIELDS.previous, previous ? idOf(previous) : 0);
      put32(link, LINK_FIELDS.next, next ? idOf(next) : 0);
    });
    const [head] = order;
    if (head && idOf(head) !== first) this.#first.set(inode, idOf(head));
  }

  /** A file that no name leads to: it becomes an ordinary one again. */
  #rescue(inode: LeafRecord): void {
    if (itemKind(inode) !== 'file') return;
    setFlags(inode, flagsOf(inode) & ~RECORD_FLAGS.hasLinkChain);
    put32(inode, CatalogFile.at.reserved1, 0);
    put32(inode, LINK_FIELDS.special, 1);
    this.#catalog.putThread(this.#catalog.rescue(inode, 'files whose hard links are all gone'));
  }
}

function isChain(first: number, reference: number, links: readonly LeafRecord[]): boolean {
  const byId = new Map(links.map((link) => [idOf(link), link]));
  let previous = 0;
  let met = 0;
  for (let id = first; id !== 0; met += 1) {
    const link = byId.get(id);
    if (!link || met >= links.length) return false;
    if (u32(link, LINK_FIELDS.special) !== reference || u32(link, LINK_FIELDS.previous) !== previous) return false;
    previous = id;
    id = u32(link, LINK_FIELDS.next);
  }
  return met === links.length;
}

function mendDirectoryFlags(
  { acts }: RepairCatalog,
  folder: LeafRecord | null,
  inodes: ReadonlyMap<number, LeafRecord>,
  links: readonly LeafRecord[],
): void {
  for (const inode of inodes.values()) {
    if (isChained(inode)) continue;
    setFlags(inode, flagsOf(inode) | RECORD_FLAGS.hasLinkChain);
    acts.note('corrected the flags of folders with hard links', shown(inode));
  }
  for (const link of links) {
    const { view, data } = link;
    const owner = view.getUint8(data + LINK_FIELDS.ownerFlags);
    const finder = view.getUint16(data + LINK_FIELDS.finderFlags);
    if ((owner & UF_IMMUTABLE) !== 0 && (finder & FINDER_ALIAS) !== 0) continue;
    view.setUint8(data + LINK_FIELDS.ownerFlags, owner | UF_IMMUTABLE);
    view.setUint16(data + LINK_FIELDS.finderFlags, finder | FINDER_ALIAS);
    acts.note('corrected the flags of hard links to folders', shown(link));
  }
  if (!folder || inodes.size + links.length === 0) return;
  const { view, data } = folder;
  const mode = view.getUint16(data + LINK_FIELDS.mode);
  const owner = view.getUint8(data + LINK_FIELDS.ownerFlags);
  if ((mode & STICKY) !== 0 && (owner & UF_IMMUTABLE) !== 0) return;
  view.setUint16(data + LINK_FIELDS.mode, mode | STICKY);
  view.setUint8(data + LINK_FIELDS.ownerFlags, owner | UF_IMMUTABLE);
  acts.note('made the private folder of hard links sticky and immutable');
}

/** Every folder above a hard link to a folder says so, but the root and the private folder. */
function mendAncestors(catalog: RepairCatalog, folder: LeafRecord | null, links: readonly LeafRecord[]): void {
  const done = new Set<number>([CNID.rootFolder, CNID.rootParent, folder ? idOf(folder) : 0]);
  for (const link of links) {
    if (!catalog.tree.has(link)) continue;
    for (let id = parentOf(link); !done.has(id); ) {
      done.add(id);
      const record = catalog.items.get(id);
      if (!record) break;
      if ((flagsOf(record) & RECORD_FLAGS.hasChildLink) === 0) {
        setFlags(record, flagsOf(record) | RECORD_FLAGS.hasChildLink);
        catalog.acts.note('corrected the flags of folders above hard links', shown(record));
      }
      id = parentOf(record);
    }
  }
}
