// Structures of a volume, field by field, as text: what `tintype inspect` shows.

import { type BlockDevice, TintypeError } from '@tintype/core';
import { Journal } from './journal.js';
import { Mounted, readVolumeHeader, type TreeFile } from './mounted.js';
import { readName } from './records/catalog-records.js';
import { HEADER_RECORD_AT, HeaderRecord, NODE_KIND, NodeDescriptor } from './structs/btree.js';
import { CatalogFile, CatalogFolder, CatalogThread, RECORD_TYPE } from './structs/catalog.js';
import { JournalHeader, JournalInfoBlock } from './structs/journal.js';
import { VolumeHeader } from './structs/volume-header.js';

const PLACES = [
  'header: the volume header',
  'alternate: the alternate volume header',
  'journal: journal info block and header',
  'catalog, extents, attributes: header of a tree',
  'catalog:N, extents:N, attributes:N: node N of a tree',
  'block:N: the bytes of block N',
];
const DUMP_LIMIT = 4096;

export function* inspect(device: BlockDevice, place: string | null): Generator<string> {
  if (place === null) {
    yield* PLACES;
    return;
  }
  const [name = '', number] = place.split(':');
  if (name === 'header') yield dump(device, 1024, VolumeHeader.size, (view) => VolumeHeader.dump(view, 0));
  else if (name === 'alternate')
    yield dump(device, device.size - 1024, VolumeHeader.size, (view) => VolumeHeader.dump(view, 0));
  else if (name === 'journal') yield* journal(device);
  else if (name === 'block') yield hexDump(device, Number(number) * readVolumeHeader(device).blockSize);
  else yield* tree(new Mounted(device), name, number);
}

function dump(device: BlockDevice, position: number, length: number, show: (view: DataView) => string): string {
  const bytes = new Uint8Array(length);
  device.read(position, bytes);
  return show(new DataView(bytes.buffer));
}

function* journal(device: BlockDevice): Generator<string> {
  const header = readVolumeHeader(device);
  const at = header.journalInfoBlock * header.blockSize;
  if (Journal.open(device, header) === null) {
    yield 'the volume has no journal';
    return;
  }
  yield dump(device, at, 512, (view) => JournalInfoBlock.dump(view, 0));
  const info = new Uint8Array(512);
  device.read(at, info);
  yield dump(device, JournalInfoBlock.read(new DataView(info.buffer), 0).offset, 512, (view) =>
    JournalHeader.dump(view, 0),
  );
}

function* tree(mounted: Mounted, name: string, number: string | undefined): Generator<string> {
  const found: Record<string, TreeFile | null> = {
    catalog: mounted.catalog,
    extents: mounted.extents,
    attributes: mounted.attributes,
  };
  const file = found[name]?.file;
  if (!file) {
    yield `there is no place ${name}; places are:`;
    yield* PLACES;
    return;
  }
  if (number === undefined) {
    yield HeaderRecord.dump(file.header.view, HEADER_RECORD_AT);
    return;
  }
  const node = file.node(Number(number));
  yield NodeDescriptor.dump(node.view, 0);
  for (let i = 0; i < node.count && node.kind !== NODE_KIND.header && node.kind !== NODE_KIND.map; i += 1) {
    const key = Buffer.from(node.bytes.subarray(node.at(i), node.dataAt(i))).toString('hex');
    yield `record ${i} at byte ${node.at(i)}, ${node.recordLength(i)} bytes, key ${key}`;
    if (node.kind === NODE_KIND.index) yield `  child node ${node.child(i)}`;
    else if (name === 'catalog') yield catalogRecord(node.view, node.dataAt(i));
  }
}

function catalogRecord(view: DataView, at: number): string {
  try {
    const type = view.getUint16(at);
    if (type === RECORD_TYPE.folder) return CatalogFolder.dump(view, at);
    if (type === RECORD_TYPE.file) return CatalogFile.dump(view, at);
    return `${CatalogThread.dump(view, at)}\n  name: ${JSON.stringify(readName(view, at + CatalogThread.size))}`;
  } catch (error) {
    if (error instanceof TintypeError || error instanceof RangeError) return `  unreadable: ${error.message}`;
    throw error;
  }
}

function hexDump(device: BlockDevice, position: number): string {
  const bytes = new Uint8Array(Math.max(0, Math.min(DUMP_LIMIT, device.size - position)));
  device.read(position, bytes);
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 32)
    lines.push(
      `${(position + at).toString(16).padStart(12, '0')}  ${Buffer.from(bytes.subarray(at, at + 32)).toString('hex')}`,
    );
  return lines.join('\n');
}
