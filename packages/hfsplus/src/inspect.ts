// Structures of a volume, field by field, as they lie on the device: what `tintype inspect` shows. Damaged ones are what
// one wants to look at, so nothing but the way to a structure must be sound.

import { type BlockDevice, CorruptError, UnsupportedError } from '@tintype/core';
import type { ForkRecord } from './extent.js';
import { SECTOR } from './journal/header.js';
import { type HeaderFields, readVolumeHeader } from './mounted.js';
import { readName } from './records/catalog-records.js';
import {
  ATTRIBUTE_TYPE,
  AttributeExtents,
  AttributeFork,
  AttributeInline,
  AttributeKey,
} from './structs/attributes.js';
import { HEADER_RECORD_AT, HeaderRecord, NODE_KIND, NodeDescriptor } from './structs/btree.js';
import { CatalogFile, CatalogFolder, CatalogThread, RECORD_TYPE } from './structs/catalog.js';
import { ExtentKey } from './structs/extents.js';
import { JOURNAL_ENDIAN, JournalHeader, JournalHeaderBig, JournalInfoBlock } from './structs/journal.js';
import { ExtentDescriptor, VolumeHeader } from './structs/volume-header.js';

const PLACES = [
  'header: the volume header',
  'alternate: the alternate volume header',
  'journal: journal info block and header',
  'catalog, extents, attributes: header of a tree',
  'catalog:N, extents:N, attributes:N: node N of a tree, with its records',
  'block:N: the first bytes of block N',
];
const BYTES_SHOWN = 4096;
const VALUE_SHOWN = 64;
const LARGEST_NODE = 32_768;
const EXTENTS_IN_RECORD = 8;

type TreeName = 'catalog' | 'extents' | 'attributes';

/**
 * Lines of text. `place`: see the list that `null` gives.
 * @throws UnsupportedError for a place that does not exist; CorruptError if the way there is damaged
 */
export function* inspect(device: BlockDevice, place: string | null): Generator<string> {
  if (place === null) {
    yield* PLACES;
    return;
  }
  const [, name = '', number] = /^([a-z]+)(?::(\d{1,10}))?$/.exec(place) ?? [];
  const isPlain = number === undefined;
  if (name === 'header' && isPlain) yield headerAt(device, 1024);
  else if (name === 'alternate' && isPlain) yield headerAt(device, device.size - 1024);
  else if (name === 'journal' && isPlain) yield* journal(device);
  else if (name === 'block' && !isPlain) yield* block(device, Number(number));
  else if (name === 'catalog' || name === 'extents' || name === 'attributes')
    yield* tree(device, name, isPlain ? null : Number(number));
  else throw new UnsupportedError(`there is no place ${JSON.stringify(place)}; ${PLACES.join('; ')}`, { place });
}

function headerAt(device: BlockDevice, position: number): string {
  return VolumeHeader.dump(read(device, position, VolumeHeader.size), 0);
}

function* journal(device: BlockDevice): Generator<string> {
  const { journalInfoBlock, blockSize } = readVolumeHeader(device);
  if (journalInfoBlock === 0) throw new UnsupportedError('the volume has no journal');
  const info = read(device, journalInfoBlock * blockSize, SECTOR);
  yield JournalInfoBlock.dump(info, 0);
  const header = read(device, JournalInfoBlock.read(info, 0).offset, SECTOR);
  const isLittle = header.getUint32(JournalHeader.at.endian, true) === JOURNAL_ENDIAN;
  yield isLittle ? JournalHeader.dump(header, 0) : JournalHeaderBig.dump(header, 0);
}

function* block(device: BlockDevice, number: number): Generator<string> {
  const { blockSize, totalBlocks } = readVolumeHeader(device);
  if (number >= totalBlocks) throw new UnsupportedError(`the volume has ${totalBlocks} blocks`, { number });
  const position = number * blockSize;
  const { buffer } = read(device, position, Math.min(BYTES_SHOWN, blockSize));
  for (let at = 0; at < buffer.byteLength; at += 32)
    yield `${(position + at).toString(16).padStart(12, '0')}  ${hex(buffer, at, Math.min(32, buffer.byteLength - at))}`;
}

function* tree(device: BlockDevice, name: TreeName, number: number | null): Generator<string> {
  const header = readVolumeHeader(device);
  const fork = header[`${name}File`];
  if (fork.totalBlocks === 0) throw new UnsupportedError(`the volume has no ${name} file`);
  const first = read(device, positionIn(header, fork, 0, name), SECTOR);
  if (number === null) {
    yield NodeDescriptor.dump(first, 0);
    yield HeaderRecord.dump(first, HEADER_RECORD_AT);
    return;
  }
  const nodeSize = first.getUint16(HEADER_RECORD_AT + HeaderRecord.at.nodeSize);
  if (nodeSize < SECTOR || nodeSize > LARGEST_NODE)
    throw HeaderRecord.corrupt(first, HEADER_RECORD_AT, 'nodeSize', 'no power of two from 512 to 32768');
  const count = Math.floor((fork.totalBlocks * header.blockSize) / nodeSize);
  if (number >= count) throw new UnsupportedError(`the ${name} file has ${count} nodes`, { number });
  yield* node(name, read(device, positionIn(header, fork, number * nodeSize, name), nodeSize));
}

/** Byte on the device of byte `offset` of a special file, by the extents that the volume header names. */
function positionIn({ blockSize }: HeaderFields, fork: ForkRecord, offset: number, name: TreeName): number {
  let left = offset;
  for (const { startBlock, blockCount } of fork.extents) {
    if (left < blockCount * blockSize) return startBlock * blockSize + left;
    left -= blockCount * blockSize;
  }
  throw new UnsupportedError(`byte ${offset} of the ${name} file lies behind the extents in the volume header`);
}

function* node(name: TreeName, view: DataView): Generator<string> {
  yield NodeDescriptor.dump(view, 0);
  const kind = view.getUint8(NodeDescriptor.at.kind);
  if (kind === NODE_KIND.header) yield HeaderRecord.dump(view, HEADER_RECORD_AT);
  if (kind !== NODE_KIND.leaf && kind !== NODE_KIND.index) return;
  const count = view.getUint16(NodeDescriptor.at.numRecords);
  for (let i = 0; i < count; i += 1) {
    const entry = view.byteLength - 2 * (i + 2);
    if (entry < NodeDescriptor.size) {
      yield `record ${i}: there is no room for ${count} records`;
      return;
    }
    const at = view.getUint16(entry + 2);
    const end = view.getUint16(entry);
    yield `record ${i} at byte ${at}, ${end - at} bytes`;
    yield* record(name, kind === NODE_KIND.leaf, view, at);
  }
}

/** A record may lie anywhere: what reaches past the node is said, not thrown. */
function* record(name: TreeName, isLeaf: boolean, view: DataView, at: number): Generator<string> {
  try {
    const data = at + 2 + view.getUint16(at);
    yield keyText(name, view, at);
    if (!isLeaf) yield `  child node ${view.getUint32(data)}`;
    else if (name === 'catalog') yield catalogRecord(view, data);
    else if (name === 'attributes') yield attributeRecord(view, data);
    else
      for (let i = 0; i < EXTENTS_IN_RECORD; i += 1)
        yield ExtentDescriptor.dump(view, data + i * ExtentDescriptor.size);
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof CorruptError)) throw error;
    yield '  it reaches past its node';
  }
}

function keyText(name: TreeName, view: DataView, at: number): string {
  if (name === 'extents') return ExtentKey.dump(view, at);
  if (name === 'attributes')
    return `${AttributeKey.dump(view, at)}\n  name: ${nameAt(view, at + AttributeKey.at.attrNameLen)}`;
  return `  key: parent ${view.getUint32(at + 2)}, name ${nameAt(view, at + 6)}`;
}

function catalogRecord(view: DataView, at: number): string {
  const type = view.getUint16(at);
  if (type === RECORD_TYPE.folder) return CatalogFolder.dump(view, at);
  if (type === RECORD_TYPE.file) return CatalogFile.dump(view, at);
  return `${CatalogThread.dump(view, at)}\n  name: ${nameAt(view, at + CatalogThread.size)}`;
}

function attributeRecord(view: DataView, at: number): string {
  const type = view.getUint32(at);
  if (type === ATTRIBUTE_TYPE.fork) return AttributeFork.dump(view, at);
  if (type === ATTRIBUTE_TYPE.extents) return AttributeExtents.dump(view, at);
  const size = view.getUint32(at + AttributeInline.at.attrSize);
  const value = at + AttributeInline.size;
  const shown = Math.min(size, VALUE_SHOWN, Math.max(0, view.byteLength - value));
  return `${AttributeInline.dump(view, at)}\n  value: ${hex(view.buffer, value, shown)}${shown < size ? ' …' : ''}`;
}

function nameAt(view: DataView, at: number): string {
  return JSON.stringify(readName(view, at));
}

function hex(buffer: ArrayBufferLike, at: number, length: number): string {
  return Buffer.from(buffer, at, length).toString('hex');
}

/** @throws CorruptError if the device ends before */
function read(device: BlockDevice, position: number, length: number): DataView {
  if (position < 0 || position + length > device.size)
    throw new CorruptError('volume', 'size', position, `the device has ${device.size} bytes`);
  const bytes = new Uint8Array(length);
  device.read(position, bytes);
  return new DataView(bytes.buffer);
}
