// SafetyNet (B25, B26): what a run would overwrite or remove is moved to a dated folder in the image, full paths kept.

import type { Item, ItemId, WritableVolume } from '@tintype/core';
import { removeTree } from '../tree/remove.js';
import { type FolderTemplate, folderAt, OWN_FOLDER, type OwnFolders } from './own-folder.js';
import { keepPackage, NewInPackages, packageAt } from './packages.js';
import { readRunHeads } from './run-log.js';

/** Where an item goes that must leave its place. */
export interface Aside {
  /** Takes `item` out of `folder` (at `path`, absolute, without a slash at the end). Answers the new path, if any. */
  put(folder: ItemId, path: string, item: Item): string | null;
  /** An item was made at this path, so it is no part of what was there before. */
  made(path: string): void;
  /** Called at sound moments: may remove what was put aside. */
  settle(): void;
}

export class SafetyNet implements Aside {
  readonly #volume: WritableVolume;
  readonly #folders: OwnFolders;
  readonly #name: string;
  readonly #template: FolderTemplate;
  /** Ids of the mirrored folders, by path. */
  readonly #mirrored = new Map<string, ItemId>();
  readonly #made = new NewInPackages();
  /** Paths of packages that were kept as they were. */
  readonly #packages = new Set<string>();
  readonly #between: () => void;

  /** `between` is called at sound moments of longer work. */
  constructor(
    volume: WritableVolume,
    folders: OwnFolders,
    name: string,
    template: FolderTemplate,
    between: () => void = () => {},
  ) {
    this.#volume = volume;
    this.#folders = folders;
    this.#name = name;
    this.#template = template;
    this.#between = between;
  }
  made(path: string): void {
    this.#made.add(path);
  }
  put(folder: ItemId, path: string, item: Item): string {
    const whole = packageAt(path);
    if (whole !== null && this.#keepWhole(whole)) {
      removeTree(this.#volume, folder, item, () => {});
      return `/_SafetyNet/${this.#name}${path}/${item.name}`;
    }
    const to = this.#mirror(path);
    let name = item.name;
    for (let i = 2; this.#volume.lookup(to, name); i += 1) name = `${item.name} ${i}`;
    this.#volume.rename(folder, item.name, to, name);
    return `/_SafetyNet/${this.#name}${path}/${name}`;
  }
  settle(): void {}

  /** Keeps a package as it was before this run; false if it is no folder. */
  #keepWhole(path: string): boolean {
    if (this.#packages.has(path)) return true;
    let live: Item | null = this.#volume.root;
    for (const name of path.split('/').slice(1)) live = live && this.#volume.lookup(live.id, name);
    if (live?.kind !== 'directory') return false;
    const to = this.#mirror(path);
    keepPackage({ volume: this.#volume, from: live, path, to, made: this.#made, between: this.#between });
    this.#packages.add(path);
    return true;
  }

  /** The folder in SafetyNet that stands for `path`; made with the live folders' attributes where missing. */
  #mirror(path: string): ItemId {
    const known = this.#mirrored.get(path);
    if (known !== undefined) return known;
    let id = folderAt(this.#volume, this.#folders.safetyNet(), this.#name, this.#template);
    let live: Item | null = this.#volume.root;
    for (const name of path.split('/').slice(1)) {
      live = live && this.#volume.lookup(live.id, name);
      const { mode, uid, gid } = live ?? this.#template;
      id = folderAt(this.#volume, id, name, { mode, uid, gid, now: live?.mtime ?? this.#template.now });
    }
    this.#mirrored.set(path, id);
    return id;
  }
}

/** Without SafetyNet: items wait among the unfinished files until the next sound moment, and are removed there. */
export class Discard implements Aside {
  readonly #volume: WritableVolume;
  readonly #folders: OwnFolders;
  readonly #between: () => void;
  readonly #waiting: string[] = [];
  #count = 0;

  constructor(volume: WritableVolume, folders: OwnFolders, between: () => void) {
    this.#volume = volume;
    this.#folders = folders;
    this.#between = between;
  }
  made(): void {}
  put(folder: ItemId, _path: string, item: Item): null {
    const partial = this.#folders.own('partial');
    this.#count += 1;
    const name = `discard-${this.#count}`;
    this.#volume.rename(folder, item.name, partial, name);
    this.#waiting.push(name);
    return null;
  }
  settle(): void {
    if (this.#waiting.length === 0) return;
    const partial = this.#folders.own('partial');
    for (let name = this.#waiting.pop(); name !== undefined; name = this.#waiting.pop()) {
      const item = this.#volume.lookup(partial, name);
      if (item) removeTree(this.#volume, partial, item, this.#between);
    }
  }
}

export interface PruneOptions {
  /** Seconds a folder is kept. */
  readonly keep: number;
  /** Seconds since 1970. */
  readonly now: number;
  readonly between: () => void;
}

/** Removes SafetyNet folders whose run is older than `keep`, oldest first, never the newest. Answers their names. */
export function pruneSafetyNet(volume: WritableVolume, folders: OwnFolders, options: PruneOptions): string[] {
  const safetyNet = folders.find();
  if (!safetyNet || options.keep === Number.POSITIVE_INFINITY) return [];
  const heads = readRunHeads(volume).filter((head) => head.safetynet !== null && isPlainName(head.safetynet));
  const present = heads.flatMap((head) => {
    const item = volume.lookup(safetyNet.id, head.safetynet as string);
    return item?.kind === 'directory' ? [{ head, item }] : [];
  });
  const pruned: string[] = [];
  for (const { head, item } of present.slice(0, -1)) {
    if (options.now - Date.parse(head.started) / 1000 < options.keep) continue;
    removeTree(volume, safetyNet.id, item, options.between);
    pruned.push(item.name);
  }
  return pruned;
}

function isPlainName(name: string | null): boolean {
  return name !== null && name !== '' && name !== OWN_FOLDER && !name.includes('/') && name !== '.' && name !== '..';
}

/** Removes what an interrupted run left unfinished. */
export function clearPartial(volume: WritableVolume, folders: OwnFolders, between: () => void): void {
  const partial = folders.find(OWN_FOLDER, 'partial');
  if (!partial) return;
  for (const item of volume.list(partial.id)) removeTree(volume, partial.id, item, between);
}
