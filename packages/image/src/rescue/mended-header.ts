// A sparse image whose header is damaged, but not the table behind it: the header is made anew, in memory.

import { CorruptError, type StoreFile } from '@tintype/core';
import { HEADER_SLOTS, NODE_SIZE, SPARSE_SIGNATURE, SparseHeader, sparseHeader } from '../sparseimage/structs.js';
import { PatchedFile } from './patched-file.js';

const USUAL_BAND = 1 << 20;

/** @throws CorruptError if the table cannot be one, either */
export function withMendedHeader(file: StoreFile): StoreFile {
  const head = new Uint8Array(NODE_SIZE);
  if (file.read(0, head) < NODE_SIZE) throw new CorruptError('sparse image header', 'size', 0, 'the file is too short');
  const view = new DataView(head.buffer);
  const bands: number[] = [];
  for (let slot = 0; slot < HEADER_SLOTS; slot += 1) {
    const band = view.getUint32(SparseHeader.size + 4 * slot);
    if (band !== 0) bands.push(band);
  }
  const bandSize = bandSizeOf(view);
  const slots = Math.ceil((file.size() - NODE_SIZE) / bandSize);
  if (bands.length === 0 || new Set(bands).size < bands.length || bands.length > slots)
    throw new CorruptError('sparse image header', 'signature', 0, 'is damaged, and so is the table behind it');
  const size = bands.reduce((most, band) => Math.max(most, band), 0) * bandSize;
  const mended = sparseHeader(size, bandSize).subarray(0, SparseHeader.size);
  return new PatchedFile(file, mended);
}

/** What the header says, if it can be. */
function bandSizeOf(view: DataView): number {
  const sectors = view.getUint32(SparseHeader.at.sectorsPerBand);
  const isUsual = sectors >= 8 && sectors <= 2 ** 16 && (sectors & (sectors - 1)) === 0;
  return isUsual && view.getUint32(0) !== SPARSE_SIGNATURE ? sectors * 512 : USUAL_BAND;
}
