// What the damage tests share: a damage with the rules that it breaks, and edits of records and nodes.

import { CatalogFile, CatalogFolder } from '../structs/catalog.js';
import { VolumeHeader } from '../structs/volume-header.js';
import { pack, type Sample, type sampleNames } from './sample.testing.js';

export interface Damage {
  readonly what: string;
  readonly of?: (typeof sampleNames)[number];
  readonly kinds: readonly string[];
  /** What fsck.hfsplus says; absent: not asked. */
  readonly fsck?: 'refuses' | 'accepts';
  readonly damage: (volume: Sample) => void;
}

const { at: header } = VolumeHeader;
const { at: file } = CatalogFile;
const { at: folder } = CatalogFolder;

/** Offsets in fork data. */
export const FORK = { size: 4, clump: 8, blocks: 12, extents: 16 } as const;
/** Offsets in catalog records, of fields that are nested. */
export const BSD = {
  ownerID: file.bsdInfo,
  groupID: file.bsdInfo + 4,
  ownerFlags: file.bsdInfo + 9,
  mode: file.bsdInfo + 10,
  special: file.bsdInfo + 12,
} as const;

/** Position of a field of a named catalog record. */
export function field(v: Sample, name: string | number, at: number): number {
  return v.find(name).data + at;
}

/** End of a record of the catalog's root, which is an index node (node 3 in every fixture). */
export function indexEnd(v: Sample, record: number): number {
  const at = v.node('catalog', 3);
  return at + v.view.getUint16(at + v.nodeSize('catalog') - 2 * (record + 2));
}

export function swap(records: Uint8Array[], at: number): Uint8Array[] {
  return records.map((record, i) => (i === at ? records[at + 1] : i === at + 1 ? records[at] : record) ?? record);
}

export function change(v: Sample, name: string | number, edit: (record: Uint8Array) => Uint8Array): void {
  const place = v.find(name);
  v.edit('catalog', place.node, (list) => list.map((record, i) => (i === place.record ? edit(record) : record)));
}

export function remove(v: Sample, name: string | number): void {
  const place = v.find(name);
  v.edit('catalog', place.node, (list) => list.filter((_, i) => i !== place.record));
}

export function recordOf(v: Sample, name: string | number): Uint8Array {
  const place = v.find(name);
  return v.bytes.slice(place.key, place.end);
}

export function insertAfter(v: Sample, name: string | number, record: Uint8Array): void {
  const place = v.find(name);
  v.edit('catalog', place.node, (list) => [
    ...list.slice(0, place.record + 1),
    record,
    ...list.slice(place.record + 1),
  ]);
}

/** An empty file of this id behind the record `after`, with a thread behind the last one (42), and all the counts. */
export function addFile(v: Sample, after: string, parent: number, name: string, id: number): void {
  const record = recordOf(v, 'MixedCase').slice(2 + 24);
  new DataView(record.buffer).setUint32(file.fileID, id);
  const counted = pack([name.length, 2], name);
  insertAfter(v, after, pack([6 + 2 * name.length, 2], parent, counted, record));
  insertAfter(v, 42, pack([6, 2], id, [0, 2], [4, 2], [0, 2], parent, counted));
  v.addTo(field(v, '\0\0\0\0HFS+ Private Data', folder.valence), 1);
  v.addTo(1024 + header.fileCount, 1);
  v.view.setUint32(1024 + header.nextCatalogID, id + 1);
}

/** A new name in record and thread; it must sort to the same place. */
export function rename(v: Sample, name: string, id: number, to: string): void {
  const counted = pack([to.length, 2], to);
  change(v, name, (record) => {
    const view = new DataView(record.buffer);
    return pack([6 + 2 * to.length, 2], view.getUint32(2), counted, record.slice(2 + view.getUint16(0)));
  });
  change(v, id, (record) => pack(record.slice(0, 16), counted));
}
