// On-disk structures, declared once as data: reading, writing, the size check and the dump all come from that one table.

import { CorruptError } from '../errors.js';
import { join64 } from './access.js';
import type { ByteOrder, Offset, Width } from './offset.js';

/** One declared field: how wide it is, what it yields, and one line on what it means. */
export interface Field<Value = unknown, W extends Width = Width> {
  readonly width: W;
  readonly size: number;
  readonly meaning: string;
  readonly of: Struct<Fields, ByteOrder> | undefined;
  /** Carries the type, never set. */
  readonly value?: Value;
}
/** The fields of a structure, in the order in which they lie. */
export type Fields = Record<string, Field>;
/** The record that a structure with these fields reads and writes. */
export type RecordOf<F extends Fields> = { -readonly [N in keyof F]: F[N] extends Field<infer V> ? V : never };

type Offsets<F extends Fields, O extends ByteOrder> = {
  readonly [N in keyof F]: F[N] extends Field<unknown, infer W> ? Offset<W, O> : never;
};

interface Row {
  readonly name: string;
  readonly type: Field;
  readonly offset: number;
}

/** What is fixed of a structure beside its fields. */
export interface Layout<O extends ByteOrder> {
  readonly order: O;
  /** Bytes; declaring fields of another total fails at load. */
  readonly size: number;
  /** Where the layout is described. */
  readonly source: string;
}

/** A declared structure: `read`, `write`, `dump` for whole records, `at` for single fields. Made by `struct`. */
export class Struct<F extends Fields, O extends ByteOrder> {
  /** Offsets of the fields, for the hot path: `u32be(node, record, CatalogFile.at.fileID)`. */
  readonly at: Offsets<F, O>;
  readonly #rows: readonly Row[];

  constructor(
    readonly name: string,
    readonly layout: Layout<O>,
    readonly fields: F,
  ) {
    let size = 0;
    const rows: Row[] = [];
    for (const [fieldName, type] of Object.entries(fields)) {
      rows.push({ name: fieldName, type, offset: size });
      size += type.size;
    }
    if (size !== layout.size)
      throw new RangeError(`${name}: the declared fields take ${size} bytes, the format says ${layout.size}`);
    this.#rows = rows;
    this.at = Object.freeze(Object.fromEntries(rows.map((row) => [row.name, row.offset]))) as Offsets<F, O>;
  }

  get size(): number {
    return this.layout.size;
  }

  /** Call once before reading fields of a record: after it, every fixed field is inside the block. */
  require(block: DataView, at: number): void {
    if (at < 0 || at + this.layout.size > block.byteLength)
      throw new CorruptError(this.name, 'size', at, `reaches past its block of ${block.byteLength} bytes`);
  }

  /** The whole record as a plain object: for checks, repairs and tests, not for loops. `bytes` fields are views. */
  read(block: DataView, at: number): RecordOf<F> {
    this.require(block, at);
    const record: Record<string, unknown> = {};
    for (const row of this.#rows) record[row.name] = this.#value(row, block, at + row.offset);
    return record as RecordOf<F>;
  }

  write(block: DataView, at: number, record: Readonly<RecordOf<F>>): void {
    this.require(block, at);
    const values: Readonly<Record<string, unknown>> = record;
    for (const row of this.#rows) this.#put(row.type, block, at + row.offset, values[row.name]);
  }

  /** Every field with its offset, value and meaning; never throws, whatever the bytes. */
  dump(block: DataView, at: number): string {
    const lines = [`${this.name} at byte ${at}, ${this.size} bytes (${this.layout.source})`];
    for (const { name, type, offset } of this.#rows)
      lines.push(
        `  +${offset} ${name}: ${this.#text(type, block, at + offset)}${type.meaning && `  (${type.meaning})`}`,
      );
    return lines.join('\n');
  }

  corrupt(block: DataView, at: number, name: keyof F & string, problem: string): CorruptError {
    return new CorruptError(this.name, name, at + this.at[name], problem, this.dump(block, at));
  }

  #value({ name, type }: Row, block: DataView, at: number): unknown {
    const little = this.layout.order === 'little';
    switch (type.width) {
      case 'u8':
        return block.getUint8(at);
      case 'u16':
        return block.getUint16(at, little);
      case 'u32':
        return block.getUint32(at, little);
      case 'u64': {
        const high = block.getUint32(little ? at + 4 : at, little);
        if (high > 0x1f_ffff) throw new CorruptError(this.name, name, at, 'a count or address of 2^53 or more');
        return join64(high, block.getUint32(little ? at : at + 4, little), at);
      }
      case 'bytes':
        return new Uint8Array(block.buffer, block.byteOffset + at, type.size);
      case 'nested':
        return type.of?.read(block, at);
      case 'array': {
        const list: unknown[] = [];
        if (type.of) for (let end = at + type.size; at < end; at += type.of.size) list.push(type.of.read(block, at));
        return list;
      }
    }
  }

  #put(type: Field, block: DataView, at: number, value: unknown): void {
    const little = this.layout.order === 'little';
    switch (type.width) {
      case 'u8':
        block.setUint8(at, value as number);
        break;
      case 'u16':
        block.setUint16(at, value as number, little);
        break;
      case 'u32':
        block.setUint32(at, value as number, little);
        break;
      case 'u64':
        block.setBigUint64(at, BigInt(value as number), little);
        break;
      case 'bytes':
        new Uint8Array(block.buffer, block.byteOffset + at, type.size).set(value as Uint8Array);
        break;
      case 'nested':
        type.of?.write(block, at, value as RecordOf<Fields>);
        break;
      case 'array': {
        const of = type.of;
        if (of)
          for (const [i, item] of (value as RecordOf<Fields>[]).entries()) of.write(block, at + i * of.size, item);
      }
    }
  }

  #text(type: Field, block: DataView, at: number): string {
    if (at < 0 || at + type.size > block.byteLength) return 'outside the block';
    const of = type.of;
    if (of) {
      const parts = Array.from({ length: type.size / of.size }, (_, i) => of.dump(block, at + i * of.size));
      return parts.map((part) => `\n${part.replace(/^/gm, '    ')}`).join('');
    }
    if (type.width === 'u64') return `0x${block.getBigUint64(at, this.layout.order === 'little').toString(16)}`;
    const value = this.#value({ name: '', type, offset: 0 }, block, at);
    if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
    return `${value} (0x${(value as number).toString(16)})`;
  }
}

/** Declares a structure. @throws RangeError if the fields do not fill the layout's size */
export const struct = <const F extends Fields, const O extends ByteOrder>(name: string, layout: Layout<O>, fields: F) =>
  new Struct<F, O>(name, layout, fields);
