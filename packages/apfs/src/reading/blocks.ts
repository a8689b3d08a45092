// Blocks of a container, whatever their size, and the objects that lie in them. Addresses count from the container's start.

import { type BlockDevice, CorruptError, u32le, u64le } from '@tintype/core';
import { OBJECT_LIMIT } from '../limits.js';
import { isSealed, viewOf } from '../object.js';
import { ObjectHeader, STORAGE_MASK, TYPE_MASK } from '../structs/object.js';

export interface ObjectDemand {
  /** Name for messages. */
  readonly structure: string;
  /** Of `OBJECT_TYPE`. */
  readonly type: number;
  readonly subtype?: number;
  /** Of `STORAGE`. */
  readonly storage: number;
  readonly oid: number;
  /** The newest transaction that may have written it, or exactly the one. */
  readonly xid: { readonly most: number } | { readonly exactly: number };
}

export class Blocks {
  readonly device: BlockDevice;
  /** Bytes of a block. */
  readonly size: number;
  /** Blocks of the container. The device may end before. */
  readonly count: number;

  constructor(device: BlockDevice, size: number, count: number) {
    this.device = device;
    this.size = size;
    this.count = count;
  }

  /** Byte of the device where a block begins, if `bytes` from there lie inside. @throws CorruptError */
  position(block: number, bytes: number): number {
    const isInside = block > 0 && block < this.count && bytes <= (this.count - block) * this.size;
    if (!isInside) throw new CorruptError('paddr', 'block', block, `${bytes} bytes there lie outside the container`);
    const position = block * this.size;
    if (position + bytes > this.device.size)
      throw new CorruptError('paddr', 'block', block, `the device ends at byte ${this.device.size}`);
    return position;
  }

  /** @throws CorruptError */
  read(block: number, bytes = this.size): Uint8Array {
    if (bytes <= 0 || bytes % this.size !== 0 || bytes > OBJECT_LIMIT)
      throw new CorruptError('paddr', 'size', block, `no object has ${bytes} bytes`);
    const position = this.position(block, bytes);
    const target = new Uint8Array(bytes);
    this.device.read(position, target);
    return target;
  }

  /** An object with its header and checksum as the caller expects them. @throws CorruptError */
  readObject(block: number, demand: ObjectDemand, bytes = this.size): DataView {
    const view = viewOf(this.read(block, bytes));
    requireHeader(view, block * this.size, demand);
    return view;
  }
}

/** @throws CorruptError */
export function requireHeader(view: DataView, place: number, demand: ObjectDemand): void {
  const bad = (field: keyof typeof ObjectHeader.at & string, problem: string): CorruptError =>
    new CorruptError(demand.structure, field, place + ObjectHeader.at[field], problem);
  if (!isSealed(view)) throw bad('o_cksum', 'the checksum does not hold');
  const type = u32le(view, 0, ObjectHeader.at.o_type);
  if ((type & TYPE_MASK) !== demand.type) throw bad('o_type', `type ${type & TYPE_MASK} where ${demand.type} belongs`);
  if ((type & STORAGE_MASK) >>> 0 !== demand.storage) throw bad('o_type', `${type.toString(16)} is of another storage`);
  const subtype = u32le(view, 0, ObjectHeader.at.o_subtype);
  if (demand.subtype !== undefined && subtype !== demand.subtype)
    throw bad('o_subtype', `${subtype} where ${demand.subtype} belongs`);
  const oid = u64le(view, 0, ObjectHeader.at.o_oid);
  if (oid !== demand.oid) throw bad('o_oid', `${oid} where ${demand.oid} belongs`);
  const xid = u64le(view, 0, ObjectHeader.at.o_xid);
  const fits = 'most' in demand.xid ? xid <= demand.xid.most : xid === demand.xid.exactly;
  if (!fits) throw bad('o_xid', `transaction ${xid} cannot have written it`);
}
