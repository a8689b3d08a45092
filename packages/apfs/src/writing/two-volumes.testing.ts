// Containers with a second volume, as macOS makes them and `format` does not; and such whose front is not to be used for a
// while. Only tests import this.

import type { BlockDevice } from '@tintype/core';
import { OMAP_TREE } from '../btree/kinds.js';
import { Node, RecordBuffer } from '../btree/node.js';
import { formatted, mountOptions } from '../container.testing.js';
import { get64, put64, readBlock, seal, viewOf } from '../object.js';
import type { Extent } from '../spaceman.js';
import { BtreeInfo } from '../structs/btree.js';
import { BLOCK_SIZE, NxSuperblock } from '../structs/container.js';
import { ObjectHeader } from '../structs/object.js';
import { Omap, OmapKey, OmapValue } from '../structs/object-map.js';
import { VolumeSuperblock } from '../structs/volume.js';
import { Container } from './container.js';

const nx = NxSuperblock.at;
const header = ObjectHeader.at;
const vs = VolumeSuperblock.at;
const INFO = BLOCK_SIZE - BtreeInfo.size;

/** The container, whose device is larger than 512 MiB, gets another, empty volume. */
export function addVolume(device: BlockDevice, name: string): void {
  const other = formatted(device.size, { volumeName: name });
  const template = new Container(other, mountOptions);
  const [source] = template.volumes;
  if (!source) throw new Error('there is a volume');
  const container = new Container(device, mountOptions);
  const { names, superblock, spaceman } = container;
  const { xid } = names;
  const oid = names.newOid();
  const rootOid = names.newOid();
  const object = (from: number): DataView => viewOf(readBlock(other, from));
  const put = (view: DataView, block: number, id = block): number => {
    put64(view, header.o_oid, id);
    put64(view, header.o_xid, xid);
    seal(view);
    device.write(block * BLOCK_SIZE, new Uint8Array(view.buffer, view.byteOffset, BLOCK_SIZE));
    return block;
  };
  const catalog = put(object(source.catalog.root.address), spaceman.takeMetadata(), rootOid);
  const references = put(object(source.extentReferences.root.address), spaceman.takeMetadata());
  const snapshots = put(object(source.snapshots.root.address), spaceman.takeMetadata());
  const mapRoot = object(source.omap.tree.root.address);
  const entry = new Node(OMAP_TREE, new Uint8Array(mapRoot.buffer), 0);
  put64(mapRoot, entry.keyAt(0), rootOid);
  put64(mapRoot, entry.keyAt(0) + OmapKey.at.ok_xid, xid);
  put64(mapRoot, entry.valueAt(0) + OmapValue.at.ov_paddr, catalog);
  const tree = put(mapRoot, spaceman.takeMetadata());
  const map = object(get64(source.view, vs.apfs_omap_oid));
  put64(map, Omap.at.om_tree_oid, tree);
  const omap = put(map, spaceman.takeMetadata());
  const volume = object(source.block);
  volume.setUint32(vs.apfs_fs_index, 1, true);
  for (const [field, value] of [
    [vs.apfs_omap_oid, omap],
    [vs.apfs_root_tree_oid, rootOid],
    [vs.apfs_extentref_tree_oid, references],
    [vs.apfs_snap_meta_tree_oid, snapshots],
  ] as const)
    put64(volume, field, value);
  const block = put(volume, spaceman.takeMetadata(), oid);
  put64(superblock, nx.nx_fs_oid + 8, oid);
  container.unmount();
  putInMap(device, get64(superblock, nx.nx_omap_oid), { oid, xid, block });
}

/** One more record in the container's object map, where it lies. */
function putInMap(
  device: BlockDevice,
  map: number,
  { oid, xid, block }: Record<'oid' | 'xid' | 'block', number>,
): void {
  const at = get64(viewOf(readBlock(device, map)), Omap.at.om_tree_oid);
  const root = new Node(OMAP_TREE, readBlock(device, at), at);
  const record = new RecordBuffer();
  put64(record.view, 0, oid);
  put64(record.view, OmapKey.at.ok_xid, xid);
  record.keyLength = OmapKey.size;
  record.view.setUint32(OmapKey.size + OmapValue.at.ov_size, BLOCK_SIZE, true);
  put64(record.view, OmapKey.size + OmapValue.at.ov_paddr, block);
  record.valueLength = OmapValue.size;
  if (!root.insert(root.count, record)) throw new Error('the map has room');
  put64(root.view, INFO + BtreeInfo.at.bt_key_count, root.count);
  root.settle();
  seal(root.view);
  device.write(at * BLOCK_SIZE, root.bytes);
}

/** Nothing goes into blocks before `end` that are free now, until they are let go. Meanwhile a check would call them lost. */
export function blockOff(device: BlockDevice, end: number): Extent[] {
  const container = new Container(device, mountOptions);
  const { spaceman } = container;
  const extents: Extent[] = [];
  for (const { start, length } of [...spaceman.freeRanges()]) {
    const first = start / BLOCK_SIZE;
    const count = spaceman.takeAt(first, Math.min(length / BLOCK_SIZE, end - first));
    if (count > 0) extents.push({ start: first, count });
  }
  container.unmount();
  return extents;
}
export function letGo(device: BlockDevice, extents: readonly Extent[]): void {
  const container = new Container(device, mountOptions);
  for (const { start, count } of extents) container.spaceman.free(start, count);
  container.unmount();
}
