// How large a disk says that it is, where what is left of it does not tell: by its partition map, or by the file system at
// its start.

import { type BlockDevice, TintypeError } from '@tintype/core';
import { GptHeader } from '../partitions/structs.js';

const SECTOR = 512;
const LARGEST = 2 ** 53 / 2;

/** Bytes; 0 if nothing tells. */
export function statedSize(device: BlockDevice): number {
  const head = new Uint8Array(Math.min(4096, device.size));
  try {
    device.read(0, head);
  } catch (error) {
    if (error instanceof TintypeError) return 0;
    throw error;
  }
  if (head.length < 4096) return 0;
  const view = new DataView(head.buffer);
  const text = (at: number, length: number) => Buffer.from(head.subarray(at, at + length)).toString('latin1');
  const long = (at: number) => Number(view.getBigUint64(at, true));
  if (text(SECTOR, 8) === 'EFI PART') return sane((long(SECTOR + GptHeader.at.alternateLba) + 1) * SECTOR);
  if (/^H[+X]$/.test(text(1024, 2))) return sane(view.getUint32(1024 + 40) * view.getUint32(1024 + 44));
  return text(32, 4) === 'NXSB' ? sane(view.getUint32(NX.blockSize, true) * long(NX.blockCount)) : 0;
}

/** Of nx_superblock_t. */
const NX = { blockSize: 36, blockCount: 40 } as const;

function sane(size: number): number {
  return Number.isSafeInteger(size) && size < LARGEST ? size : 0;
}
