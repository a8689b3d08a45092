// Objects as they go to disk: header and checksum.

import { type BlockDevice, CorruptError, fletcher64 } from '@tintype/core';
import { BLOCK_SIZE } from './structs/container.js';
import { ObjectHeader } from './structs/object.js';

const at = ObjectHeader.at;

export function put64(view: DataView, place: number, value: number): void {
  view.setUint32(place, value >>> 0, true);
  view.setUint32(place + 4, Math.floor(value / 0x1_0000_0000), true);
}
/** @throws CorruptError from 2^53 on */
export function get64(view: DataView, place: number): number {
  const high = view.getUint32(place + 4, true);
  if (high > 0x1f_ffff) throw new CorruptError('u64', 'value', place, 'a count or address of 2^53 or more');
  return high * 0x1_0000_0000 + view.getUint32(place, true);
}

export interface ObjectIdentity {
  readonly oid: number;
  readonly xid: number;
  /** Kind and storage: the whole o_type. */
  readonly type: number;
  readonly subtype: number;
}

export function putHeader(view: DataView, identity: ObjectIdentity): void {
  put64(view, at.o_oid, identity.oid);
  put64(view, at.o_xid, identity.xid);
  view.setUint32(at.o_type, identity.type >>> 0, true);
  view.setUint32(at.o_subtype, identity.subtype, true);
}

/** Puts the checksum of the whole object, the last thing before it is written. */
export function seal(view: DataView): void {
  const { low, high } = fletcher64(view, 8, view.byteLength - 8);
  view.setUint32(0, low, true);
  view.setUint32(4, high, true);
}

export function isSealed(view: DataView): boolean {
  const { low, high } = fletcher64(view, 8, view.byteLength - 8);
  return view.getUint32(0, true) === low && view.getUint32(4, true) === high;
}

export interface ExpectedObject {
  readonly structure: string;
  /** The low half of o_type. */
  readonly type: number;
  readonly oid: number;
}

/** Header and checksum of an object just read from `block`. @throws CorruptError */
export function requireObject(view: DataView, block: number, { structure, type, oid }: ExpectedObject): void {
  const place = block * BLOCK_SIZE;
  if (!isSealed(view)) throw new CorruptError(structure, 'o_cksum', place, 'the checksum does not hold');
  const found = view.getUint32(at.o_type, true) & 0xffff;
  if (found !== type) throw new CorruptError(structure, 'o_type', place, `type ${found} where ${type} belongs`);
  if (get64(view, at.o_oid) !== oid) throw new CorruptError(structure, 'o_oid', place, `is not ${oid}`);
}

/** One block of the container, which must exist, in `bytes`. @throws CorruptError */
export function readBlock(
  device: BlockDevice,
  block: number,
  bytes: Uint8Array = new Uint8Array(BLOCK_SIZE),
): Uint8Array {
  if (block <= 0 || (block + 1) * BLOCK_SIZE > device.size)
    throw new CorruptError('paddr', 'block', block, 'lies outside the container');
  device.read(block * BLOCK_SIZE, bytes);
  return bytes;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
