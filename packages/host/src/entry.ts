// What a host folder's volume remembers of its items: where each lies, and what the listing showed.

import type { AttributeChange, ItemId, ItemKind, StoreError } from '@tintype/core';

/** A name in a folder. */
export interface Place {
  readonly folder: Folder;
  readonly name: string;
}

/** One item that was listed or made. Several names made by `link` share one entry. */
export interface Entry {
  readonly id: ItemId;
  place: Place;
  /** Further names that are known; one of them takes over when `place` is removed. */
  links: readonly Place[];
  kind: ItemKind;
  device: number;
  inode: number;
  /** Bytes stored are fewer than bytes read, as the listing showed. */
  mayHaveHoles: boolean;
  /** Why the listing could not look at it; thrown at every use. */
  failure: StoreError | null;
  /** Present once the folder was looked into. */
  folder: Folder | null;
}

export interface Folder {
  /** Null for the root. */
  readonly entry: Entry | null;
  readonly children: Map<string, Entry>;
  /** -1 while closed. */
  handle: number;
  /** Attributes that go back when this folder is settled, because our own changes moved them. */
  pending: AttributeChange | null;
  /** True if new items inherit access lists; null while unknown. */
  passesLists: boolean | null;
  readonly rootPath: string;
  device: number;
  inode: number;
}

/** An item that is held by handle: open for its content, or only named. */
export class HeldItem {
  readonly handle: number;
  readonly isPathOnly: boolean;
  readonly isLink: boolean;
  readonly #item: Entry | Folder;

  constructor(item: Entry | Folder, handle: number, isPathOnly = false) {
    this.#item = item;
    this.handle = handle;
    this.isPathOnly = isPathOnly;
    this.isLink = 'kind' in item && item.kind === 'symlink';
  }

  /** For messages. */
  get path(): string {
    return 'kind' in this.#item ? pathOf(this.#item.place) : pathOfFolder(this.#item);
  }
}

/** The path of a name, for messages. */
export function pathOf(place: Place): string {
  const parts = [place.name];
  let folder = place.folder;
  while (folder.entry) {
    parts.push(folder.entry.place.name);
    folder = folder.entry.place.folder;
  }
  parts.push(folder.rootPath === '/' ? '' : folder.rootPath);
  return parts.reverse().join('/');
}

export function pathOfFolder(folder: Folder): string {
  return folder.entry ? pathOf(folder.entry.place) : folder.rootPath;
}
