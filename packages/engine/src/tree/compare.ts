// Compare makes values: what differs between an item of the source and the one of that name at the target.

import type { Item, VolumeTraits } from '@tintype/core';

/**
 * What must be done to the target's item. `content`: bytes may differ by size, time or kind; `look`: they must be
 * compared, because the stored times are not trusted; `attributes`: only what stands beside the bytes may differ.
 */
export type Difference = 'none' | 'attributes' | 'look' | 'content' | 'kind';

/**
 * Change times that stand for "not trusted", stored instead of the source's: whoever changes a file again within the
 * same tick of the clock leaves no trace in its times.
 */
export interface Distrust {
  /** Content and attributes: the file was modified within 2 s of the scan. */
  readonly content: number;
  /** Attributes: the item was changed within 2 s of the scan. */
  readonly attributes: number;
}

/** `content` is the first time that the volume can keep, which `compareItems` knows. */
export function distrustOf(traits: VolumeTraits): Distrust {
  return { content: traits.timeRange.first, attributes: traits.timeRange.first + 1 };
}

/** A time as the volume keeps it: clamped to its range, cut to its unit. */
export function keptSeconds(seconds: number, traits: VolumeTraits): number {
  return Math.min(Math.max(seconds, traits.timeRange.first), traits.timeRange.last);
}

/** Nanoseconds as the volume keeps them. */
export function keptNanos(nanos: number, traits: VolumeTraits): number {
  return nanos - (nanos % Math.min(traits.timeUnit, 1e9));
}

/** True if two times are equal after each was cut to what both sides keep. */
function sameTime(a: number, aNanos: number, b: number, bNanos: number, traits: VolumeTraits): boolean {
  return keptSeconds(a, traits) === keptSeconds(b, traits) && keptNanos(aNanos, traits) === keptNanos(bNanos, traits);
}

export function compareItems(source: Item, target: Item, traits: VolumeTraits): Difference {
  if (source.kind !== target.kind) return 'kind';
  if (source.kind === 'file') {
    if (source.size !== target.size) return 'content';
    if (!sameTime(source.mtime, source.mtimeNanos, target.mtime, target.mtimeNanos, traits)) return 'content';
    if (traits.changeTimes && target.ctime === traits.timeRange.first) return 'look';
  } else if (source.kind === 'symlink') {
    if (source.size !== target.size) return 'content';
  } else if (source.rdevMajor !== target.rdevMajor || source.rdevMinor !== target.rdevMinor) return 'content';
  return attributesDiffer(source, target, traits) ? 'attributes' : 'none';
}

/** True if anything beside the content may differ: a changed ctime alone is a reason to look at the attributes. */
function attributesDiffer(source: Item, target: Item, traits: VolumeTraits): boolean {
  if (traits.changeTimes) {
    if (!sameTime(source.ctime, source.ctimeNanos, target.ctime, target.ctimeNanos, traits)) return true;
  } else if (source.hasXattrs || target.hasXattrs) return true;
  return plainAttributesDiffer(source, target, traits);
}

/** What both sides can have: flags that the source cannot know are not its to take away. */
export function sharedTraits(source: VolumeTraits, target: VolumeTraits): VolumeTraits {
  return { ...target, flags: target.flags & source.flags };
}

/** Mode, owner, flags and times, as far as the target keeps them. */
export function plainAttributesDiffer(source: Item, target: Item, traits: VolumeTraits): boolean {
  return (
    (source.kind !== 'symlink' && source.mode !== target.mode) ||
    (traits.owners && (source.uid !== target.uid || source.gid !== target.gid)) ||
    (source.flags & traits.flags) !== (target.flags & traits.flags) ||
    !sameTime(source.mtime, source.mtimeNanos, target.mtime, target.mtimeNanos, traits) ||
    (traits.birthTimes && !sameTime(source.btime, source.btimeNanos, target.btime, target.btimeNanos, traits))
  );
}
