// Ids of items and streams: 60 bits on disk, numbers here.

import { CorruptError } from '@tintype/core';

/** Ids of System volumes in a volume group begin at 2^59, which no number holds exactly; here they begin at 2^52. */
const SYSTEM_HIGH = 0x0800_0000;
const SYSTEM_BIT = 0x0010_0000;
const ID_MASK = 0x0fff_ffff;
/** The root folder of a System volume whose ids begin there. */
export const SYSTEM_ROOT = SYSTEM_BIT * 0x1_0000_0000 + 2;

/** True for ids of a System volume in a volume group. */
export function isSystemId(id: number): boolean {
  return id >= SYSTEM_BIT * 0x1_0000_0000;
}

/** The id in the low 60 bits of eight bytes. @throws CorruptError for ids that no volume gives out */
export function idAt(view: DataView, at: number): number {
  const word = view.getUint32(at + 4, true) & ID_MASK;
  const isSystem = (word & SYSTEM_HIGH) !== 0;
  const high = word & ~SYSTEM_HIGH;
  if (high >= SYSTEM_BIT) throw new CorruptError('j_key', 'obj_id', at, 'an id of 2^52 or more');
  return (isSystem ? high + SYSTEM_BIT : high) * 0x1_0000_0000 + view.getUint32(at, true);
}

/** The record type in the high four bits of eight bytes. */
export function typeAt(view: DataView, at: number): number {
  return view.getUint8(at + 7) >>> 4;
}

/** `idAt` and `typeAt`, the other way round. */
export function putIdAndType(view: DataView, at: number, id: number, type: number): void {
  const high = Math.floor(id / 0x1_0000_0000);
  const word = high >= SYSTEM_BIT ? (high - SYSTEM_BIT) | SYSTEM_HIGH : high;
  view.setUint32(at, id >>> 0, true);
  view.setUint32(at + 4, (word | (type << 28)) >>> 0, true);
}
