// How long the data of a leaf record is by its own account: what tells records apart where a table of offsets is bad.

import type { TreeOptions } from '../check/btree.js';
import { ATTRIBUTE_TYPE, AttributeExtents, AttributeFork, AttributeInline } from '../structs/attributes.js';
import { CatalogFile, CatalogFolder, CatalogThread, RECORD_TYPE } from '../structs/catalog.js';
import { EXTENT_RECORD_SIZE } from '../structs/extents.js';

export type TreeName = TreeOptions['name'];

/** Bytes of the data at `at`, at most `room`; -1 if what lies there is no record of this tree. */
export function naturalLength(name: TreeName, view: DataView, at: number, room: number): number {
  const length = { extents: extentLength, catalog: catalogLength, attributes: attributeLength }[name](view, at, room);
  return length <= room ? length : -1;
}

function extentLength(): number {
  return EXTENT_RECORD_SIZE;
}

function catalogLength(view: DataView, at: number, room: number): number {
  if (room < CatalogThread.size + 2) return -1;
  const type = view.getUint16(at);
  if (type === RECORD_TYPE.folder) return CatalogFolder.size;
  if (type === RECORD_TYPE.file) return CatalogFile.size;
  if (type !== RECORD_TYPE.folderThread && type !== RECORD_TYPE.fileThread) return -1;
  const units = view.getUint16(at + CatalogThread.size);
  return units > 0 && units <= 255 ? CatalogThread.size + 2 + 2 * units : -1;
}

function attributeLength(view: DataView, at: number, room: number): number {
  if (room < AttributeInline.size) return -1;
  const type = view.getUint32(at);
  if (type === ATTRIBUTE_TYPE.fork) return AttributeFork.size;
  if (type === ATTRIBUTE_TYPE.extents) return AttributeExtents.size;
  if (type !== ATTRIBUTE_TYPE.inline) return -1;
  const size = view.getUint32(at + AttributeInline.at.attrSize);
  return AttributeInline.size + size + (size % 2);
}
