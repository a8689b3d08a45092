// A node of a tree as text, record by record.

import { nameFromBytes, u32le } from '@tintype/core';
import { DiskNode } from '../btree/disk-node.js';
import {
  EXTENT_REFERENCE_TREE,
  FILE_EXTENT_TREE,
  FREE_QUEUE_TREE,
  fileSystemTree,
  OMAP_SNAPSHOT_TREE,
  OMAP_TREE,
  SNAPSHOT_TREE,
  type TreeKind,
} from '../btree/kinds.js';
import { idAt, typeAt } from '../records/ids.js';
import { BtreeInfo, BtreeNode, NODE_FLAGS } from '../structs/btree.js';
import { ObjectHeader } from '../structs/object.js';
import { OmapKey, OmapValue } from '../structs/object-map.js';
import {
  DirectoryValue,
  FileExtentValue,
  InodeValue,
  PhysicalExtentValue,
  RECORD_TYPE,
  SiblingValue,
  SnapshotMetadataValue,
  XattrValue,
} from '../structs/records.js';
import { FreeQueueKey } from '../structs/spaceman.js';

const KINDS: readonly TreeKind[] = [
  OMAP_TREE,
  OMAP_SNAPSHOT_TREE,
  FREE_QUEUE_TREE,
  EXTENT_REFERENCE_TREE,
  SNAPSHOT_TREE,
  FILE_EXTENT_TREE,
];
const VALUES: Readonly<Record<number, { readonly size: number; dump(view: DataView, at: number): string }>> = {
  [RECORD_TYPE.snapshotMetadata]: SnapshotMetadataValue,
  [RECORD_TYPE.extent]: PhysicalExtentValue,
  [RECORD_TYPE.inode]: InodeValue,
  [RECORD_TYPE.xattr]: XattrValue,
  [RECORD_TYPE.siblingLink]: SiblingValue,
  [RECORD_TYPE.fileExtent]: FileExtentValue,
  [RECORD_TYPE.directory]: DirectoryValue,
};
const TYPE_NAMES = new Map<number, string>(Object.entries(RECORD_TYPE).map(([name, type]) => [type, name]));
const VALUE_SHOWN = 64;

/** @throws CorruptError if the node is not one */
export function* inspectNode(view: DataView): Generator<string> {
  yield BtreeNode.dump(view, 0);
  const flags = view.getUint16(BtreeNode.at.btn_flags, true);
  const isRoot = (flags & NODE_FLAGS.root) !== 0;
  if (isRoot) yield BtreeInfo.dump(view, view.byteLength - BtreeInfo.size);
  const node = nodeOf(view, isRoot);
  for (let i = 0; i < node.count; i += 1) yield* entry(node, i);
}

/** Directory keys of a file-system tree are hashed or plain, which no node says: what ascends is right. */
function nodeOf(view: DataView, isRoot: boolean): DiskNode {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const subtype = u32le(view, 0, ObjectHeader.at.o_subtype);
  const level = isRoot ? null : view.getUint16(BtreeNode.at.btn_level, true);
  const kind = KINDS.find((each) => each.subtype === subtype);
  if (kind) return new DiskNode(kind, bytes, { place: 0, level });
  try {
    return new DiskNode(fileSystemTree('hashed'), bytes, { place: 0, level });
  } catch {
    return new DiskNode(fileSystemTree('plain'), bytes, { place: 0, level });
  }
}

function* entry(node: DiskNode, index: number): Generator<string> {
  const { view } = node;
  const key = node.keyAt(index);
  const value = node.valueAt(index);
  const length = value < 0 ? 0 : node.valueLength(index);
  yield `entry ${index}: key of ${node.keyLength(index)} bytes at ${key}, value of ${length} at ${value}`;
  yield keyText(node, index);
  if (node.level > 0) yield `  child ${node.childAt(index)}`;
  else if (value >= 0) yield valueText(node, index, value, length);
  else yield `  no value; ${view.byteLength} bytes`;
}

function keyText(node: DiskNode, index: number): string {
  const { view } = node;
  const key = node.keyAt(index);
  const subtype = u32le(view, 0, ObjectHeader.at.o_subtype);
  if (subtype === OMAP_TREE.subtype) return OmapKey.dump(view, key);
  if (subtype === FREE_QUEUE_TREE.subtype) return FreeQueueKey.dump(view, key);
  const type = typeAt(view, key);
  const tail = Buffer.from(view.buffer, view.byteOffset + key + 8, node.keyLength(index) - 8);
  const name = nameOf(type, tail);
  return `  id ${idAt(view, key)}, ${TYPE_NAMES.get(type) ?? `type ${type}`} ${tail.toString('hex')}${name}`;
}

function nameOf(type: number, tail: Buffer): string {
  const start =
    type === RECORD_TYPE.directory ? 4 : type === RECORD_TYPE.xattr || type === RECORD_TYPE.snapshotName ? 2 : 0;
  return start === 0 || tail.length <= start ? '' : ` ${JSON.stringify(nameFromBytes(tail.subarray(start, -1)))}`;
}

function valueText(node: DiskNode, index: number, value: number, length: number): string {
  const { view } = node;
  const subtype = u32le(view, 0, ObjectHeader.at.o_subtype);
  if (subtype === OMAP_TREE.subtype) return OmapValue.dump(view, value);
  const declared = subtype === FREE_QUEUE_TREE.subtype ? undefined : VALUES[typeAt(view, node.keyAt(index))];
  const at = declared && declared.size <= length ? declared.size : 0;
  const shown = Math.min(VALUE_SHOWN, length - at);
  const rest = Buffer.from(view.buffer, view.byteOffset + value + at, shown).toString('hex');
  const text = rest === '' ? '' : `  ${at === 0 ? 'value' : 'then'}: ${rest}${shown < length - at ? ' …' : ''}`;
  return declared && at > 0 ? `${declared.dump(view, value)}${text && `\n${text}`}` : text;
}
