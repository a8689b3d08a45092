// The classic resource fork of images of before Mac OS X 10.4.7: the same tables as in the property list, or instead of it.
// Source: Inside Macintosh, "Resource Manager"; an image of 2003.

import { CorruptError, struct, u16, u32 } from '@tintype/core';

export const ResourceHeader = struct(
  'resource fork header',
  { order: 'big', size: 16, source: 'Inside Macintosh' },
  { dataOffset: u32(), mapOffset: u32(), dataLength: u32(), mapLength: u32() },
);
export const ResourceType = struct(
  'resource type',
  { order: 'big', size: 8, source: 'Inside Macintosh' },
  {
    type: u32('four characters'),
    lastIndex: u16('count less 1'),
    offset: u16('of the references, from the type list'),
  },
);
export const ResourceReference = struct(
  'resource reference',
  { order: 'big', size: 12, source: 'Inside Macintosh' },
  {
    id: u16('signed'),
    nameOffset: u16('from the name list; 0xFFFF: none'),
    place: u32('attributes, then 24 bits of offset in the data'),
    handle: u32(),
  },
);
/** Offsets in the map: of the type list's own offset and the name list's. */
const TYPES_AT = 24;
const NAMES_AT = 26;
const NO_NAME = 0xffff;

/** All resources of a type, in the order of the map. @throws CorruptError */
export function readResources(fork: Uint8Array, type: string): { name: string; data: Uint8Array }[] {
  const view = new DataView(fork.buffer, fork.byteOffset, fork.length);
  const { dataOffset, mapOffset, dataLength, mapLength } = ResourceHeader.read(view, 0);
  if (mapOffset + mapLength > fork.length || dataOffset + dataLength > fork.length || mapLength < NAMES_AT + 2)
    throw ResourceHeader.corrupt(view, 0, 'mapOffset', 'a part lies outside the fork');
  const map = new DataView(fork.buffer, fork.byteOffset + mapOffset, mapLength);
  const data = fork.subarray(dataOffset, dataOffset + dataLength);
  const types = map.getUint16(TYPES_AT);
  const count = u16At(map, types, 'types') + 1;
  const wanted = Buffer.from(type, 'latin1').readUInt32BE(0);
  const found: { name: string; data: Uint8Array }[] = [];
  // 0xFFFF stands for none.
  for (let i = 0; i < (count & 0xffff); i += 1) {
    const entry = ResourceType.read(map, types + 2 + i * ResourceType.size);
    if (entry.type !== wanted) continue;
    for (let j = 0; j <= entry.lastIndex; j += 1) {
      const reference = ResourceReference.read(map, types + entry.offset + j * ResourceReference.size);
      found.push({
        name: nameAt(map, map.getUint16(NAMES_AT), reference.nameOffset),
        data: bytesAt(data, reference.place & 0xff_ffff),
      });
    }
  }
  return found;
}

function nameAt(map: DataView, names: number, offset: number): string {
  if (offset === NO_NAME) return '';
  const at = names + offset;
  const length = at < map.byteLength ? map.getUint8(at) : 0;
  if (at + 1 + length > map.byteLength) throw corrupt('name', at, 'lies outside the map');
  return Buffer.from(map.buffer, map.byteOffset + at + 1, length).toString('latin1');
}

function bytesAt(data: Uint8Array, at: number): Uint8Array {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  if (at + 4 > data.length) throw corrupt('data', at, 'lies outside the fork');
  const length = view.getUint32(at);
  if (at + 4 + length > data.length) throw corrupt('data', at, `${length} bytes reach outside the fork`);
  return data.subarray(at + 4, at + 4 + length);
}

function u16At(view: DataView, at: number, field: string): number {
  if (at + 2 > view.byteLength) throw corrupt(field, at, 'lies outside the map');
  return view.getUint16(at);
}

function corrupt(field: string, at: number, problem: string): CorruptError {
  return new CorruptError('resource fork', field, at, problem);
}
