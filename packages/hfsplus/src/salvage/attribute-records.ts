// Extended attributes of one item, put together from whatever records of theirs were found.

import { CorruptError, type XattrEntry } from '@tintype/core';
import { XATTR_VALUE_LIMIT } from '../limits.js';
import { readName } from '../records/catalog-records.js';
import {
  ATTRIBUTE_TYPE,
  AttributeExtents,
  AttributeFork,
  AttributeInline,
  AttributeKey,
} from '../structs/attributes.js';
import { type BlockShape, forkShape, lostOf, type OverflowRecord, readFork } from './forks.js';
import type { SalvageSource } from './source.js';

/** A record with its key, in memory. */
interface AttributeRecord {
  readonly name: string;
  readonly startBlock: number;
  readonly type: number;
  readonly view: DataView;
  /** Offset of the data. */
  readonly at: number;
}

export class FoundAttributes {
  readonly #records: readonly AttributeRecord[];
  readonly #source: SalvageSource;
  readonly #blocks: BlockShape;

  /** `records` whole, with their keys; of two for the same place the first counts. */
  constructor(records: readonly Uint8Array[], source: SalvageSource, blocks: BlockShape) {
    this.#records = records.flatMap((bytes) => parse(bytes) ?? []);
    this.#source = source;
    this.#blocks = blocks;
  }

  list(): XattrEntry[] {
    const entries = new Map<string, XattrEntry>();
    for (const record of this.#records)
      if (record.type !== ATTRIBUTE_TYPE.extents && !entries.has(record.name))
        entries.set(record.name, { name: record.name, size: sizeOf(record) });
    return [...entries.values()];
  }

  /** @throws CorruptError if some of it is gone */
  value(name: string): Uint8Array | null {
    const record = this.#records.find((each) => each.name === name && each.type !== ATTRIBUTE_TYPE.extents);
    if (!record) return null;
    const size = sizeOf(record);
    const bad = (problem: string) => new CorruptError('HFSPlusAttrKey', 'attrName', 0, `attribute ${name} ${problem}`);
    if (size > XATTR_VALUE_LIMIT) throw bad(`has ${size} bytes, which are too many`);
    const { view, at } = record;
    if (record.type === ATTRIBUTE_TYPE.inline) {
      if (at + AttributeInline.size + size > view.byteLength) throw bad('reaches past its record');
      return new Uint8Array(view.buffer, view.byteOffset + at + AttributeInline.size, size).slice();
    }
    const shape = forkShape(view, at + AttributeFork.at.theFork, this.#overflow(name), this.#blocks);
    if (lostOf(shape, this.#source).length > 0) throw bad('is not all there');
    const value = new Uint8Array(size);
    readFork(shape, this.#source, 0, value);
    return value;
  }

  #overflow(name: string): OverflowRecord[] {
    return this.#records
      .filter((each) => each.name === name && each.type === ATTRIBUTE_TYPE.extents)
      .map(({ startBlock, view, at }) => ({
        startBlock,
        extents: new DataView(view.buffer, view.byteOffset + at + AttributeExtents.at.extents),
      }));
  }
}

function parse(bytes: Uint8Array): AttributeRecord | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = 2 + view.getUint16(0);
  if (at + AttributeInline.size > bytes.length) return null;
  const type = view.getUint32(at);
  if (type === ATTRIBUTE_TYPE.fork && at + AttributeFork.size > bytes.length) return null;
  if (type === ATTRIBUTE_TYPE.extents && at + AttributeExtents.size > bytes.length) return null;
  const startBlock = view.getUint32(AttributeKey.at.startBlock);
  return { name: readName(view, AttributeKey.at.attrNameLen), startBlock, type, view, at };
}

function sizeOf({ type, view, at }: AttributeRecord): number {
  if (type === ATTRIBUTE_TYPE.inline) return view.getUint32(at + AttributeInline.at.attrSize);
  const fork = at + AttributeFork.at.theFork;
  return Math.min(view.getUint32(fork) * 0x1_0000_0000 + view.getUint32(fork + 4), Number.MAX_SAFE_INTEGER);
}
