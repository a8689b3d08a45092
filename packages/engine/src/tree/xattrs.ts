// Extended attributes of one item, from a volume to another.

import { type Item, type ItemId, StoreError, type Volume, type WritableVolume } from '@tintype/core';
import { OWN_ATTRIBUTE_PREFIX } from './names.js';

/** Attributes that the target has no place for: told once, with a count. */
export type NotKept = (kind: string, name: string) => void;

/** What says which item it is, and of what kind. */
export type Bearer = Pick<Item, 'id' | 'kind'>;

/** Told of a value before it is changed; null: there was none. */
export type Was = (name: string, value: Uint8Array | null) => void;

/** Compared on both sides; what differs is set, what the source lacks is removed. True if anything was changed. */
export function mirrorXattrs(
  source: Volume,
  item: Bearer,
  target: WritableVolume,
  targetId: ItemId,
  { notKept, was = () => {} }: { readonly notKept: NotKept; readonly was?: Was },
): boolean {
  const wanted = readXattrs(source, item, target, notKept);
  const before = new Map<string, Uint8Array | null>();
  let changed = false;
  for (const { name } of target.xattrs(targetId)) {
    const value = wanted.get(name);
    const old = target.xattr(targetId, name);
    if (value && old && Buffer.compare(value, old) === 0) wanted.delete(name);
    before.set(name, old);
    if (value) continue;
    was(name, old);
    target.setXattr(targetId, name, null);
    changed = true;
  }
  for (const [name, value] of wanted) {
    was(name, before.get(name) ?? null);
    if (trySet(target, targetId, { name, value }, notKept)) changed = true;
  }
  return changed;
}

/** For an item that was just created: nothing to compare with. */
export function copyXattrs(source: Volume, item: Bearer, target: WritableVolume, targetId: ItemId, notKept: NotKept) {
  for (const [name, value] of readXattrs(source, item, target, notKept))
    trySet(target, targetId, { name, value }, notKept);
}

/** What a host says of an attribute that it does not take: kind of item, name space, size (ext4: no space for it). */
const REFUSALS = ['EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'E2BIG', 'ERANGE', 'EINVAL', 'ENOSPC', 'EDQUOT'];

/** One attribute that a host refuses is told, and no reason to stop: a disk that is really full says so soon enough. */
function trySet(
  target: WritableVolume,
  id: ItemId,
  { name, value }: { readonly name: string; readonly value: Uint8Array },
  notKept: NotKept,
): boolean {
  try {
    target.setXattr(id, name, value);
    return true;
  } catch (error) {
    if (!(error instanceof StoreError) || error.values.operation !== 'setxattr' || !REFUSALS.includes(error.code))
      throw error;
    notKept('xattr', name);
    return false;
  }
}

/** True if both items have the same attributes, as far as the second volume can keep them. */
export function sameXattrs(a: Volume, item: Bearer, b: Volume, bId: ItemId): boolean {
  const wanted = readXattrs(a, item, b, () => {});
  const entries = b.xattrs(bId);
  if (entries.length !== wanted.size) return false;
  return entries.every(({ name }) => {
    const value = wanted.get(name);
    const other = value && b.xattr(bId, name);
    return value !== undefined && other !== null && other !== undefined && Buffer.compare(value, other) === 0;
  });
}

/** The item's attributes as the target keeps them; what it does not keep is told. */
function readXattrs(volume: Volume, { id, kind }: Bearer, target: Volume, notKept: NotKept): Map<string, Uint8Array> {
  const values = new Map<string, Uint8Array>();
  for (const { name, size } of volume.xattrs(id)) {
    if (name.startsWith(OWN_ATTRIBUTE_PREFIX)) continue;
    const isLong = !mayFit(target, name, size);
    const value = isLong ? null : volume.xattr(id, name);
    const kept = value && target.xattrAsStored(kind, name, value);
    if (kept) values.set(name, kept);
    if (kept && value && Buffer.compare(kept, value) !== 0) notKept('exact xattr value', name);
    if (!kept && (isLong || value)) notKept('xattr', name);
  }
  return values;
}

/** Known before the value is read. */
function mayFit({ traits }: Volume, name: string, size: number): boolean {
  const { value: longest, name: longestName } = traits.xattrLimits;
  return traits.xattrs && size <= longest && Buffer.byteLength(name) <= longestName;
}
