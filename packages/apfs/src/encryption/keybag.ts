// Key bags: which keys a container holds for a volume. See docs/formats/apfs.md.

import { CorruptError, UnsupportedError, u16le, u32le, u64le } from '@tintype/core';
import { KEYBAG_BLOCKS_LIMIT } from '../limits.js';
import { isSealed, viewOf } from '../object.js';
import type { Blocks } from '../reading/blocks.js';
import {
  KEYBAG_ALIGNMENT,
  KEYBAG_TAG,
  KEYBAG_TYPE,
  KEYBAG_VERSION,
  Keybag,
  KeybagEntry,
  Prange,
} from '../structs/keybag.js';
import { Xts } from './xts.js';

export interface BagEntry {
  readonly uuid: Uint8Array;
  readonly tag: number;
  readonly data: Uint8Array;
}

/** Where a bag lies, and the UUID that its encryption uses for both keys. */
export interface BagPlace {
  readonly start: number;
  readonly count: number;
  readonly uuid: Uint8Array;
  readonly kind: keyof typeof KEYBAG_TYPE;
}

const MOST_ENTRY = 512;
const UNITS = 512;
const HEADER_AT = Keybag.at.kl_version;

/** A bag, clear, whose checksum holds. @throws CorruptError, UnsupportedError for bags that hardware protects */
export function openKeybag(blocks: Blocks, { start, count, uuid, kind }: BagPlace): DataView {
  if (count < 1 || count > KEYBAG_BLOCKS_LIMIT) throw new CorruptError('kb_locker', 'size', start, `${count} blocks`);
  const bytes = blocks.read(start, count * blocks.size);
  const view = viewOf(bytes);
  if (u32le(view, 0, Keybag.at.o_type) === KEYBAG_TYPE[kind])
    throw new UnsupportedError(
      'the keys of the container are kept by the hardware of a Mac, and cannot be used elsewhere',
    );
  new Xts(Buffer.concat([uuid, uuid])).decrypt(bytes, start * (blocks.size / UNITS));
  if (!isSealed(view)) throw badBag(start * blocks.size, 'o_cksum', 'the checksum does not hold');
  if (u32le(view, 0, Keybag.at.o_type) !== KEYBAG_TYPE[kind])
    throw badBag(start * blocks.size, 'o_type', 'is no key bag of this kind');
  return view;
}

function badBag(position: number, field: keyof typeof Keybag.at & string, problem: string): CorruptError {
  return new CorruptError('kb_locker', field, position + Keybag.at[field], problem);
}

/** @throws CorruptError, UnsupportedError for bags that hardware protects */
export function readKeybag(blocks: Blocks, place: BagPlace): BagEntry[] {
  return entriesOf(openKeybag(blocks, place), place.start * blocks.size);
}

/** Of a bag that was opened; `position`: its place on the device, for messages. @throws CorruptError */
export function entriesOf(view: DataView, position: number): BagEntry[] {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const bad = (field: keyof typeof Keybag.at & string, problem: string): CorruptError =>
    badBag(position, field, problem);
  if (u16le(view, 0, Keybag.at.kl_version) !== KEYBAG_VERSION) throw bad('kl_version', 'is not 2');
  const end = HEADER_AT + u32le(view, 0, Keybag.at.kl_nbytes);
  if (end > bytes.length) throw bad('kl_nbytes', 'reaches past the bag');
  const entries: BagEntry[] = [];
  let at = Keybag.size;
  for (let i = 0; i < u16le(view, 0, Keybag.at.kl_nkeys); i += 1) {
    if (at + KeybagEntry.size > end) throw bad('kl_nkeys', `entry ${i} reaches past the bag`);
    const length = u16le(view, at, KeybagEntry.at.ke_keylen);
    const data = at + KeybagEntry.size;
    if (length > MOST_ENTRY || data + length > end) throw bad('kl_nkeys', `entry ${i} has ${length} bytes`);
    entries.push({
      uuid: bytes.subarray(at, at + 16),
      tag: u16le(view, at, KeybagEntry.at.ke_tag),
      data: bytes.subarray(data, data + length),
    });
    at = KEYBAG_ALIGNMENT * Math.ceil((data + length) / KEYBAG_ALIGNMENT);
  }
  return entries;
}

/** Of a container's bag: the wrapped key of a volume. @throws CorruptError */
export function volumeKeyEntry(entries: readonly BagEntry[], volumeUuid: Uint8Array): Uint8Array {
  return required(entries, KEYBAG_TAG.volumeKey, volumeUuid).data;
}

/** Of a container's bag: where a volume's own bag lies. @throws CorruptError */
export function volumeBagPlace(entries: readonly BagEntry[], volumeUuid: Uint8Array): BagPlace {
  return bagPlace(required(entries, KEYBAG_TAG.unlockRecords, volumeUuid));
}
/** Of a container's bag: where the bags of all its volumes lie. @throws CorruptError */
export function volumeBagPlaces(entries: readonly BagEntry[]): BagPlace[] {
  return entries.filter(({ tag }) => tag === KEYBAG_TAG.unlockRecords).map(bagPlace);
}
function bagPlace({ uuid, data }: BagEntry): BagPlace {
  if (data.length < Prange.size)
    throw new CorruptError('keybag_entry', 'ke_keylen', data.length, 'is no range of blocks');
  const view = viewOf(data);
  const start = u64le(view, 0, Prange.at.pr_start_paddr);
  return { start, count: u64le(view, 0, Prange.at.pr_block_count), uuid, kind: 'volume' };
}

function required(entries: readonly BagEntry[], tag: number, uuid: Uint8Array): BagEntry {
  const found = entries.find((entry) => entry.tag === tag && Buffer.compare(entry.uuid, uuid) === 0);
  if (!found) throw new CorruptError('kb_locker', 'ke_tag', tag, 'the bag has no entry for the volume');
  return found;
}
