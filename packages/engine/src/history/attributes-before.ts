// What an item's attributes were before a run changed them, as its line of the run record says it: of extended attributes
// those that the run changed, null where there was none.

import type { Attributes, Item, WritableVolume } from '@tintype/core';
import { OWN_ATTRIBUTE_PREFIX } from '../tree/names.js';

export interface AttributesBefore {
  readonly attributes: Attributes;
  /** By name; null: they were too long for a line. */
  readonly xattrs: ReadonlyMap<string, Uint8Array | null> | null;
}

/** Bytes of extended attributes that a line holds: a line has 1 MiB at the most. */
const LONGEST_VALUES = 256 << 10;

const ID = [0, 2 ** 32 - 1] as const;
/** Beyond the year 30,000, either way. */
const SECONDS = [-(2 ** 40), 2 ** 40] as const;
const NANOSECONDS = [0, 999_999_999] as const;
/** What each may be: whoever wrote the image wrote the record. */
const FIELDS: Readonly<Record<keyof Attributes, readonly [number, number]>> = {
  mode: [0, 0o7777],
  uid: ID,
  gid: ID,
  flags: ID,
  mtime: SECONDS,
  mtimeNanos: NANOSECONDS,
  ctime: SECONDS,
  ctimeNanos: NANOSECONDS,
  btime: SECONDS,
  btimeNanos: NANOSECONDS,
};

/** Collects what is changed; `attributes` are those of before. */
export class ChangedAttributes implements AttributesBefore {
  readonly attributes: Attributes;
  #xattrs: Map<string, Uint8Array | null> | null = new Map();
  #length = 0;

  constructor(item: Item) {
    const { mode, uid, gid, flags, mtime, mtimeNanos, ctime, ctimeNanos, btime, btimeNanos } = item;
    this.attributes = { mode, uid, gid, flags, mtime, mtimeNanos, ctime, ctimeNanos, btime, btimeNanos };
  }
  get xattrs(): ReadonlyMap<string, Uint8Array | null> | null {
    return this.#xattrs;
  }

  /** Called before each change of an extended attribute. */
  readonly was = (name: string, value: Uint8Array | null): void => {
    this.#length += name.length + (value?.length ?? 0);
    if (this.#length > LONGEST_VALUES) this.#xattrs = null;
    this.#xattrs?.set(name, value);
  };
}

/** For JSON. */
export function attributesAsJson({ attributes, xattrs }: AttributesBefore): object {
  const values = xattrs && [...xattrs].map(([name, value]) => [name, value && Buffer.from(value).toString('base64')]);
  if (values?.length === 0) return { was: attributes };
  return { was: attributes, xattrs: values && Object.fromEntries(values) };
}

/** Null if the line was not made by `attributesAsJson`. */
export function attributesFromJson({ was, xattrs }: Readonly<Record<string, unknown>>): AttributesBefore | null {
  if (typeof was !== 'object' || was === null) return null;
  const fields = was as Readonly<Record<string, unknown>>;
  const entries = Object.entries(FIELDS).map(([name, [least, most]]) => {
    const value = Number.isSafeInteger(fields[name]) ? (fields[name] as number) : Number.NaN;
    return [name, value >= least && value <= most ? value : Number.NaN] as const;
  });
  if (entries.some(([, value]) => Number.isNaN(value))) return null;
  const attributes = Object.fromEntries(entries) as unknown as Attributes;
  if (xattrs === null) return { attributes, xattrs: null };
  if (xattrs !== undefined && typeof xattrs !== 'object') return null;
  const values = new Map<string, Uint8Array | null>();
  for (const [name, value] of Object.entries(xattrs ?? {})) {
    if (name === '' || name.startsWith(OWN_ATTRIBUTE_PREFIX)) return null;
    if (value !== null && typeof value !== 'string') return null;
    values.set(name, value === null ? null : Buffer.from(value, 'base64'));
  }
  return { attributes, xattrs: values };
}

/** Puts them back. Answers what was there. */
export function restoreAttributes(
  volume: WritableVolume,
  item: Item,
  { attributes, xattrs }: AttributesBefore,
): AttributesBefore {
  const changed = new ChangedAttributes(item);
  const there = new Set(volume.xattrs(item.id).map(({ name }) => name));
  for (const [name, value] of xattrs ?? []) {
    const now = there.has(name) ? volume.xattr(item.id, name) : null;
    if (now === null ? value === null : value !== null && Buffer.compare(now, value) === 0) continue;
    changed.was(name, now);
    volume.setXattr(item.id, name, value);
  }
  volume.setAttributes(item.id, attributes);
  return changed;
}
