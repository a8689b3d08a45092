// Tells failures of the source from those of the target: the first cost one item, the second end the run. And keeps walks
// over a hostile source finite.

import {
  type FileExtent,
  type Item,
  type ItemId,
  type ItemKind,
  type SnapshotEntry,
  TintypeError,
  type Volume,
  type VolumeTraits,
  type WritableVolume,
  type XattrEntry,
} from '@tintype/core';
import { FolderVisits } from './folder-visits.js';

/** A source that could not be read at some place; `cause` is what it said. */
export class SourceError extends TintypeError {
  constructor(cause: TintypeError) {
    super(cause.code, cause.message, cause.values, { cause });
  }
}

export interface GuardedSourceOptions {
  /** The tree is what some bytes say, so that a folder may lie in itself; a host's folders cannot. */
  readonly mayLoop: boolean;
  /** How items are shown instead of as they are. */
  readonly shown?: ((item: Item) => Item) | undefined;
}

export class GuardedSource implements Volume {
  readonly #below: Volume;
  readonly #visits: FolderVisits | null;
  readonly #shown: ((item: Item) => Item) | undefined;

  constructor(below: Volume, { mayLoop, shown }: GuardedSourceOptions) {
    this.#shown = shown;
    this.#below = below;
    this.#visits = mayLoop ? new FolderVisits() : null;
  }

  /** Call before a walk lists a folder. @throws SourceError if it lies in itself, or in too many places */
  enter(folder: ItemId, path: string): void {
    guard(() => this.#visits?.enter(folder, path || '/'));
  }
  /** Call once for each `enter`, when all below the folder is done. Its handle is given up. */
  leave(folder: ItemId): void {
    this.#visits?.leave(folder);
    this.#below.release(folder);
  }
  get name(): string {
    return this.#below.name;
  }
  get uuid(): string {
    return this.#below.uuid;
  }
  get traits(): VolumeTraits {
    return this.#below.traits;
  }
  get root(): Item {
    return this.#show(this.#below.root);
  }
  get snapshots(): readonly SnapshotEntry[] | null {
    return this.#below.snapshots;
  }
  openSnapshot(xid: number): WritableVolume {
    return guard(() => this.#below.openSnapshot(xid));
  }
  nameKey(name: string): string {
    return this.#below.nameKey(name);
  }
  nameAsStored(name: string): string | null {
    return this.#below.nameAsStored(name);
  }
  list(folder: ItemId): Item[] {
    const items = guard(() => this.#below.list(folder));
    return this.#shown ? items.map(this.#shown) : items;
  }
  lookup(folder: ItemId, name: string): Item | null {
    const item = guard(() => this.#below.lookup(folder, name));
    return item && this.#show(item);
  }
  stat(id: ItemId): Item {
    return this.#show(guard(() => this.#below.stat(id)));
  }
  read(id: ItemId, position: number, target: Uint8Array): number {
    return guard(() => this.#below.read(id, position, target));
  }
  extents(id: ItemId): FileExtent[] {
    return guard(() => this.#below.extents(id));
  }
  readlink(id: ItemId): string {
    return guard(() => this.#below.readlink(id));
  }
  xattrs(id: ItemId): XattrEntry[] {
    return guard(() => this.#below.xattrs(id));
  }
  xattr(id: ItemId, name: string): Uint8Array | null {
    return guard(() => this.#below.xattr(id, name));
  }
  xattrAsStored(kind: ItemKind, name: string, value: Uint8Array): Uint8Array | null {
    return this.#below.xattrAsStored(kind, name, value);
  }
  release(id: ItemId): void {
    this.#below.release(id);
  }

  #show(item: Item): Item {
    return this.#shown ? this.#shown(item) : item;
  }
}

function guard<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw error instanceof TintypeError ? new SourceError(error) : error;
  }
}
