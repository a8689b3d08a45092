// Catalog records that were found, read again.

import { Node } from '../btree/node.js';
import type { Place } from '../records/catalog.js';
import { readName } from '../records/catalog-records.js';
import { CatalogFile, RECORD_TYPE } from '../structs/catalog.js';
import type { FoundItem, RecordPlace } from './found-items.js';
import type { SalvageSource } from './source.js';

/** A record with its key. @throws TintypeError if the device does not give it again */
export function recordBytes(source: SalvageSource, place: RecordPlace): Uint8Array {
  if (place instanceof Uint8Array) return place;
  const bytes = new Uint8Array(place.length);
  source.require(place.position, bytes);
  return bytes;
}

/** As if it were the only record of a leaf. An item without a record is a folder of which nothing is known but the id. */
export function itemPlace(source: SalvageSource, item: Pick<FoundItem, 'id' | 'record'>): Place {
  if (!item.record) return { node: new Node(0, unknownFolder(item.id)), index: 0, at: 0, type: RECORD_TYPE.folder };
  const node = new Node(0, recordBytes(source, item.record));
  const at = 2 + node.view.getUint16(0);
  return { node, index: 0, at, type: node.view.getUint16(at) };
}

/** As it is stored. */
export function storedName(source: SalvageSource, item: FoundItem): string {
  if (!item.record) return item.name ?? '';
  const bytes = recordBytes(source, item.record);
  return readName(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 6);
}

function unknownFolder(id: number): Uint8Array {
  const bytes = new Uint8Array(CatalogFile.size);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, RECORD_TYPE.folder);
  view.setUint32(CatalogFile.at.fileID, id);
  return bytes;
}
