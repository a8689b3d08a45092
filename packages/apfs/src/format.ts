// A new container with one volume: one checkpoint, xid 1. The order of things in it is that of macOS: checkpoint areas, ring of
// the pool's bitmaps, pool, object maps and trees. Block 0 is written last. See docs/formats/apfs.md.

import { type BlockDevice, type FormatOptions, showSize, UnsupportedError } from '@tintype/core';
import { EXTENT_REFERENCE_TREE, FREE_QUEUE_TREE, fileSystemTree, OMAP_TREE, SNAPSHOT_TREE } from './btree/kinds.js';
import { Node, RecordBuffer } from './btree/node.js';
import { type Geometry, geometry, spacemanLayout } from './geometry.js';
import { canonical, nameHash } from './names.js';
import { put64, putHeader, seal, viewOf } from './object.js';
import { putNameKey, putNameValue } from './records/directory-record.js';
import { beginInode, nameField, putFields } from './records/inode-record.js';
import { type ChunkRecord, chunkInfoBlock, cibAddressBlock } from './space/chunk-blocks.js';
import { BtreeInfo, BtreeNode } from './structs/btree.js';
import { CHECKPOINT_MAP_LAST, CheckpointMap, CheckpointMapping } from './structs/checkpoint.js';
import { BLOCK_SIZE, NX_INCOMPAT, NX_MAGIC, NX_SUPERBLOCK_OID, NxSuperblock } from './structs/container.js';
import { OBJECT_TYPE, STORAGE } from './structs/object.js';
import { OMAP_MANUALLY_MANAGED, Omap, OmapKey, OmapValue } from './structs/object-map.js';
import { NxReaper, REAPER_FLAGS, REAPER_STATE_SIZE } from './structs/reaper.js';
import { DirectoryValue, INODE_FLAGS, InodeValue } from './structs/records.js';
import {
  BLOCKS_PER_CHUNK,
  CHUNKS_PER_CIB,
  CIBS_PER_CAB,
  FreeQueue,
  IP_BM_INDEX_INVALID,
  IP_BM_TX_MULTIPLIER,
  SM_FLAG_VERSIONED,
  SPACEMAN_SIZE,
  Spaceman,
  SpacemanDevice,
} from './structs/spaceman.js';
import {
  APFS_MAGIC,
  INODE,
  MIN_DOC_ID,
  ModifiedBy,
  VOLUME_FEATURE_HARDLINK_MAP,
  VOLUME_FLAGS,
  VOLUME_INCOMPAT,
  VOLUME_NAME_SIZE,
  VolumeSuperblock,
} from './structs/volume.js';
import { putTime } from './time.js';

/** With a partition map beside it, what is left of a disk of 1 MB. */
const SMALLEST = 900_000;
const LARGEST = 16e12;
const XID = 1;
const PROGRAM = 'tintype';
const OID = { spaceman: 1024, reaper: 1025, volume: 1026, poolQueue: 1027, root: 1028, mainQueue: 1029, next: 1030 };
const FOLDER_TYPE = 4;

/** Blocks of everything that a new container holds, in the order they lie. */
interface Layout extends Geometry {
  readonly descriptors: number;
  readonly data: number;
  readonly ring: number;
  readonly pool: number;
  readonly omap: number;
  readonly omapRoot: number;
  readonly volume: number;
  readonly volumeOmap: number;
  readonly volumeOmapRoot: number;
  readonly catalogRoot: number;
  readonly extentReferences: number;
  readonly snapshots: number;
  readonly used: number;
  /** Chunks that hold used blocks: each has a bitmap in the pool. */
  readonly usedChunks: number;
}

function layoutOf(blocks: number): Layout {
  const parts = geometry(blocks);
  const data = 1 + parts.descriptorBlocks;
  const ring = data + parts.dataBlocks;
  const pool = ring + parts.poolRingBlocks;
  const omap = pool + parts.poolBlocks;
  const used = omap + 8;
  return {
    ...parts,
    descriptors: 1,
    data,
    ring,
    pool,
    omap,
    omapRoot: omap + 1,
    volume: omap + 2,
    volumeOmap: omap + 3,
    volumeOmapRoot: omap + 4,
    catalogRoot: omap + 5,
    extentReferences: omap + 6,
    snapshots: omap + 7,
    used,
    usedChunks: Math.ceil(used / BLOCKS_PER_CHUNK),
  };
}

/** @throws UnsupportedError for sizes below 1 MB or above 16 TB */
export function format(device: BlockDevice, options: FormatOptions): void {
  if (device.size < SMALLEST || device.size > LARGEST)
    throw new UnsupportedError(
      `APFS volumes have ${showSize(SMALLEST)} to ${showSize(LARGEST)}, not ${showSize(device.size)}`,
      {
        size: device.size,
      },
    );
  const layout = layoutOf(Math.floor(device.size / BLOCK_SIZE));
  const writer = new Writer(device);
  clear(device, BLOCK_SIZE, layout.descriptorBlocks * BLOCK_SIZE);
  putPool(writer, layout);
  putMaps(writer, layout);
  putVolume(writer, layout, options);
  putTrees(writer, layout, options);
  const ephemerals = [spaceman(layout), reaper(), queueRoot(OID.poolQueue), queueRoot(OID.mainQueue)];
  const superblock = putCheckpoint(writer, layout, ephemerals, options);
  device.flush();
  writer.put(layout.descriptors + 1, superblock);
  device.flush();
  writer.put(0, superblock);
  device.flush();
}

/** An older checkpoint must not be found. Where there is none nothing is touched: zeroing would punch a preallocated file. */
function clear(device: BlockDevice, position: number, length: number): void {
  const bytes = new Uint8Array(length);
  device.read(position, bytes);
  if (bytes.some((byte) => byte !== 0)) device.zero(position, length);
}

/** Objects of whole blocks, sealed as they are written. */
class Writer {
  readonly #device: BlockDevice;
  constructor(device: BlockDevice) {
    this.#device = device;
  }
  put(block: number, view: DataView): void {
    seal(view);
    this.putRaw(block, view);
  }
  putRaw(block: number, view: DataView): void {
    this.#device.write(block * BLOCK_SIZE, new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  }
}

function blocksOf(count: number): DataView {
  return new DataView(new ArrayBuffer(count * BLOCK_SIZE));
}
const physical = (type: number) => (STORAGE.physical | type) >>> 0;
const ephemeral = (type: number) => (STORAGE.ephemeral | type) >>> 0;

/** Bits `[0, count)` set, from bit `from` of the whole on. */
function bitmapOf(from: number, count: number): DataView {
  const view = blocksOf(1);
  const bits = Math.min(Math.max(0, count - from), BLOCK_SIZE * 8);
  const whole = Math.floor(bits / 8);
  new Uint8Array(view.buffer).fill(0xff, 0, whole);
  if (bits % 8 > 0) view.setUint8(whole, (1 << (bits % 8)) - 1);
  return view;
}

/** Bitmaps of used chunks, then all chunk infos, then their addresses; and the pool's own bitmap in slot 0 of its ring. */
function putPool(writer: Writer, layout: Layout): void {
  const { blocks, chunks, cibs, cabs, usedChunks, used, pool } = layout;
  for (let chunk = 0; chunk < usedChunks; chunk += 1)
    writer.putRaw(pool + chunk, bitmapOf(chunk * BLOCKS_PER_CHUNK, used));
  const addresses: number[] = [];
  for (let index = 0; index < cibs; index += 1) {
    const block = pool + usedChunks + index;
    const first = index * CHUNKS_PER_CIB;
    const records: ChunkRecord[] = [];
    for (let chunk = first; chunk < Math.min(chunks, first + CHUNKS_PER_CIB); chunk += 1) {
      const start = chunk * BLOCKS_PER_CHUNK;
      const size = Math.min(BLOCKS_PER_CHUNK, blocks - start);
      const free = size - Math.min(size, Math.max(0, used - start));
      records.push({ start, size, free, bitmap: chunk < usedChunks ? pool + chunk : 0, xid: XID });
    }
    writer.putRaw(block, viewOf(chunkInfoBlock({ index, block, xid: XID }, records)));
    addresses.push(block);
  }
  for (let index = 0; index < cabs; index += 1) {
    const block = pool + usedChunks + cibs + index;
    const part = addresses.slice(index * CIBS_PER_CAB, (index + 1) * CIBS_PER_CAB);
    writer.putRaw(block, viewOf(cibAddressBlock({ index, block, xid: XID }, part)));
  }
  const inPool = usedChunks + cibs + cabs;
  for (let i = 0; i < layout.poolBitmapBlocks; i += 1)
    writer.putRaw(layout.ring + i, bitmapOf(i * BLOCKS_PER_CHUNK, inPool));
}

function spaceman(layout: Layout): DataView {
  const { blocks, poolBitmapBlocks, poolRingBlocks, cabs, cibs, pool } = layout;
  const arrays = spacemanLayout(layout);
  const view = blocksOf(arrays.size / BLOCK_SIZE);
  putHeader(view, { oid: OID.spaceman, xid: XID, type: ephemeral(OBJECT_TYPE.spaceman), subtype: 0 });
  const at = Spaceman.at;
  view.setUint32(at.sm_block_size, BLOCK_SIZE, true);
  view.setUint32(at.sm_blocks_per_chunk, BLOCKS_PER_CHUNK, true);
  view.setUint32(at.sm_chunks_per_cib, CHUNKS_PER_CIB, true);
  view.setUint32(at.sm_cibs_per_cab, CIBS_PER_CAB, true);
  const main = {
    sm_block_count: blocks,
    sm_chunk_count: layout.chunks,
    sm_cib_count: cibs,
    sm_cab_count: cabs,
    sm_free_count: blocks - layout.used,
    sm_addr_offset: arrays.addresses,
    sm_reserved: 0,
    sm_reserved2: 0,
  };
  SpacemanDevice.write(view, at.sm_dev, main);
  view.setUint32(at.sm_dev + SpacemanDevice.size + SpacemanDevice.at.sm_addr_offset, arrays.tier2Addresses, true);
  view.setUint32(at.sm_flags, SM_FLAG_VERSIONED, true);
  view.setUint32(at.sm_ip_bm_tx_multiplier, IP_BM_TX_MULTIPLIER, true);
  put64(view, at.sm_ip_block_count, layout.poolBlocks);
  view.setUint32(at.sm_ip_bm_size_in_blocks, poolBitmapBlocks, true);
  view.setUint32(at.sm_ip_bm_block_count, poolRingBlocks, true);
  put64(view, at.sm_ip_bm_base, layout.ring);
  put64(view, at.sm_ip_base, pool);
  putQueue(view, 0, OID.poolQueue, layout.poolQueueLimit);
  putQueue(view, 1, OID.mainQueue, layout.mainQueueLimit);
  view.setUint16(at.sm_ip_bm_free_head, poolBitmapBlocks, true);
  view.setUint16(at.sm_ip_bm_free_tail, poolRingBlocks - 1, true);
  view.setUint32(at.sm_ip_bm_xid_offset, arrays.xids, true);
  view.setUint32(at.sm_ip_bitmap_offset, arrays.slots, true);
  view.setUint32(at.sm_ip_bm_free_next_offset, arrays.freeNext, true);
  view.setUint32(at.sm_version, 1, true);
  view.setUint32(at.sm_struct_size, SPACEMAN_SIZE, true);
  for (let i = 0; i < poolBitmapBlocks; i += 1) {
    put64(view, arrays.xids + 8 * i, XID);
    view.setUint16(arrays.slots + 2 * i, i, true);
  }
  for (let slot = 0; slot < poolRingBlocks; slot += 1) {
    const isLinked = slot >= poolBitmapBlocks && slot < poolRingBlocks - 1;
    view.setUint16(arrays.freeNext + 2 * slot, isLinked ? slot + 1 : IP_BM_INDEX_INVALID, true);
  }
  const addresses = cabs || cibs;
  const first = pool + layout.usedChunks + (cabs > 0 ? cibs : 0);
  for (let i = 0; i < addresses; i += 1) put64(view, arrays.addresses + 8 * i, first + i);
  return view;
}

function putQueue(view: DataView, index: number, oid: number, limit: number): void {
  const at = Spaceman.at.sm_fq + index * FreeQueue.size;
  put64(view, at + FreeQueue.at.sfq_tree_oid, oid);
  view.setUint16(at + FreeQueue.at.sfq_tree_node_limit, limit, true);
}

function reaper(): DataView {
  const view = blocksOf(1);
  putHeader(view, { oid: OID.reaper, xid: XID, type: ephemeral(OBJECT_TYPE.reaper), subtype: 0 });
  put64(view, NxReaper.at.nr_next_reap_id, 1);
  view.setUint32(NxReaper.at.nr_flags, REAPER_FLAGS.magicBlockHeadersMaintained, true);
  view.setUint32(NxReaper.at.nr_state_buffer_size, REAPER_STATE_SIZE, true);
  return view;
}

function queueRoot(oid: number): DataView {
  const node = Node.make(FREE_QUEUE_TREE, 0, 'root');
  node.setHeader(oid, XID);
  return node.view;
}

/** Both object maps: of the container with the volume, of the volume with the root of its tree. */
function putMaps(writer: Writer, layout: Layout): void {
  const { omap, omapRoot, volumeOmap, volumeOmapRoot } = layout;
  putMap(writer, { block: omap, root: omapRoot, flags: OMAP_MANUALLY_MANAGED }, OID.volume, layout.volume);
  putMap(writer, { block: volumeOmap, root: volumeOmapRoot, flags: 0 }, OID.root, layout.catalogRoot);
}

interface MapPlace {
  readonly block: number;
  readonly root: number;
  readonly flags: number;
}

function putMap(writer: Writer, { block, root, flags }: MapPlace, oid: number, target: number): void {
  const view = blocksOf(1);
  putHeader(view, { oid: block, xid: XID, type: physical(OBJECT_TYPE.omap), subtype: 0 });
  view.setUint32(Omap.at.om_flags, flags, true);
  view.setUint32(Omap.at.om_tree_type, physical(OBJECT_TYPE.btree), true);
  view.setUint32(Omap.at.om_snapshot_tree_type, physical(OBJECT_TYPE.btree), true);
  put64(view, Omap.at.om_tree_oid, root);
  writer.put(block, view);
  const node = Node.make(OMAP_TREE, 0, 'root');
  const record = new RecordBuffer();
  OmapKey.write(record.view, 0, { ok_oid: oid, ok_xid: XID });
  OmapValue.write(record.view, OmapKey.size, { ov_flags: 0, ov_size: BLOCK_SIZE, ov_paddr: target });
  record.keyLength = OmapKey.size;
  record.valueLength = OmapValue.size;
  node.insert(0, record);
  putNode(writer, node, root, root);
}

function putNode(writer: Writer, node: Node, oid: number, block: number): void {
  node.setHeader(oid, XID);
  put64(
    node.view,
    BLOCK_SIZE - BtreeInfo.size + BtreeInfo.at.bt_key_count,
    node.view.getUint32(BtreeNode.at.btn_nkeys, true),
  );
  writer.put(block, node.view);
}

function putVolume(writer: Writer, layout: Layout, options: FormatOptions): void {
  const view = blocksOf(1);
  const at = VolumeSuperblock.at;
  putHeader(view, { oid: OID.volume, xid: XID, type: OBJECT_TYPE.volume, subtype: 0 });
  view.setUint32(at.apfs_magic, APFS_MAGIC, true);
  put64(view, at.apfs_features, VOLUME_FEATURE_HARDLINK_MAP);
  const { normalizationInsensitive, caseInsensitive } = VOLUME_INCOMPAT;
  put64(view, at.apfs_incompatible_features, options.caseSensitive ? normalizationInsensitive : caseInsensitive);
  putTime(view, at.apfs_unmount_time, options.now, 0);
  // The object map and the roots of four trees: the superblock itself does not count.
  put64(view, at.apfs_fs_alloc_count, 5);
  view.setUint16(at.apfs_meta_crypto_major, 5, true);
  view.setUint32(at.apfs_meta_crypto_class, 6, true);
  view.setUint16(at.apfs_meta_crypto_revision, 1, true);
  view.setUint32(at.apfs_root_tree_type, OBJECT_TYPE.btree, true);
  view.setUint32(at.apfs_extentref_tree_type, physical(OBJECT_TYPE.btree), true);
  view.setUint32(at.apfs_snap_meta_tree_type, physical(OBJECT_TYPE.btree), true);
  put64(view, at.apfs_omap_oid, layout.volumeOmap);
  put64(view, at.apfs_root_tree_oid, OID.root);
  put64(view, at.apfs_extentref_tree_oid, layout.extentReferences);
  put64(view, at.apfs_snap_meta_tree_oid, layout.snapshots);
  put64(view, at.apfs_next_obj_id, INODE.firstUser);
  new Uint8Array(view.buffer).set(uuid(options.random), at.apfs_vol_uuid);
  putTime(view, at.apfs_last_mod_time, options.now, 0);
  put64(view, at.apfs_fs_flags, VOLUME_FLAGS.unencrypted);
  Buffer.from(view.buffer).write(PROGRAM, at.apfs_formatted_by, 'latin1');
  putTime(view, at.apfs_formatted_by + ModifiedBy.at.timestamp, options.now, 0);
  put64(view, at.apfs_formatted_by + ModifiedBy.at.last_xid, XID);
  new Uint8Array(view.buffer).set(volumeName(options.volumeName), at.apfs_volname);
  view.setUint32(at.apfs_next_doc_id, MIN_DOC_ID, true);
  writer.put(layout.volume, view);
}

/** As much of the name as fits whole, and never none. */
function volumeName(name: string): Uint8Array {
  let kept = '';
  for (const character of name.replaceAll('\0', '').toWellFormed()) {
    if (Buffer.byteLength(kept + character) >= VOLUME_NAME_SIZE) break;
    kept += character;
  }
  return Buffer.from(kept || 'Untitled');
}

/** Version 4, random. */
function uuid(random: (target: Uint8Array) => void): Uint8Array {
  const bytes = new Uint8Array(16);
  random(bytes);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return bytes;
}

/** The file-system tree with its two folders, and the two that are empty. */
function putTrees(writer: Writer, layout: Layout, options: FormatOptions): void {
  const node = Node.make(fileSystemTree('hashed'), 0, 'root');
  const record = new RecordBuffer();
  const names = options.caseSensitive ? 'exact' : 'folded';
  const add = (): void => {
    const last = node.search(record.view, 0, record.keyLength);
    node.insert(last + 1, record);
    const longest = BLOCK_SIZE - BtreeInfo.size;
    const key = longest + BtreeInfo.at.bt_longest_key;
    const value = longest + BtreeInfo.at.bt_longest_val;
    node.view.setUint32(key, Math.max(record.keyLength, node.view.getUint32(key, true)), true);
    node.view.setUint32(value, Math.max(record.valueLength, node.view.getUint32(value, true)), true);
  };
  const folders = [
    { id: INODE.privateFolder, name: 'private-dir', mode: 0o40755, uid: 0, gid: 0 },
    { id: INODE.root, name: 'root', mode: 0o40755, uid: options.uid, gid: options.gid },
  ];
  for (const { id, name, mode, uid, gid } of folders) {
    const hash = nameHash(canonical(name, names));
    putNameKey(record, { folder: INODE.rootParent, name: Buffer.from(name), hash });
    const value = putNameValue(record, id, FOLDER_TYPE, 0);
    putTime(record.view, value + DirectoryValue.at.date_added, options.now, 0);
    add();
    const at = beginInode(record, id, INODE.rootParent);
    const fields = InodeValue.at;
    for (const time of [fields.create_time, fields.mod_time, fields.change_time, fields.access_time])
      putTime(record.view, at + time, options.now, 0);
    put64(record.view, at + fields.internal_flags, INODE_FLAGS.noResourceFork);
    record.view.setUint32(at + fields.write_generation_counter, 1, true);
    record.view.setUint32(at + fields.owner, uid, true);
    record.view.setUint32(at + fields.group, gid, true);
    record.view.setUint16(at + fields.mode, mode, true);
    record.valueLength = InodeValue.size + putFields(record.view, at + InodeValue.size, [nameField(name)]);
    add();
  }
  putNode(writer, node, OID.root, layout.catalogRoot);
  putNode(writer, Node.make(EXTENT_REFERENCE_TREE, 0, 'root'), layout.extentReferences, layout.extentReferences);
  putNode(writer, Node.make(SNAPSHOT_TREE, 0, 'root'), layout.snapshots, layout.snapshots);
}

/** Writes the ephemeral objects and their map; answers the superblock that completes the checkpoint. */
function putCheckpoint(
  writer: Writer,
  layout: Layout,
  ephemerals: readonly DataView[],
  options: FormatOptions,
): DataView {
  const map = blocksOf(1);
  putHeader(map, { oid: layout.descriptors, xid: XID, type: physical(OBJECT_TYPE.checkpointMap), subtype: 0 });
  map.setUint32(CheckpointMap.at.cpm_flags, CHECKPOINT_MAP_LAST, true);
  map.setUint32(CheckpointMap.at.cpm_count, ephemerals.length, true);
  let length = 0;
  for (const [i, object] of ephemerals.entries()) {
    writer.put(layout.data + length, object);
    CheckpointMapping.write(map, CheckpointMap.size + i * CheckpointMapping.size, {
      cpm_type: object.getUint32(BtreeNode.at.o_type, true),
      cpm_subtype: object.getUint32(BtreeNode.at.o_subtype, true),
      cpm_size: object.byteLength,
      cpm_pad: 0,
      cpm_fs_oid: 0,
      cpm_oid: object.getUint32(BtreeNode.at.o_oid, true),
      cpm_paddr: layout.data + length,
    });
    length += object.byteLength / BLOCK_SIZE;
  }
  writer.put(layout.descriptors, map);
  return superblock(layout, length, options);
}

function superblock(layout: Layout, dataLength: number, { random }: FormatOptions): DataView {
  const view = blocksOf(1);
  const at = NxSuperblock.at;
  const type = ephemeral(OBJECT_TYPE.superblock);
  putHeader(view, { oid: NX_SUPERBLOCK_OID, xid: XID, type, subtype: 0 });
  view.setUint32(at.nx_magic, NX_MAGIC, true);
  view.setUint32(at.nx_block_size, BLOCK_SIZE, true);
  put64(view, at.nx_block_count, layout.blocks);
  put64(view, at.nx_incompatible_features, NX_INCOMPAT.version2);
  new Uint8Array(view.buffer).set(uuid(random), at.nx_uuid);
  put64(view, at.nx_next_oid, OID.next);
  put64(view, at.nx_next_xid, XID + 1);
  view.setUint32(at.nx_xp_desc_blocks, layout.descriptorBlocks, true);
  view.setUint32(at.nx_xp_data_blocks, layout.dataBlocks, true);
  put64(view, at.nx_xp_desc_base, layout.descriptors);
  put64(view, at.nx_xp_data_base, layout.data);
  view.setUint32(at.nx_xp_desc_next, 2, true);
  view.setUint32(at.nx_xp_data_next, dataLength, true);
  view.setUint32(at.nx_xp_desc_len, 2, true);
  view.setUint32(at.nx_xp_data_len, dataLength, true);
  put64(view, at.nx_spaceman_oid, OID.spaceman);
  put64(view, at.nx_omap_oid, layout.omap);
  put64(view, at.nx_reaper_oid, OID.reaper);
  view.setUint32(at.nx_max_file_systems, layout.maxVolumes, true);
  put64(view, at.nx_fs_oid, OID.volume);
  view.setUint32(at.nx_ephemeral_info, (4 << 16) | 1, true);
  view.setUint32(at.nx_ephemeral_info + 4, layout.minEphemerals, true);
  return view;
}
