// Finding an extended field behind the fixed part of a record. See docs/formats/apfs.md.

import { CorruptError } from '@tintype/core';
import { ExtendedFieldBlob, ExtendedFieldEntry } from '../structs/extended-fields.js';

/** Offset of a field's value in its node, with its length in bytes. */
export interface FieldPlace {
  readonly at: number;
  readonly size: number;
}

/** All fields of the blob between `start` and `end`, by type; an absent blob has none. @throws CorruptError */
export function readFields(view: DataView, start: number, end: number): ReadonlyMap<number, FieldPlace> {
  if (start === end) return NONE;
  const bad = (field: 'xf_num_exts' | 'xf_used_data', problem: string): CorruptError =>
    new CorruptError('xf_blob', field, start, problem);
  if (start + ExtendedFieldBlob.size > end) throw bad('xf_num_exts', 'reaches past the record');
  const count = view.getUint16(start + ExtendedFieldBlob.at.xf_num_exts, true);
  const first = start + ExtendedFieldBlob.size;
  let value = first + count * ExtendedFieldEntry.size;
  if (value > end) throw bad('xf_num_exts', `${count} fields in ${end - start} bytes`);
  const fields = new Map<number, FieldPlace>();
  for (let i = 0; i < count; i += 1) {
    const entry = first + i * ExtendedFieldEntry.size;
    const size = view.getUint16(entry + ExtendedFieldEntry.at.x_size, true);
    if (value + size > end) throw bad('xf_used_data', `field ${i} of ${size} bytes reaches past the record`);
    const type = view.getUint8(entry + ExtendedFieldEntry.at.x_type);
    if (!fields.has(type)) fields.set(type, { at: value, size });
    value += 8 * Math.ceil(size / 8);
  }
  return fields;
}

const NONE: ReadonlyMap<number, FieldPlace> = new Map();
