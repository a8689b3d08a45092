// A tree as the kernel's driver shows it in a guest, and as we read it, in one form.

import type { Item, ItemKind, Volume } from '@tintype/core';
import type { KernelItem } from './oracles.js';
import { sha256Of } from './snapshot-of.js';

/** All items but the root, by path. */
export function allItems(volume: Volume): { path: string; item: Item }[] {
  const found: { path: string; item: Item }[] = [];
  const visit = (id: number, above: string): void => {
    for (const item of volume.list(id)) {
      found.push({ path: `${above}/${item.name}`, item });
      if (item.kind === 'directory') visit(item.id, `${above}/${item.name}`);
    }
  };
  visit(volume.root.id, '');
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}
const KINDS: Partial<Record<ItemKind, string>> = { file: 'file', directory: 'folder', symlink: 'symlink' };

/** What `comparableItems` keeps of items as `kernel-read` shows them, of a volume as we read it. */
export function asKernelItems(volume: Volume): Partial<KernelItem>[] {
  return allItems(volume).map(({ path: name, item }) => ({
    path: name.slice(1),
    type: KINDS[item.kind] ?? item.kind,
    mode: item.mode.toString(8).padStart(4, '0'),
    uid: item.uid,
    gid: item.gid,
    mtime: String(BigInt(item.mtime) * 1_000_000_000n + BigInt(item.mtimeNanos)),
    xattrs: Object.fromEntries(
      volume
        .xattrs(item.id)
        .map((each) => [`osx.${each.name}`, Buffer.from(volume.xattr(item.id, each.name) ?? []).toString('base64')]),
    ),
    ...(item.kind === 'file' && { size: item.size, nlink: item.nlink, sha256: sha256Of(volume, item.id) }),
    ...(item.kind === 'symlink' && { target: volume.readlink(item.id) }),
  }));
}
/** All items but the root, by path, as far as our own reading is compared with them. */
export function comparableItems(shown: readonly KernelItem[]): Partial<KernelItem>[] {
  const items = shown.filter(({ path: name }) => name !== '').map(comparable);
  return items.sort((a, b) => (`/${a.path}` < `/${b.path}` ? -1 : 1));
}
function comparable(item: KernelItem): Partial<KernelItem> {
  const { path: name, type, mode, uid, gid, mtime, xattrs, size, nlink, sha256: hash, target } = item;
  const own = Object.entries(xattrs ?? {}).filter(([each]) => each !== 'osx.com.apple.fs.symlink');
  const common = { path: name, type, mode, uid, gid, mtime, xattrs: Object.fromEntries(own) };
  return {
    ...common,
    ...(type === 'file' && { size, nlink, sha256: hash }),
    ...(type === 'symlink' && { target }),
  } as Partial<KernelItem>;
}
