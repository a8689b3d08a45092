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
  /** Folders whose items were counted: one may be listed more than once. */
  readonly #counted = new Set<ItemId>();
  /** Attributes that were counted, as `item name`. */
  readonly #dropped = new Set<string>();

  constructor(backup: Volume, options: GuardedSourceOptions, rights: Rights, report: Report) {
    super(backup, options);
    this.#rights = rights;
    this.#report = report;
  }
  /** Without what is never restored with the rest: of the volume's root. */
  override list(folder: ItemId): Item[] {
    const items = super.list(folder);
    const isRoot = folder === this.root.id;
    const shown = isRoot ? items.filter((item) => !isNeverTouched(item.name, this.traits)) : items;
    if (this.#counted.has(folder)) return shown.flatMap((item) => this.#allowed(item) ?? []);
    this.#counted.add(folder);
    return this.allowed(shown);
  }
  /** What of these items may be restored, and how. What may not is counted. */
  allowed(items: readonly Item[]): Item[] {
    for (const item of items) this.#count(item);
    return items.flatMap((item) => this.#allowed(item) ?? []);
  }
  override stat(id: ItemId): Item {
    return this.#withoutPrivileges(super.stat(id));
  }
  override xattrs(id: ItemId): XattrEntry[] {
    const entries = super.xattrs(id);
    const kept = this.#mayGrant ? entries : entries.filter((entry) => !/^(security|trusted)\./.test(entry.name));
    for (const { name } of entries.filter((entry) => !kept.includes(entry))) this.#countDropped(id, name);
    return kept;
  }

  get #mayGrant(): boolean {
    return this.#rights.isRoot && this.#rights.isTrusted;
  }
  #isDevice(item: Item): boolean {
    return (item.kind === 'char' || item.kind === 'block') && !this.#mayGrant;
  }
  #allowed(item: Item): Item | null {
    return this.#isDevice(item) ? null : this.#withoutPrivileges(item);
  }
  #count(item: Item): void {
    if (this.#isDevice(item)) {
      this.#report.notKept('device file', item.name);
      return;
    }
    const { isRoot, uid, gid } = this.#rights;
    if (!isRoot && (item.uid !== uid || item.gid !== gid)) this.#report.notKept('owner', item.name);
    if (this.#withoutPrivileges(item) !== item) this.#report.notKept('setuid or setgid bit', item.name);
  }
  #countDropped(id: ItemId, name: string): void {
    const key = `${id} ${name}`;
    if (!this.#dropped.has(key)) this.#report.notKept('security attribute', name);
    this.#dropped.add(key);
  }
  #withoutPrivileges(item: Item): Item {
    const { isRoot, isTrusted, uid } = this.#rights;
    const mayKeep = isRoot ? isTrusted : item.uid === uid;
    if (mayKeep || item.kind === 'directory' || (item.mode & SETUID_SETGID) === 0) return item;
    return { ...item, mode: item.mode & ~SETUID_SETGID };
  }
}
