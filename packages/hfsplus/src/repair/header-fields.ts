// Fields of the volume header that sum up the volume.

import { CatalogFolder } from '../structs/catalog.js';
import { ForkData, VOLUME_ATTRIBUTES, VolumeHeader } from '../structs/volume-header.js';
import type { Acts } from './acts.js';
import { type Headers, SPECIAL_FORKS } from './headers.js';
import { itemKind } from './leaf-record.js';
import type { RepairCatalog } from './repair-catalog.js';

const MIB = 1_048_576;
const CLUMP = 65_536;
const { at } = VolumeHeader;
const { inconsistent, unmounted, bootVolumeInconsistent, sparedBlocks, catalogNodeIDsReused } = VOLUME_ATTRIBUTES;

export interface Sums {
  /** -1 if not known. */
  readonly freeBlocks: number;
  readonly hasBadBlocks: boolean;
}

export function mendHeaderFields(headers: Headers, catalog: RepairCatalog, sums: Sums): void {
  const { acts } = catalog;
  let files = 0;
  let folders = 0;
  for (const record of catalog.items.values())
    if (itemKind(record) === 'file') files += 1;
    else folders += 1;
  if (catalog.isComplete) {
    put(headers, acts, 'fileCount', files);
    put(headers, acts, 'folderCount', Math.max(0, folders - 1));
  }
  if (sums.freeBlocks >= 0) put(headers, acts, 'freeBlocks', sums.freeBlocks);
  const areReused = (headers.get(at.attributes) & catalogNodeIDsReused) !== 0;
  if (!areReused && headers.get(at.nextCatalogID) < catalog.nextId) put(headers, acts, 'nextCatalogID', catalog.nextId);
  if (headers.get(at.nextAllocation) >= headers.totalBlocks) put(headers, acts, 'nextAllocation', 0);
  mendEncodings(headers, catalog);
  mendClumps(headers, acts);
  mendAttributes(headers, acts, sums);
}

function put(headers: Headers, acts: Acts, name: keyof typeof at, value: number): void {
  const before = headers.get(at[name]);
  if (before === value) return;
  headers.set(at[name], value);
  acts.note(`set ${name} in the volume header`, `from ${before} to ${value}`);
}

function mendEncodings(headers: Headers, { items, acts }: RepairCatalog): void {
  let [high, low] = [headers.get(at.encodingsBitmap), headers.get(at.encodingsBitmap + 4)];
  for (const { view, data } of items.values()) {
    const bit = view.getUint32(data + CatalogFolder.at.textEncoding) & 0x7f;
    if (bit < 32) low = (low | (1 << bit)) >>> 0;
    else if (bit < 48) high = (high | (1 << (bit - 32))) >>> 0;
  }
  if (high === headers.get(at.encodingsBitmap) && low === headers.get(at.encodingsBitmap + 4)) return;
  headers.set(at.encodingsBitmap, high);
  headers.set(at.encodingsBitmap + 4, low);
  acts.note('added text encodings that names have to the volume header');
}

function mendClumps(headers: Headers, acts: Acts): void {
  const { blockSize, totalBlocks } = headers;
  const usual = Math.max(blockSize, CLUMP);
  for (const name of ['rsrcClumpSize', 'dataClumpSize'] as const) {
    const size = headers.get(at[name]);
    if (size === 0 || size % blockSize !== 0 || size > Math.max(MIB, blockSize)) put(headers, acts, name, usual);
  }
  const quarter = (totalBlocks * blockSize) / 4;
  for (const name of SPECIAL_FORKS) {
    if (name === 'startupFile') continue;
    const field = at[name] + ForkData.at.clumpSize;
    const size = headers.get(field);
    const isNeeded = name === 'attributesFile' && headers.get(at[name] + ForkData.at.totalBlocks) !== 0;
    if (size % blockSize === 0 && size <= quarter && !(isNeeded && size === 0)) continue;
    headers.set(field, Math.max(blockSize, Math.floor(Math.min(CLUMP, quarter) / blockSize) * blockSize));
    acts.note('set clump sizes in the volume header', name);
  }
}

function mendAttributes(headers: Headers, acts: Acts, { hasBadBlocks }: Sums): void {
  const before = headers.get(at.attributes);
  let wanted = (before & ~inconsistent) >>> 0;
  if ((wanted & unmounted) !== 0) wanted = (wanted & ~bootVolumeInconsistent) >>> 0;
  if (!headers.isJournaled) wanted = (wanted | unmounted) >>> 0;
  wanted = (hasBadBlocks ? wanted | sparedBlocks : wanted & ~sparedBlocks) >>> 0;
  if (wanted === before) return;
  headers.set(at.attributes, wanted);
  acts.note('corrected the marks of the volume header', `from 0x${before.toString(16)} to 0x${wanted.toString(16)}`);
}
