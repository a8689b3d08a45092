// What file system and volume share while a device is mounted: header, trees, allocation.

import { type BlockDevice, CorruptError, DataWriter, type RecordOf } from '@tintype/core';
import { Allocation } from './allocation.js';
import { NodeFile } from './btree/node-file.js';
import { type KeyCompare, Tree } from './btree/tree.js';
import { CatalogIds } from './catalog-ids.js';
import { extentsOf, type ForkRecord } from './extent.js';
import { CACHE_BYTES } from './limits.js';
import { forkExtents } from './records/extent-records.js';
import { compareAttributes, compareBinary, compareExtents, compareFolding, KEY_TESTS } from './records/keys.js';
import { SpecialFork } from './special-fork.js';
import { HEADER_RECORD_AT, HeaderRecord, KEY_COMPARE } from './structs/btree.js';
import { FORK_TYPE } from './structs/extents.js';
import {
  CNID,
  EPOCH_OFFSET,
  SIGNATURE_HFSPLUS,
  SIGNATURE_HFSX,
  VOLUME_ATTRIBUTES,
  VolumeHeader,
} from './structs/volume-header.js';

export type HeaderFields = RecordOf<typeof VolumeHeader.fields>;

/** One of the three trees, with the file it lies in. */
export interface TreeFile {
  readonly id: number;
  readonly fork: SpecialFork;
  readonly file: NodeFile;
  readonly tree: Tree;
}

/** Reads and checks the volume header at its place. @throws CorruptError */
export function readVolumeHeader(device: BlockDevice, position = 1024): HeaderFields {
  if (device.size < 4096) throw new CorruptError('HFSPlusVolumeHeader', 'size', 0, 'the device is too small');
  const bytes = new Uint8Array(VolumeHeader.size);
  device.read(position, bytes);
  const view = new DataView(bytes.buffer);
  const header = VolumeHeader.read(view, 0);
  const corrupt = (field: keyof HeaderFields, problem: string) => VolumeHeader.corrupt(view, 0, field, problem);
  const { signature, version, blockSize, totalBlocks } = header;
  if (signature !== SIGNATURE_HFSPLUS && signature !== SIGNATURE_HFSX)
    throw corrupt('signature', 'is neither H+ nor HX');
  if (version !== (signature === SIGNATURE_HFSX ? 5 : 4))
    throw corrupt('version', `does not go with signature ${signature.toString(16)}`);
  if (blockSize < 512 || blockSize > 1 << 30 || (blockSize & (blockSize - 1)) !== 0)
    throw corrupt('blockSize', 'is no power of two of 512 or more');
  if (totalBlocks < 4 || totalBlocks * blockSize > device.size)
    throw corrupt('totalBlocks', `the device has ${device.size} bytes, the volume claims ${totalBlocks * blockSize}`);
  if (header.freeBlocks > totalBlocks) throw corrupt('freeBlocks', `there are ${totalBlocks} blocks`);
  // Views into a short-lived buffer become copies.
  return { ...header, encodingsBitmap: header.encodingsBitmap.slice(), finderInfo: header.finderInfo.slice() };
}

export class Mounted {
  readonly header: HeaderFields;
  readonly allocation: Allocation;
  readonly extents: TreeFile;
  readonly catalog: TreeFile;
  attributes: TreeFile | null;
  readonly writer: DataWriter;
  readonly caseSensitive: boolean;
  /** The header differs from that of the last commit. */
  headerChanged = false;
  #ids: CatalogIds | null = null;

  constructor(
    readonly device: BlockDevice,
    readonly cacheBytes = CACHE_BYTES,
  ) {
    const header = readVolumeHeader(device);
    this.header = header;
    const { totalBlocks, freeBlocks, nextAllocation, blockSize } = header;
    const bitmap = extentsOf(header.allocationFile.extents, totalBlocks, 'allocation file');
    this.allocation = new Allocation(device, { totalBlocks, freeBlocks, nextAllocation, blockSize, extents: bitmap });
    this.writer = new DataWriter(device);
    this.extents = this.#open(CNID.extentsFile, 'extents', header.extentsFile, compareExtents);
    const rule = this.#keyCompareType(header.catalogFile);
    this.caseSensitive = header.signature === SIGNATURE_HFSX && rule === KEY_COMPARE.binary;
    this.catalog = this.#open(
      CNID.catalogFile,
      'catalog',
      header.catalogFile,
      this.caseSensitive ? compareBinary : compareFolding,
    );
    const hasAttributes = header.attributesFile.totalBlocks > 0;
    this.attributes = hasAttributes
      ? this.#open(CNID.attributesFile, 'attributes', header.attributesFile, compareAttributes)
      : null;
  }

  get blockSize(): number {
    return this.header.blockSize;
  }
  get treeFiles(): TreeFile[] {
    return [this.extents, this.catalog, ...(this.attributes ? [this.attributes] : [])];
  }
  get isJournaled(): boolean {
    return (this.header.attributes & VOLUME_ATTRIBUTES.journaled) !== 0;
  }
  /** Seconds of a date on disk at 1970. */
  get epoch(): number {
    return (this.header.attributes & VOLUME_ATTRIBUTES.expandedTimes) !== 0 ? 0 : EPOCH_OFFSET;
  }

  /** New catalog node ids. */
  get ids(): CatalogIds {
    this.#ids ??= new CatalogIds(this);
    return this.#ids;
  }

  #keyCompareType(fork: ForkRecord): number {
    const [first] = extentsOf(fork.extents, this.header.totalBlocks, 'catalog');
    if (!first) throw new CorruptError('HFSPlusVolumeHeader', 'catalogFile', 0, 'the catalog has no extents');
    const bytes = new Uint8Array(512);
    this.device.read(first.start * this.blockSize, bytes);
    return bytes[HEADER_RECORD_AT + HeaderRecord.at.keyCompareType] as number;
  }

  #open(id: number, name: keyof typeof KEY_TESTS, record: ForkRecord, compare: KeyCompare): TreeFile {
    const { totalBlocks } = this.header;
    const extents =
      id === CNID.extentsFile
        ? extentsOf(record.extents, totalBlocks, name)
        : forkExtents(this.extents.tree, { id, forkType: FORK_TYPE.data }, record, totalBlocks);
    const extentLimit = id === CNID.extentsFile ? 8 : Number.POSITIVE_INFINITY;
    const clumpSize = Math.max(this.blockSize, record.clumpSize || this.blockSize);
    const fork = new SpecialFork(this.device, this.allocation, {
      name,
      extents,
      clumpSize,
      blockSize: this.blockSize,
      extentLimit,
    });
    const share = id === CNID.catalogFile ? 0.75 : 0.125;
    const cacheBytes = this.cacheBytes * share;
    const file = new NodeFile(this.device, fork, { name, cacheBytes, keyFits: KEY_TESTS[name] });
    return { id, fork, file, tree: new Tree(file, { name, compare }) };
  }
}
