// The trailer of a UDIF image.

import type { RecordOf, StoreFile } from '@tintype/core';
import { KOLY, Koly } from './structs.js';

export type KolyFields = RecordOf<typeof Koly.fields>;

/** Null if the file has no trailer. @throws CorruptError */
export function readKoly(file: StoreFile): KolyFields | null {
  const size = file.size();
  if (size < Koly.size) return null;
  const bytes = new Uint8Array(Koly.size);
  file.read(size - Koly.size, bytes);
  const view = new DataView(bytes.buffer);
  if (view.getUint32(0) !== KOLY) return null;
  const koly = Koly.read(view, 0);
  if (koly.version !== 4 || koly.headerSize !== Koly.size) throw Koly.corrupt(view, 0, 'version', 'is not known');
  for (const [field, offset, length] of [
    ['dataForkOffset', koly.dataForkOffset, koly.dataForkLength],
    ['xmlOffset', koly.xmlOffset, koly.xmlLength],
    ['resourceForkOffset', koly.resourceForkOffset, koly.resourceForkLength],
  ] as const)
    if (offset + length > size - Koly.size) throw Koly.corrupt(view, 0, field, 'a part lies outside the file');
  for (const field of ['dataChecksumSize', 'masterChecksumSize'] as const)
    if (koly[field] > 1024) throw Koly.corrupt(view, 0, field, 'no checksum has so many bits');
  if (koly.sectorCount > 2 ** 44) throw Koly.corrupt(view, 0, 'sectorCount', 'no disk has this size');
  return koly;
}
