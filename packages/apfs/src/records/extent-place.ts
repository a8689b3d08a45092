// Where a record of the file-system tree says that a part of a stream lies.

import type { Node } from '../btree/node.js';
import { get64 } from '../object.js';
import { BLOCK_SIZE } from '../structs/container.js';
import { FileExtentValue, RECORD_TYPE } from '../structs/records.js';
import { typeAt } from './ids.js';

const at = FileExtentValue.at;
const KEY_LENGTH = 16;
/** High byte of a length: flags. */
const LENGTH_HIGH = 0x00ff_ffff;

/** Blocks of a file extent. */
export interface ExtentPlace {
  readonly start: number;
  readonly count: number;
  /** Offset of the record's value in its leaf. */
  readonly value: number;
  /** High byte of its length. */
  readonly flags: number;
}

/** Null for a hole, and for records of another kind. `blocks`: of the container. @throws CorruptError */
export function extentPlace(leaf: Node, index: number, blocks: number): ExtentPlace | null {
  const { view } = leaf;
  if (typeAt(view, leaf.keyAt(index)) !== RECORD_TYPE.fileExtent) return null;
  const value = leaf.valueAt(index);
  if (leaf.keyLength(index) < KEY_LENGTH || leaf.valueLength(index) < FileExtentValue.size)
    throw FileExtentValue.corrupt(view, value, 'len_and_flags', 'the record is too short');
  const start = get64(view, value + at.phys_block_num);
  const high = view.getUint32(value + at.len_and_flags + 4, true);
  const bytes = view.getUint32(value + at.len_and_flags, true) + (high & LENGTH_HIGH) * 0x1_0000_0000;
  if (start === 0 || bytes === 0) return null;
  const count = bytes / BLOCK_SIZE;
  if (!Number.isInteger(count) || start + count > blocks)
    throw FileExtentValue.corrupt(view, value, 'len_and_flags', `${bytes} bytes at block ${start}`);
  return { start, count, value, flags: high >>> 24 };
}
