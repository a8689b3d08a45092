// The records of a volume for another place: of another block size, of a System volume in a group, of a sealed volume. Sections
// 5.3, 6 and 9 of docs/formats/apfs.md. Only tests import this.

import { createHash } from 'node:crypto';
import { bytesOf, put64 } from './objects.testing.js';
import { type FileRecord, made, RECORD, record, type SourceVolume, type Stretch, viewOf } from './source.testing.js';

/** Where ids of a System volume begin. */
const SYSTEM = 0x0800_0000_0000_0000n;
const FIRST_OF_USERS = 16n;
const DSTREAM = 8;
const SPARSE_BYTES = 0xd;
const HASHED_AT_ONCE = 4;

/** Bytes at blocks, or a hole (block 0). */
export interface Extent {
  readonly position: number;
  readonly length: number;
  readonly block: number;
  /** 0: it is not encrypted. */
  readonly cryptoId: number;
}

/** Where a stream's bytes went. */
export interface PlacedStream {
  readonly extents: readonly Extent[];
  /** All that the extents cover. */
  readonly content: Uint8Array;
}

/** Ids of items and streams begin at 2^59, but for those that are reserved. */
export function asSystem(source: SourceVolume): SourceVolume {
  const shifted = (id: bigint): bigint => (id < FIRST_OF_USERS ? id : id | SYSTEM);
  const moved = (bytes: Uint8Array, at: number): void => {
    const view = viewOf(bytes);
    const word = view.getBigUint64(at, true);
    const type = word & (0xfn << 60n);
    put64(view, at, type | shifted(word & ~(0xfn << 60n)));
  };
  const records = source.records.map(({ key: oldKey, value: oldValue, type }) => {
    const key = oldKey.slice();
    const value = oldValue.slice();
    moved(key, 0);
    for (const at of ID_PLACES[type] ?? []) if (value.length >= at + 8) moved(value, at);
    if (type === RECORD.siblingLink) moved(key, 8);
    if (type === RECORD.xattr && (viewOf(value).getUint16(0, true) & 1) !== 0) moved(value, 4);
    return record(key, value);
  });
  const streams = new Map([...source.streams].map(([id, stretches]) => [shifted(id), stretches]));
  const superblock = source.superblock.slice();
  moved(superblock, NEXT_ID);
  viewOf(superblock).setUint8(FEATURES, viewOf(superblock).getUint8(FEATURES) | SYSTEM_IDS);
  return { ...source, superblock, records, streams };
}
/** Ids in values: of folders, inodes, streams; in entries behind the one extended field, too. */
const ID_PLACES: Readonly<Record<number, readonly number[]>> = {
  [RECORD.inode]: [0, 8],
  [RECORD.directory]: [0, 26],
  [RECORD.siblingLink]: [0],
  [RECORD.siblingMap]: [0],
};
const NEXT_ID = 0xb0;
const FEATURES = 0x28;
const SYSTEM_IDS = 0x10;

/** The stretches of a stream in blocks of this size: data where any of it is. */
export function inBlocks(stretches: readonly Stretch[], size: number): Stretch[] {
  const last = stretches.at(-1);
  const count = Math.ceil((last ? last.position + last.length : 0) / size);
  const isData = new Array<boolean>(count).fill(false);
  const content = new Uint8Array(count * size);
  for (const { position, length, bytes } of stretches) {
    if (!bytes) continue;
    content.set(bytes, position);
    isData.fill(true, Math.floor(position / size), Math.ceil((position + length) / size));
  }
  const blocks: Stretch[] = [];
  for (let i = 0; i < count; i += 1) {
    const before = blocks.at(-1);
    if (before && (before.bytes !== null) === isData[i]) blocks.pop();
    const isSame = before !== undefined && (before.bytes !== null) === isData[i];
    const position = isSame ? before.position : i * size;
    const end = (i + 1) * size;
    blocks.push({ position, length: end - position, bytes: isData[i] ? content.subarray(position, end) : null });
  }
  return blocks;
}

/** The records with the new extents: in the tree, or, of a sealed volume, hashes of the content in their place. */
export function withExtents(
  { records }: SourceVolume,
  placed: ReadonlyMap<bigint, PlacedStream>,
  { size, isSealed }: { readonly size: number; readonly isSealed: boolean },
): FileRecord[] {
  const result = records.filter(({ type }) => type !== RECORD.fileExtent).map((each) => resized(each, placed));
  for (const [id, { extents, content }] of placed) {
    if (!isSealed)
      for (const { position, length, block, cryptoId } of extents) {
        const flags = cryptoId > 0 ? 1n << 56n : 0n;
        result.push(made(id, RECORD.fileExtent, [position], bytes64([BigInt(length) | flags, block, cryptoId])));
      }
    for (let at = 0; isSealed && at < content.length; at += HASHED_AT_ONCE * size)
      result.push(hashOf(id, at, content.subarray(at, at + HASHED_AT_ONCE * size), size));
  }
  return result.sort((a, b) => (a.id !== b.id ? (a.id < b.id ? -1 : 1) : a.type - b.type));
}

/** The tree of extents of a sealed volume. */
export function sealedExtents(placed: ReadonlyMap<bigint, PlacedStream>) {
  return [...placed]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([id, { extents }]) =>
      extents.map(({ position, length, block }) => ({ key: bytes64([id, position]), value: bytes64([length, block]) })),
    );
}

/** FILE_INFO of kind 1: blocks, length of the hash, hash. */
function hashOf(id: bigint, position: number, content: Uint8Array, size: number): FileRecord {
  const hash = createHash('sha256').update(content).digest();
  const value = new Uint8Array(3 + hash.length);
  viewOf(value).setUint16(0, content.length / size, true);
  value[2] = hash.length;
  value.set(hash, 3);
  return made(id, RECORD.fileInfo, [(1n << 56n) | BigInt(position)], value);
}

/** What an inode or an attribute says of the blocks of its stream. */
function resized(each: FileRecord, placed: ReadonlyMap<bigint, PlacedStream>): FileRecord {
  const value = each.value.slice();
  const view = viewOf(value);
  if (each.type === RECORD.xattr && (view.getUint16(0, true) & 1) !== 0) {
    const stream = placed.get(view.getBigUint64(4, true));
    put64(view, 20, stream?.content.length ?? 0);
  }
  const stream = each.type === RECORD.inode ? placed.get(view.getBigUint64(8, true)) : undefined;
  if (stream) {
    const holes = stream.extents.filter(({ block }) => block === 0).reduce((sum, { length }) => sum + length, 0);
    const dstream = fieldAt(value, DSTREAM);
    if (dstream > 0) put64(view, dstream + 8, stream.content.length);
    const sparse = fieldAt(value, SPARSE_BYTES);
    if (sparse > 0) put64(view, sparse, holes);
  }
  return record(each.key, value);
}

/** Where an extended field of an inode lies, or -1 (section 6.4). */
function fieldAt(value: Uint8Array, type: number): number {
  const view = viewOf(value);
  const blob = 0x5c;
  if (value.length < blob + 4) return -1;
  const count = view.getUint16(blob, true);
  let at = blob + 4 + 4 * count;
  for (let i = 0; i < count; i += 1) {
    const field = blob + 4 + 4 * i;
    if (view.getUint8(field) === type) return at;
    at += 8 * Math.ceil(view.getUint16(field + 2, true) / 8);
  }
  return -1;
}

export function bytes64(words: readonly (number | bigint)[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * words.length));
  for (const [i, word] of words.entries()) put64(view, 8 * i, word);
  return bytesOf(view);
}
