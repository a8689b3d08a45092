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

type Limits = readonly [number, number];
const MODE: Limits = [0, 0o7777];
const ID: Limits = [0, 2 ** 32 - 1];
/** Beyond the year 30,000, either way. */
const SECONDS: Limits = [-(2 ** 40), 2 ** 40];
const NANOSECONDS: Limits = [0, 999_999_999];

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
  // Whoever wrote the image wrote the record.
  const within = (name: keyof Attributes, [least, most]: Limits): number => {
    const value = fields[name];
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most
      ? value
      : Number.NaN;
  };
  const attributes: Attributes = {
    mode: within('mode', MODE),
    uid: within('uid', ID),
    gid: within('gid', ID),
    flags: within('flags', ID),
    mtime: within('mtime', SECONDS),
    mtimeNanos: within('mtimeNanos', NANOSECONDS),
    ctime: within('ctime', SECONDS),
    ctimeNanos: within('ctimeNanos', NANOSECONDS),
    btime: within('btime', SECONDS),
    btimeNanos: within('btimeNanos', NANOSECONDS),
  };
  if (Object.values(attributes).some(Number.isNaN)) return null;
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
    // A driver gives a place to what it says it keeps, and whoever wrote the image wrote the record.
    if (value && !volume.xattrAsStored(item.kind, name, value)) continue;
    changed.was(name, now);
    volume.setXattr(item.id, name, value);
  }
  volume.setAttributes(item.id, attributes);
  return changed;
}
