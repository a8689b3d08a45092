// What of a source is left out: rules of the user, the image that is being written, other file systems, caches.

import { createRequire } from 'node:module';
import type { Item, Volume, VolumeTraits } from '@tintype/core';
import type { Ignore } from 'ignore';

const makeIgnore = createRequire(import.meta.url)('ignore') as (options: { ignorecase: boolean }) => Ignore;

/** Never copied from a source's root, and never touched at a target's: what macOS keeps there for itself. */
const APPLE_PRIVATE = [
  '.Spotlight-V100',
  '.fseventsd',
  '.Trashes',
  '.TemporaryItems',
  '.DocumentRevisions-V100',
  '_CCC SafetyNet',
  'Backups.backupdb',
  '.PKInstallSandboxManager',
  '.PKInstallSandboxManager-SystemSoftware',
  '.MobileBackups',
  '.apdisk',
];
export const SAFETYNET_FOLDER = '_SafetyNet';
/** All names that are left out at any root. */
export const NEVER_TOUCHED: readonly string[] = [...APPLE_PRIVATE, SAFETYNET_FOLDER];
const neverTouched = new Set(NEVER_TOUCHED);

/** True for names that a run leaves alone at the root of either side, of a volume with such traits. */
export function isNeverTouched(name: string, { ownRootNames }: Pick<VolumeTraits, 'ownRootNames'>): boolean {
  return neverTouched.has(name) || ownRootNames.includes(name);
}

const CACHE_TAG = 'CACHEDIR.TAG';
const CACHE_SIGNATURE = 'Signature: 8a477f597d28d172789f06886806bc55';

export interface FilterOptions {
  /** Rules in gitignore form, in order. */
  readonly rules: readonly string[];
  readonly excludeCaches: boolean;
  readonly oneFileSystem: boolean;
  /** `device:inode` of files and folders that are never read: the image's own. */
  readonly ownFiles: ReadonlySet<string>;
}

export class Filter {
  readonly #options: FilterOptions;
  readonly #ignore: Ignore | null;
  readonly #traits: VolumeTraits;
  readonly #device: number;
  /** Nearly no item is one of ours: its number alone tells, without a string for each item of a walk. */
  readonly #ownInodes: ReadonlySet<number>;

  constructor(options: FilterOptions, { root, traits }: Pick<Volume, 'root' | 'traits'>) {
    this.#options = options;
    this.#traits = traits;
    this.#device = root.device;
    this.#ownInodes = new Set([...options.ownFiles].map((file) => Number(file.split(':')[1])));
    this.#ignore = options.rules.length > 0 ? makeIgnore({ ignorecase: false }).add([...options.rules]) : null;
  }

  /** True if an item of the folder at `path` (absolute, no slash at the end) is not part of the backup. */
  excludes(path: string, item: Item): boolean {
    if (path === '' && isNeverTouched(item.name, this.#traits)) return true;
    if (this.#ownInodes.has(item.inode) && this.#options.ownFiles.has(`${item.device}:${item.inode}`)) return true;
    if (!this.#ignore) return false;
    const relative = `${path}/${item.name}`.slice(1).toWellFormed();
    return this.#ignore.ignores(item.kind === 'directory' ? `${relative}/` : relative);
  }

  /** True if a folder is kept, but nothing in it (another file system). */
  keepsEmpty(item: Item): boolean {
    return this.#options.oneFileSystem && item.kind === 'directory' && item.device !== this.#device;
  }

  /** Of a cache folder only its tag is kept (CACHEDIR.TAG convention). */
  withoutCaches(source: Volume, items: readonly Item[]): readonly Item[] {
    if (!this.#options.excludeCaches) return items;
    const tag = items.find((item) => item.name === CACHE_TAG && item.kind === 'file');
    if (!tag) return items;
    const head = new Uint8Array(CACHE_SIGNATURE.length);
    const length = source.read(tag.id, 0, head);
    return length === head.length && Buffer.from(head).toString('latin1') === CACHE_SIGNATURE ? [tag] : items;
  }
}
