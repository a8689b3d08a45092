// Packages are folders that people see as one thing (`.app`, `.photoslibrary`). SafetyNet keeps them whole (B26): before
// the first item of one is replaced or removed, all of it as it was is put there. Nothing is copied where the volume has
// clones or hard links: a file's content is never changed in place, only another file takes its name.

import { type Item, type ItemId, type NewItem, Progress, type WritableVolume } from '@tintype/core';
import { ContentCopier } from '../tree/content.js';
import { FolderVisits } from '../tree/folder-visits.js';
import { copyXattrs } from '../tree/xattrs.js';

const EXTENSIONS = new Set(
  (
    'app appex aplibrary backupbundle band bundle component fcpbundle imovielibrary kext key logicx mdimporter ' +
    'migratedphotolibrary musiclibrary numbers pages photolibrary photoslibrary pkg playground plugin prefpane ' +
    'qlgenerator rtfd saver scptd sparsebundle tvlibrary vst vst3 wdgt workflow xcodeproj xcworkspace xpc'
  ).split(' '),
);

/** The outermost package that the folder at `path` is or lies in, as its path; null if there is none. */
export function packageAt(path: string): string | null {
  for (let end = path.indexOf('/', 1); ; end = path.indexOf('/', end + 1)) {
    const part = end < 0 ? path : path.slice(0, end);
    if (isPackageName(part.slice(part.lastIndexOf('/') + 1))) return part;
    if (end < 0) return null;
  }
}

function isPackageName(name: string): boolean {
  const dot = name.lastIndexOf('.');
  return dot > 0 && EXTENSIONS.has(name.slice(dot + 1).toLowerCase());
}

/** What this run made inside packages that were there before: it is no part of what they were. */
export class NewInPackages {
  readonly #paths = new Set<string>();

  /** Folders stand for all that is below them. */
  add(path: string): void {
    if (packageAt(path) !== null && !this.has(path)) this.#paths.add(path);
  }

  has(path: string): boolean {
    if (this.#paths.size === 0) return false;
    for (let at = path; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) if (this.#paths.has(at)) return true;
    return false;
  }
}

export interface KeptPackage {
  readonly volume: WritableVolume;
  /** The live package, at this path, and the empty folder that is to hold it as it was. */
  readonly from: Item;
  readonly path: string;
  readonly to: ItemId;
  readonly made: NewInPackages;
  /** Called between folders, when a commit would be sound. */
  readonly between: () => void;
}

/** @throws CorruptError for a folder that lies in itself */
export function keepPackage({ volume, from, path, to, made, between }: KeptPackage): void {
  const visits = new FolderVisits();
  const copier = new ContentCopier(new Progress());
  const stack = [{ from, path, to }];
  for (let folder = stack.pop(); folder; folder = stack.pop()) {
    const { path: parent, to: target } = folder;
    visits.pass(folder.from.id, parent);
    const items = volume.list(folder.from.id).filter(({ name }) => !made.has(`${parent}/${name}`));
    const rest = items.filter((item) => !shareContent(volume, item, target));
    const ids = volume.create(
      target,
      rest.map((item) => newItem(volume, item)),
    );
    for (const [i, item] of rest.entries()) {
      const id = ids[i] as ItemId;
      if (item.kind === 'file') copier.copy(volume, item, volume, id);
      if (item.hasXattrs) copyXattrs(volume, item, volume, id, () => {});
      if (item.kind === 'directory') stack.push({ from: item, path: `${parent}/${item.name}`, to: id });
      else if (!volume.traits.changeTimes) volume.setAttributes(id, item);
    }
    if (folder.from.hasXattrs && folder.from === from) copyXattrs(volume, from, volume, to, () => {});
    volume.setAttributes(target, folder.from);
    between();
  }
}

/** True if the file's content is there now without having been copied. */
function shareContent(volume: WritableVolume, item: Item, folder: ItemId): boolean {
  const { clones, hardLinks } = volume.traits;
  if (item.kind !== 'file' || (!clones && hardLinks === 'none')) return false;
  if (clones) volume.clone(folder, item.name, item.id);
  else volume.link(folder, item.name, item.id);
  return true;
}

function newItem(volume: WritableVolume, item: Item): NewItem {
  const { name, kind, mode, uid, gid, flags, rdevMajor, rdevMinor } = item;
  const { mtime, mtimeNanos, ctime, ctimeNanos, btime, btimeNanos } = item;
  const times = { mtime, mtimeNanos, ctime, ctimeNanos, btime, btimeNanos };
  const target = kind === 'symlink' ? volume.readlink(item.id) : '';
  const size = kind === 'file' ? item.size : 0;
  return { name, kind, mode, uid, gid, flags, rdevMajor, rdevMinor, ...times, target, size };
}
