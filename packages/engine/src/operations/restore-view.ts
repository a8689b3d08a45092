// What of a backup may be restored here: without root, or from an image that this machine does not know, some attributes
// and items stay behind. A view of the backup without them, so that the rest of the engine needs no special cases.

import type { Item, ItemId, Volume, XattrEntry } from '@tintype/core';
import { isKnownVolume } from '../home.js';
import { isNeverTouched } from '../tree/filter.js';
import type { Report } from '../tree/report.js';
import { GuardedSource, type GuardedSourceOptions } from '../tree/source-guard.js';

const SETUID_SETGID = 0o6000;

export interface Rights {
  readonly isRoot: boolean;
  readonly uid: number;
  readonly gid: number;
  /** The image is known, or the user said `--trust`. */
  readonly isTrusted: boolean;
}

/** What this process may do with what is in a backup. */
export function rightsHere(
  backup: { readonly isImage: boolean; readonly volume: Volume },
  trust: boolean | undefined,
): Rights {
  return {
    isRoot: process.getuid?.() === 0,
    isTrusted: trust === true || !backup.isImage || isKnownVolume(backup.volume.uuid),
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
  };
}

export class RestoreView extends GuardedSource {
  readonly #rights: Rights;
  readonly #report: Report;

  constructor(backup: Volume, options: GuardedSourceOptions, rights: Rights, report: Report) {
    super(backup, options);
    this.#rights = rights;
    this.#report = report;
  }
  /** Without what is never restored with the rest: of the volume's root. */
  override list(folder: ItemId): Item[] {
    const items = super.list(folder);
    const isRoot = folder === this.root.id;
    return this.allowed(isRoot ? items.filter((item) => !isNeverTouched(item.name)) : items);
  }
  /** What of these items may be restored, and how. */
  allowed(items: readonly Item[]): Item[] {
    return items.flatMap((item) => this.#allowed(item) ?? []);
  }
  override stat(id: ItemId): Item {
    return this.#withoutPrivileges(super.stat(id));
  }
  override xattrs(id: ItemId): XattrEntry[] {
    const entries = super.xattrs(id);
    const kept = this.#mayGrant ? entries : entries.filter((entry) => !/^(security|trusted)\./.test(entry.name));
    for (const entry of entries) if (!kept.includes(entry)) this.#report.notKept('security attribute', entry.name);
    return kept;
  }

  get #mayGrant(): boolean {
    return this.#rights.isRoot && this.#rights.isTrusted;
  }
  #allowed(item: Item): Item | null {
    const { isRoot, uid, gid } = this.#rights;
    if ((item.kind === 'char' || item.kind === 'block') && !this.#mayGrant) {
      this.#report.notKept('device file', item.name);
      return null;
    }
    if (!isRoot && (item.uid !== uid || item.gid !== gid)) this.#report.notKept('owner', item.name);
    const plain = this.#withoutPrivileges(item);
    if (plain !== item) this.#report.notKept('setuid or setgid bit', item.name);
    return plain;
  }
  #withoutPrivileges(item: Item): Item {
    const { isRoot, isTrusted, uid } = this.#rights;
    const mayKeep = isRoot ? isTrusted : item.uid === uid;
    if (mayKeep || item.kind === 'directory' || (item.mode & SETUID_SETGID) === 0) return item;
    return { ...item, mode: item.mode & ~SETUID_SETGID };
  }
}
