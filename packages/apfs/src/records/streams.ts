// Data streams: contents of files and of long extended attributes. See docs/formats/apfs.md.

import { CorruptError, type FileExtent, u64le } from '@tintype/core';
import { Cursor, type NodeSource } from '../btree/cursor.js';
import type { Xts } from '../encryption/xts.js';
import { EXTENTS_LIMIT, OPEN_STREAMS } from '../limits.js';
import type { Blocks } from '../reading/blocks.js';
import { FileExtentValue, RECORD_TYPE } from '../structs/records.js';
import { idAt } from './ids.js';
import { isRecord, type SearchKeys } from './search-keys.js';

/** Bytes of a stream at a place of the container. */
export interface StreamExtent {
  readonly position: number;
  readonly length: number;
  /** 0: a hole. */
  readonly block: number;
  /** What the tweak of encrypted data counts from; 0 of clear data. */
  readonly cryptoId: number;
}

export interface StreamSource {
  readonly blocks: Blocks;
  /** The file-system tree; of a sealed volume the tree of extents. */
  readonly tree: NodeSource;
  readonly form: 'records' | 'sealed';
  /** Of an encrypted volume. */
  readonly cipher: Xts | null;
  /** Nothing of it changes while it is open. */
  readonly isFrozen: boolean;
}

const UNIT = 512;
/** High byte of a length: flags. */
const LENGTH_HIGH = 0x00ff_ffff;
/** Value of a sealed volume's tree of extents: length and flags, block. */
const SEALED_VALUE = 16;

export class Streams {
  readonly #source: StreamSource;
  readonly #keys: SearchKeys;
  readonly #cursor: Cursor;
  readonly #open = new Map<number, readonly StreamExtent[]>();

  constructor(source: StreamSource, keys: SearchKeys) {
    this.#source = source;
    this.#cursor = new Cursor(source.tree);
    this.#keys = keys;
  }

  /** Reads clear bytes of a stream of `size` bytes; answers how many there were. @throws CorruptError */
  read(stream: number, size: number, position: number, target: Uint8Array): number {
    const length = Math.max(0, Math.min(target.length, size - position));
    if (length === 0) return 0;
    const extents = this.extents(stream);
    let index = indexAt(extents, position);
    for (let done = 0; done < length; index += 1) {
      const extent = extents[index];
      const from = position + done - (extent?.position ?? 0);
      if (!extent || from < 0 || from >= extent.length)
        throw new CorruptError(
          'j_file_extent_key',
          'logical_addr',
          position + done,
          `stream ${stream} has a gap there`,
        );
      const part = Math.min(length - done, extent.length - from);
      this.#readExtent(extent, from, part === target.length ? target : target.subarray(done, done + part));
      done += part;
    }
    return length;
  }

  /** Data and holes of the first `size` bytes. @throws CorruptError if some are nowhere */
  shape(stream: number, size: number): FileExtent[] {
    const shape: { position: number; length: number; kind: FileExtent['kind'] }[] = [];
    let end = 0;
    for (const { position, length, block } of this.extents(stream)) {
      if (end >= size) break;
      if (position !== end) break;
      const part = Math.min(length, size - end);
      const kind = block === 0 ? 'hole' : 'data';
      const last = shape[shape.length - 1];
      if (last?.kind === kind) last.length += part;
      else shape.push({ position: end, length: part, kind });
      end += part;
    }
    if (end < size)
      throw new CorruptError(
        'j_file_extent_key',
        'logical_addr',
        end,
        `stream ${stream} of ${size} bytes has a gap there`,
      );
    return shape;
  }

  /** Ascending, without overlap. */
  extents(stream: number): readonly StreamExtent[] {
    const known = this.#open.get(stream);
    if (known) return known;
    const extents = this.#source.form === 'sealed' ? this.#loadSealed(stream) : this.#load(stream);
    if (this.#open.size >= OPEN_STREAMS) this.#open.clear();
    this.#open.set(stream, extents);
    return extents;
  }

  /** Of a stream that changes: its extents are read anew. */
  forget(stream: number): void {
    this.#open.delete(stream);
  }

  #load(stream: number): StreamExtent[] {
    const extents: StreamExtent[] = [];
    const cursor = this.#cursor;
    let isThere = this.#seek(this.#keys.extent(stream, 0));
    for (; isThere && isRecord(cursor, stream, RECORD_TYPE.fileExtent); isThere = cursor.next()) {
      const { view, keyAt, valueAt, valueLength } = cursor;
      if (valueLength < FileExtentValue.size)
        throw new CorruptError('j_file_extent_val', 'size', stream, `an extent of stream ${stream} is too short`);
      const { at } = FileExtentValue;
      const cryptoId = this.#source.cipher ? number64(view, valueAt + at.crypto_id, stream) : 0;
      this.#add(extents, stream, {
        position: number64(view, keyAt + 8, stream),
        length: lengthAt(view, valueAt + at.len_and_flags),
        block: u64le(view, valueAt, at.phys_block_num),
        cryptoId,
      });
    }
    return extents;
  }

  #seek(key: SearchKeys): boolean {
    if (!this.#source.isFrozen) this.#cursor.leave();
    return this.#cursor.seekNear(key);
  }

  #loadSealed(stream: number): StreamExtent[] {
    const extents: StreamExtent[] = [];
    const cursor = this.#cursor;
    let isThere = this.#seek(this.#keys.extent(stream, 0).untyped());
    for (; isThere && idAt(cursor.view, cursor.keyAt) === stream; isThere = cursor.next()) {
      const { view, keyAt, valueAt, valueLength } = cursor;
      if (valueLength < SEALED_VALUE)
        throw new CorruptError('fext_tree_val', 'size', stream, `an extent of stream ${stream} is too short`);
      const block = number64(view, valueAt + 8, stream);
      const position = number64(view, keyAt + 8, stream);
      this.#add(extents, stream, { position, length: lengthAt(view, valueAt), block, cryptoId: block });
    }
    return extents;
  }

  #add(extents: StreamExtent[], stream: number, extent: StreamExtent): void {
    const { position, length } = extent;
    const { size } = this.#source.blocks;
    const last = extents[extents.length - 1];
    const isAfter = position >= (last ? last.position + last.length : 0);
    if (
      length === 0 ||
      length % size !== 0 ||
      position % size !== 0 ||
      !isAfter ||
      !Number.isSafeInteger(position + length)
    )
      throw new CorruptError(
        'j_file_extent_key',
        'logical_addr',
        position,
        `stream ${stream} has ${length} bytes there`,
      );
    if (extents.length >= EXTENTS_LIMIT)
      throw new CorruptError('j_file_extent_key', 'logical_addr', position, `stream ${stream} has too many extents`);
    extents.push(extent);
  }

  #readExtent({ block, cryptoId, length }: StreamExtent, from: number, target: Uint8Array): void {
    if (block === 0) {
      target.fill(0);
      return;
    }
    const { blocks, cipher } = this.#source;
    const position = blocks.position(block, length) + from;
    if (!cipher) {
      blocks.device.read(position, target);
      return;
    }
    const first = Math.floor(from / UNIT);
    const last = Math.ceil((from + target.length) / UNIT);
    const isWhole = first * UNIT === from && last * UNIT === from + target.length;
    const units = isWhole ? target : new Uint8Array((last - first) * UNIT);
    blocks.device.read(position - from + first * UNIT, units);
    cipher.decrypt(units, cryptoId * (blocks.size / UNIT) + first);
    if (!isWhole) target.set(units.subarray(from - first * UNIT, from - first * UNIT + target.length));
  }
}

/** Index of the last extent that does not begin behind `position`, or 0. */
function indexAt(extents: readonly StreamExtent[], position: number): number {
  let low = 0;
  let high = extents.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((extents[middle] as StreamExtent).position <= position) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

function lengthAt(view: DataView, at: number): number {
  return (view.getUint32(at + 4, true) & LENGTH_HIGH) * 0x1_0000_0000 + view.getUint32(at, true);
}

function number64(view: DataView, at: number, stream: number): number {
  const high = view.getUint32(at + 4, true);
  if (high > 0x1f_ffff)
    throw new CorruptError(
      'j_file_extent_val',
      'number',
      stream,
      `stream ${stream} has an extent with one of 2^53 or more`,
    );
  return high * 0x1_0000_0000 + view.getUint32(at, true);
}
