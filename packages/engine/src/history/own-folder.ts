// Our own folder in an image: `/_SafetyNet/.tintype`, with run records and files that are not finished yet.

import type { Item, ItemId, ItemKind, NewItem, WritableVolume } from '@tintype/core';
import { SAFETYNET_FOLDER } from '../tree/filter.js';
import { findItem } from '../tree/find-item.js';

export const OWN_FOLDER = '.tintype';

export interface FolderTemplate {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly now: number;
}

/** The folder of that name, made if it is not there. */
export function folderAt(volume: WritableVolume, parent: ItemId, name: string, template: FolderTemplate): ItemId {
  const found = volume.lookup(parent, name);
  if (found?.kind === 'directory') return found.id;
  const [id] = volume.create(parent, [newFolder(name, template)]);
  return id as ItemId;
}

function newFolder(name: string, template: FolderTemplate) {
  return newItem(name, 'directory', template);
}

/** A file of ours, empty, that only its owner reads. */
export function emptyFile(name: string, template: FolderTemplate): NewItem {
  return newItem(name, 'file', { ...template, mode: 0o600 });
}

function newItem(name: string, kind: ItemKind, { mode, uid, gid, now }: FolderTemplate): NewItem {
  const seconds = Math.floor(now);
  const times = { mtime: seconds, mtimeNanos: 0, ctime: seconds, ctimeNanos: 0, btime: seconds, btimeNanos: 0 };
  return {
    name,
    kind,
    mode,
    uid,
    gid,
    flags: 0,
    ...times,
    size: 0,
    target: '',
    rdevMajor: 0,
    rdevMinor: 0,
  };
}

/** The folders that a run works in. Lookups only, until something must be made. */
export class OwnFolders {
  readonly #volume: WritableVolume;
  readonly template: FolderTemplate;

  constructor(volume: WritableVolume, template: FolderTemplate) {
    this.#volume = volume;
    this.template = template;
  }
  /** `/_SafetyNet`. */
  safetyNet(): ItemId {
    return folderAt(this.#volume, this.#volume.root.id, SAFETYNET_FOLDER, this.template);
  }
  /** `/_SafetyNet/.tintype`. */
  ownFolder(): ItemId {
    return folderAt(this.#volume, this.safetyNet(), OWN_FOLDER, { ...this.template, mode: 0o700 });
  }
  /** `/_SafetyNet/.tintype/NAME`. */
  own(name: 'runs' | 'partial' | 'checksums'): ItemId {
    return folderAt(this.#volume, this.ownFolder(), name, { ...this.template, mode: 0o700 });
  }
  /** The same, or null: nothing is made. */
  find(...names: string[]): Item | null {
    return findItem(this.#volume, [SAFETYNET_FOLDER, ...names].join('/'));
  }
}
