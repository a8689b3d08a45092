// Finding an extended field behind the fixed part of a record. See docs/formats/apfs.md.

import { CorruptError } from '@tintype/core';
import { ExtendedFieldBlob, ExtendedFieldEntry } from '../structs/extended-fields.js';

/** Types of fields that are told; those of more are passed over. */
const TYPES = 32;

/** Where the extended fields of one record lie; used again for the next one, since records come by the hundred thousand. */
export class FieldPlaces {
  readonly #places = new Int32Array(TYPES);
  readonly #sizes = new Int32Array(TYPES);
  /** A bit for each type that is there. */
  #there = 0;

  /** All fields of the blob between `start` and `end`; an absent blob has none. @throws CorruptError */
  read(view: DataView, start: number, end: number): this {
    this.#there = 0;
    if (start === end) return this;
    const bad = (field: 'xf_num_exts' | 'xf_used_data', problem: string): CorruptError =>
      new CorruptError('xf_blob', field, start, problem);
    if (start + ExtendedFieldBlob.size > end) throw bad('xf_num_exts', 'reaches past the record');
    const count = view.getUint16(start + ExtendedFieldBlob.at.xf_num_exts, true);
    const first = start + ExtendedFieldBlob.size;
    let value = first + count * ExtendedFieldEntry.size;
    if (value > end) throw bad('xf_num_exts', `${count} fields in ${end - start} bytes`);
    for (let i = 0; i < count; i += 1) {
      const entry = first + i * ExtendedFieldEntry.size;
      const size = view.getUint16(entry + ExtendedFieldEntry.at.x_size, true);
      if (value + size > end) throw bad('xf_used_data', `field ${i} of ${size} bytes reaches past the record`);
      const type = view.getUint8(entry + ExtendedFieldEntry.at.x_type);
      if (type < TYPES && (this.#there & (1 << type)) === 0) {
        this.#there |= 1 << type;
        this.#places[type] = value;
        this.#sizes[type] = size;
      }
      value += (size + 7) & ~7;
    }
    return this;
  }

  /** Offset of the first field of a type in its node; -1: there is none. `type` below 32. */
  at(type: number): number {
    return (this.#there & (1 << type)) !== 0 ? (this.#places[type] as number) : -1;
  }
  /** Bytes of that field, if there is one. */
  size(type: number): number {
    return this.#sizes[type] as number;
  }
}
