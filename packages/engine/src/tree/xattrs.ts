// Extended attributes of one item, from a volume to another.

import type { ItemId, Volume, WritableVolume } from '@tintype/core';
import { OWN_ATTRIBUTE_PREFIX } from './names.js';

/** Attributes that the target has no place for: told once, with a count. */
export type NotKept = (kind: string, name: string) => void;

/** Compared on both sides; what differs is set, what the source lacks is removed. True if anything was changed. */
export function mirrorXattrs(
  source: Volume,
  sourceId: ItemId,
  target: WritableVolume,
  targetId: ItemId,
  notKept: NotKept,
): boolean {
  const wanted = readXattrs(source, sourceId, target, notKept);
  let changed = false;
  for (const { name } of target.xattrs(targetId)) {
    const value = wanted.get(name);
    const old = value && target.xattr(targetId, name);
    if (value && old && Buffer.compare(value, old) === 0) wanted.delete(name);
    if (value) continue;
    target.setXattr(targetId, name, null);
    changed = true;
  }
  for (const [name, value] of wanted) {
    target.setXattr(targetId, name, value);
    changed = true;
  }
  return changed;
}

/** For an item that was just created: nothing to compare with. */
export function copyXattrs(
  source: Volume,
  sourceId: ItemId,
  target: WritableVolume,
  targetId: ItemId,
  notKept: NotKept,
) {
  for (const [name, value] of readXattrs(source, sourceId, target, notKept)) target.setXattr(targetId, name, value);
}

/** True if both items have the same attributes, as far as the second volume can keep them. */
export function sameXattrs(a: Volume, aId: ItemId, b: WritableVolume, bId: ItemId): boolean {
  const wanted = readXattrs(a, aId, b, () => {});
  const entries = b.xattrs(bId);
  if (entries.length !== wanted.size) return false;
  return entries.every(({ name }) => {
    const value = wanted.get(name);
    const other = value && b.xattr(bId, name);
    return value !== undefined && other !== null && other !== undefined && Buffer.compare(value, other) === 0;
  });
}

function readXattrs(volume: Volume, id: ItemId, target: Volume, notKept: NotKept): Map<string, Uint8Array> {
  const values = new Map<string, Uint8Array>();
  const { value: longest, name: longestName } = target.traits.xattrLimits;
  for (const { name, size } of volume.xattrs(id)) {
    if (name.startsWith(OWN_ATTRIBUTE_PREFIX)) continue;
    if (!target.traits.xattrs || size > longest || Buffer.byteLength(name) > longestName) {
      notKept('xattr', name);
      continue;
    }
    const value = volume.xattr(id, name);
    if (value) values.set(name, value);
  }
  return values;
}
