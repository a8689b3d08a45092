// What a host folder's volume knows of its items: which id stands for which name, and for the same file under several.
// It makes no call of the host; a volume tells it what a look at an item showed.

import { assert, type Item, type ItemId, type ItemKind, type StoreError } from '@tintype/core';
import type { Entry, Folder, Place } from './entry.js';

const rootId: ItemId = 1;
const NO_LINKS: readonly Place[] = [];

/** What a look at an item showed. */
export interface Sight {
  readonly inode: number;
  readonly device: number;
  item(id: ItemId, name: string, hasXattrs: boolean): Item;
}

export abstract class ItemTree {
  protected readonly rootId = rootId;
  protected readonly rootFolder: Folder;
  /** Passed to `Sight.item`. */
  abstract readonly traits: { readonly xattrs: boolean };
  readonly #entries = new Map<ItemId, Entry>();
  #nextId = rootId + 1;

  constructor(rootFolder: Folder) {
    this.rootFolder = rootFolder;
  }

  /** What a look shows, under the id that it had already if it is still the same. */
  protected remember(folder: Folder, name: string, sight: Sight): { readonly entry: Entry; readonly item: Item } {
    const known = folder.children.get(name);
    const isSame = known !== undefined && known.inode === sight.inode && known.device === sight.device;
    const item = sight.item(isSame ? known.id : this.#nextId++, name, this.traits.xattrs);
    const mayHaveHoles = item.allocated < item.size;
    if (isSame && known.kind === item.kind) {
      known.mayHaveHoles = mayHaveHoles;
      known.failure = null;
      return { entry: known, item };
    }
    const { id, kind, device, inode } = item;
    const place = { folder, name };
    const entry: Entry = { id, place, links: NO_LINKS, kind, device, inode, mayHaveHoles, failure: null, folder: null };
    this.#add(entry);
    return { entry, item };
  }

  /** An item whose attributes the host does not tell: it is listed, and every use of it fails with the reason. */
  protected unknown(folder: Folder, name: string, kind: ItemKind, failure: StoreError): Item {
    const id = this.#nextId++;
    const entry: Entry = {
      id,
      place: { folder, name },
      links: NO_LINKS,
      kind,
      device: -1,
      inode: -1,
      mayHaveHoles: false,
      failure,
      folder: null,
    };
    this.#add(entry);
    const zeros = { mode: 0, uid: 0, gid: 0, flags: 0, mtime: 0, mtimeNanos: 0, ctime: 0, ctimeNanos: 0 };
    const rest = { btime: 0, btimeNanos: 0, size: 0, allocated: 0, rdevMajor: 0, rdevMinor: 0, nlink: 1 };
    return { ...zeros, ...rest, id, name, kind, inode: -id, device: -1, hasXattrs: true };
  }

  #add(entry: Entry): void {
    const { folder, name } = entry.place;
    const former = folder.children.get(name);
    if (former) {
      this.release(former.id);
      this.forget(former);
    }
    folder.children.set(name, entry);
    this.#entries.set(entry.id, entry);
  }

  /** Gives up what is held for an item; of a folder, also its items' ids. */
  release(id: ItemId): void {
    const entry = this.#entries.get(id);
    if (entry && entry.kind !== 'directory') this.releaseItem(entry);
    const folder = id === rootId ? this.rootFolder : entry?.folder;
    if (!folder) return;
    const below = [folder];
    for (let at = 0; at < below.length; at++) {
      for (const child of (below[at] as Folder).children.values()) if (child.folder) below.push(child.folder);
    }
    // From the bottom up: what a folder still has to do to itself may need its parents' handles.
    for (const next of below.reverse()) {
      for (const child of next.children.values()) if (!this.#staysElsewhere(child, next)) this.forget(child);
      next.children.clear();
      if (next !== this.rootFolder) this.releaseFolder(next);
    }
  }

  /** True if a name in another folder is known: then the entry lives on under that one. */
  #staysElsewhere(entry: Entry, released: Folder): boolean {
    // With two names in the folder it is asked twice: the second time its place is elsewhere already.
    if (entry.links.length === 0 && entry.place.folder === released) return false;
    const others = [entry.place, ...entry.links].filter(
      ({ folder, name }) => folder !== released && folder.children.get(name) === entry,
    );
    const [place, ...links] = others;
    if (!place) return false;
    this.releaseItem(entry);
    entry.place = place;
    entry.links = links;
    return true;
  }

  protected abstract releaseItem(entry: Entry): void;

  protected abstract releaseFolder(folder: Folder): void;

  protected forget(entry: Entry): void {
    this.releaseItem(entry);
    this.#entries.delete(entry.id);
  }

  /** The file has one more name. */
  protected linked(entry: Entry, place: Place): void {
    entry.links = [...entry.links, place];
    place.folder.children.set(place.name, entry);
  }

  /** The item has another name instead of the one at `from`. */
  protected moved(entry: Entry, from: Place, to: Place): void {
    from.folder.children.delete(from.name);
    to.folder.children.set(to.name, entry);
    this.dropPlace(entry, from);
    entry.links = [...entry.links, entry.place];
    entry.place = to;
    entry.links = entry.links.filter((link) => link.folder.children.get(link.name) === entry && link !== entry.place);
  }

  /** True if the entry lives on under another name that is known. */
  protected dropPlace(entry: Entry, place: Place): boolean {
    const isHere = (other: Place): boolean => other.folder === place.folder && other.name === place.name;
    const others = entry.links.filter((link) => !isHere(link));
    if (!isHere(entry.place)) {
      entry.links = others;
      return true;
    }
    const next = others.shift();
    entry.links = others;
    if (next) entry.place = next;
    return next !== undefined;
  }

  protected entry(id: ItemId): Entry {
    const entry = this.#entries.get(id);
    assert(entry !== undefined, `the id ${id} names an item`);
    if (entry.failure) throw entry.failure;
    return entry;
  }

  /** @throws AssertionError if it is none */
  protected file(id: ItemId): Entry {
    const entry = this.entry(id);
    assert(entry.kind === 'file', 'only a file has data');
    return entry;
  }

  protected folder(id: ItemId): Folder {
    if (id === rootId) return this.rootFolder;
    const entry = this.entry(id);
    assert(entry.kind === 'directory', 'only a folder has items');
    const { device, inode } = entry;
    const state = { handle: -1, pending: null, passesLists: null };
    entry.folder ??= { entry, children: new Map(), ...state, rootPath: '', device, inode };
    return entry.folder;
  }
}
