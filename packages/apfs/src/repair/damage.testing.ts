// Ways in which a container of ours can be damaged so that everything needed to mend it is still there. Only tests import this.

import { u64le } from '@tintype/core';
import type { Random, SparseDevice } from '@tintype/testkit';
import { recordAt } from '../btree/cursor.js';
import { DiskNode } from '../btree/disk-node.js';
import { EXTENT_REFERENCE_TREE, fileSystemTree, type TreeKind } from '../btree/kinds.js';
import { mountOptions } from '../container.testing.js';
import { get64, put64, seal, viewOf } from '../object.js';
import { ContainerReader } from '../reading/container-reader.js';
import { chunks } from '../reading/free-space.js';
import { VolumeHead } from '../reading/volume-head.js';
import { volumeParts } from '../reading/volume-parts.js';
import { idAt, typeAt } from '../records/ids.js';
import { ObjectScan } from '../salvage/scan.js';
import { NxSuperblock } from '../structs/container.js';
import { DirectoryValue, InodeValue, PhysicalExtentValue, RECORD_TYPE } from '../structs/records.js';
import { ChunkInfo, ChunkInfoBlock, Spaceman, SpacemanDevice } from '../structs/spaceman.js';
import { INODE, VolumeSuperblock } from '../structs/volume.js';
import { Catalog } from '../writing/catalog.js';
import { Container } from '../writing/container.js';
import type { Mounted } from '../writing/mounted.js';

const BLOCK = 4096;

export interface Damage {
  readonly name: string;
  readonly apply: (device: SparseDevice, random: Random) => void;
  /** What was changed last is gone with the checkpoint that is. */
  readonly losesLast?: boolean;
}

function edit(device: SparseDevice, block: number, change: (view: DataView) => void): void {
  const bytes = new Uint8Array(BLOCK);
  device.read(block * BLOCK, bytes);
  change(viewOf(bytes));
  seal(viewOf(bytes));
  device.write(block * BLOCK, bytes);
}

/** The block of the newest superblock, and that of the first block of its checkpoint. */
function ring(device: SparseDevice): { readonly superblock: number; readonly map: number } {
  const { superblock } = new ContainerReader(device);
  const base = u64le(superblock, 0, NxSuperblock.at.nx_xp_desc_base);
  const count = superblock.getUint32(NxSuperblock.at.nx_xp_desc_blocks, true);
  const index = superblock.getUint32(NxSuperblock.at.nx_xp_desc_index, true);
  const length = superblock.getUint32(NxSuperblock.at.nx_xp_desc_len, true);
  return { superblock: base + ((index + length - 1) % count), map: base + (index % count) };
}

function volumeBlock(device: SparseDevice): number {
  const reader = new ContainerReader(device);
  return reader.omap.require(reader.volumes()[0]?.oid ?? 0, reader.xid).block;
}

/** One of the volume's records in use. */
function editRecord(
  device: SparseDevice,
  random: Random,
  wanted: (view: DataView, key: number, value: number) => boolean,
  change: (view: DataView, value: number) => void,
): void {
  const reader = new ContainerReader(device);
  const head = reader.volumes()[0]?.head;
  if (!(head instanceof VolumeHead)) throw new Error('there is a volume');
  const map = reader.mapOf(head);
  const scan = new ObjectScan(device, BLOCK);
  scan.run([], () => {});
  const current = [...scan.nodes].flatMap(([oid, versions]) => {
    const block = map.find(oid, reader.xid)?.block;
    return versions.filter((version) => version.block === block && version.level === 0);
  });
  editIn(
    device,
    random,
    fileSystemTree('hashed'),
    current.map(({ block }) => block),
    { wanted, change },
  );
}

interface RecordEdit {
  readonly wanted: (view: DataView, key: number, value: number) => boolean;
  readonly change: (view: DataView, value: number) => void;
}

function editIn(
  device: SparseDevice,
  random: Random,
  kind: TreeKind,
  blocks: readonly number[],
  { wanted, change }: RecordEdit,
): void {
  const places: { block: number; value: number }[] = [];
  for (const block of blocks) {
    const bytes = new Uint8Array(BLOCK);
    device.read(block * BLOCK, bytes);
    const isRoot = (viewOf(bytes).getUint16(32, true) & 1) !== 0;
    const node = new DiskNode(kind, bytes, { place: block * BLOCK, level: isRoot ? null : 0 });
    for (let i = 0; i < node.count; i += 1) {
      const { view, keyAt, valueAt } = recordAt(node, i);
      if (wanted(view, keyAt, valueAt)) places.push({ block, value: valueAt });
    }
  }
  const { block, value } = random.pick(places);
  edit(device, block, (view) => change(view, value));
}

function isInode(kind: 'folder' | 'file') {
  return (view: DataView, key: number, value: number): boolean => {
    if (typeAt(view, key) !== RECORD_TYPE.inode || idAt(view, key) < INODE.firstUser) return false;
    return view.getUint16(value + InodeValue.at.mode, true) >>> 12 === (kind === 'folder' ? 4 : 8);
  };
}
const isType = (type: number) => (view: DataView, key: number) => typeAt(view, key) === type;

/** Something that a writer would never do, by its own means. */
function withWriter(device: SparseDevice, change: (volume: Mounted, catalog: Catalog) => void): void {
  const container = new Container(device, mountOptions);
  const [volume] = container.volumes;
  if (!volume) throw new Error('there is a volume');
  volume.require({ catalog: 4, references: 4 });
  change(volume, new Catalog(volume));
  volume.changed = true;
  container.unmount();
}

/** Keys of the tree's records of a type. */
function keysOf(device: SparseDevice, type: number, wanted: (view: DataView, value: number) => boolean): Uint8Array[] {
  const reader = new ContainerReader(device);
  const head = reader.volumes()[0]?.head;
  if (!(head instanceof VolumeHead)) throw new Error('there is a volume');
  const keys: Uint8Array[] = [];
  const { tree } = volumeParts(reader, head);
  const visit = (node: ReturnType<typeof tree.root>): void => {
    for (let i = 0; i < node.count; i += 1) {
      if (node.level > 0) visit(tree.child(node, i));
      else if (typeAt(node.view, node.keyAt(i)) === type && wanted(node.view, node.valueAt(i)))
        keys.push(node.bytes.slice(node.keyAt(i), node.keyAt(i) + node.keyLength(i)));
    }
  };
  visit(tree.root());
  return keys;
}

const volumeField = (field: 'apfs_num_files' | 'apfs_num_directories' | 'apfs_num_symlinks' | 'apfs_fs_alloc_count') =>
  ({
    name: field,
    apply: (device, random) =>
      edit(device, volumeBlock(device), (view) => {
        const at = VolumeSuperblock.at[field];
        put64(view, at, get64(view, at) + 1 + random.below(1000));
      }),
  }) satisfies Damage;

const firstChunk = (device: SparseDevice) => {
  const [chunk] = [...chunks(new ContainerReader(device))];
  if (!chunk) throw new Error('there is a chunk');
  return chunk;
};

export const damages: readonly Damage[] = [
  { name: 'block 0 is gone', apply: (device) => device.write(0, new Uint8Array(BLOCK)) },
  {
    name: 'block 0 is torn',
    apply: (device, random) => device.write(512 * (1 + random.below(7)), new Uint8Array(512).fill(7)),
  },
  {
    name: 'block 0 tells something else',
    apply: (device) => edit(device, 0, (view) => view.setUint32(NxSuperblock.at.nx_xp_desc_next, 99, true)),
  },
  {
    name: 'the newest superblock is gone',
    apply: (device) => device.write(ring(device).superblock * BLOCK, new Uint8Array(BLOCK)),
    losesLast: true,
  },
  {
    name: 'the newest map is torn',
    apply: (device) => device.write(ring(device).map * BLOCK + 100, new Uint8Array([1, 2, 3])),
    losesLast: true,
  },
  volumeField('apfs_num_files'),
  volumeField('apfs_num_directories'),
  volumeField('apfs_num_symlinks'),
  volumeField('apfs_fs_alloc_count'),
  {
    name: 'a folder counts wrongly',
    apply: (device, random) =>
      editRecord(device, random, isInode('folder'), (view, value) =>
        view.setUint32(value + InodeValue.at.nchildren_or_nlink, 1000 + random.below(1000), true),
      ),
  },
  {
    name: 'a file counts its names wrongly',
    apply: (device, random) =>
      editRecord(device, random, isInode('file'), (view, value) =>
        view.setUint32(value + InodeValue.at.nchildren_or_nlink, 5 + random.below(10), true),
      ),
  },
  {
    name: 'a name tells another type',
    apply: (device, random) =>
      editRecord(device, random, isType(RECORD_TYPE.directory), (view, value) => {
        const at = value + DirectoryValue.at.flags;
        view.setUint16(at, view.getUint16(at, true) === 8 ? 10 : 8, true);
      }),
  },
  {
    name: 'a stream counts its users wrongly',
    apply: (device, random) =>
      editRecord(device, random, isType(RECORD_TYPE.dstreamId), (view, value) => view.setUint32(value, 7, true)),
  },
  {
    name: 'blocks are counted more often than they are used',
    apply: (device, random) => {
      const head = new ContainerReader(device).volumes()[0]?.head;
      if (!(head instanceof VolumeHead)) throw new Error('there is a volume');
      const leaf = firstLeaf(device, head.number('apfs_extentref_tree_oid'));
      editIn(device, random, EXTENT_REFERENCE_TREE, [leaf], {
        wanted: (_view, _key, value) => value > 0,
        change: (view, value) => view.setInt32(value + PhysicalExtentValue.at.refcnt, 2, true),
      });
    },
  },
  {
    name: 'the space manager counts wrongly',
    apply: (device, random) => {
      const reader = new ContainerReader(device);
      const oid = u64le(reader.superblock, 0, NxSuperblock.at.nx_spaceman_oid);
      const place = reader.checkpoint.ephemerals.find((each) => each.oid === oid);
      edit(device, place?.block ?? 0, (view) => {
        const at = Spaceman.at.sm_dev + SpacemanDevice.at.sm_free_count;
        put64(view, at, get64(view, at) - 1 - random.below(100));
      });
    },
  },
  {
    name: 'a chunk counts wrongly',
    apply: (device, random) =>
      edit(device, firstChunk(device).cib, (view) => {
        const at = ChunkInfoBlock.size + ChunkInfo.at.ci_free_count;
        view.setUint32(at, view.getUint32(at, true) - 1 - random.below(50), true);
      }),
  },
  {
    name: 'blocks in use are marked free',
    apply: (device, random) => flip(device, random, 'used'),
  },
  {
    name: 'free blocks are marked used',
    apply: (device, random) => flip(device, random, 'free'),
  },
  {
    name: 'the bitmap is zeros',
    apply: (device) => device.write(firstChunk(device).bitmap * BLOCK, new Uint8Array(BLOCK)),
  },
  {
    name: 'a name is gone',
    apply: (device, random) => {
      const key = random.pick(keysOf(device, RECORD_TYPE.directory, (view, value) => get64(view, value) >= 20));
      withWriter(device, (_volume, catalog) => catalog.removeKey(key));
    },
  },
  ...[RECORD_TYPE.siblingLink, RECORD_TYPE.siblingMap].map(
    (type): Damage => ({
      name: `a record of a hard link is gone, of type ${type}`,
      apply: (device, random) => {
        const key = random.pick(keysOf(device, type, () => true));
        withWriter(device, (_volume, catalog) => catalog.removeKey(key));
      },
    }),
  ),
  {
    name: 'a link does not lead back',
    apply: (device, random) =>
      editRecord(device, random, isType(RECORD_TYPE.siblingMap), (view, value) => put64(view, value, 2)),
  },
  {
    name: 'an inode tells another folder',
    apply: (device, random) =>
      editRecord(device, random, isInode('file'), (view, value) =>
        put64(view, value + InodeValue.at.parent_id, INODE.root + 1000),
      ),
  },
  {
    name: 'the record of a stream is gone',
    apply: (device, random) => {
      const key = random.pick(keysOf(device, RECORD_TYPE.dstreamId, () => true));
      withWriter(device, (_volume, catalog) => catalog.removeKey(key));
    },
  },
  {
    name: 'the count of some blocks is gone',
    apply: (device, random) => {
      withWriter(device, (volume, catalog) => {
        const tree = volume.extentReferences;
        const all: Uint8Array[] = [];
        catalog.record.bytes.fill(0, 0, 8);
        catalog.record.view.setUint8(7, RECORD_TYPE.extent << 4);
        catalog.record.keyLength = 8;
        tree.scan(catalog.record, (leaf, index) => {
          all.push(leaf.bytes.slice(leaf.keyAt(index), leaf.keyAt(index) + 8));
          return true;
        });
        catalog.record.bytes.set(random.pick(all));
        catalog.record.keyLength = 8;
        tree.remove(catalog.record);
      });
    },
  },
];

/** Of a physical tree. */
function firstLeaf(device: SparseDevice, root: number): number {
  const bytes = new Uint8Array(BLOCK);
  device.read(root * BLOCK, bytes);
  const view = viewOf(bytes);
  const isRoot = (view.getUint16(32, true) & 1) !== 0;
  const node = new DiskNode(EXTENT_REFERENCE_TREE, bytes, {
    place: root * BLOCK,
    level: isRoot ? null : view.getUint16(34, true),
  });
  return node.level === 0 ? root : firstLeaf(device, node.childAt(0));
}

function flip(device: SparseDevice, random: Random, from: 'used' | 'free'): void {
  const { bitmap, count } = firstChunk(device);
  const bytes = new Uint8Array(BLOCK);
  device.read(bitmap * BLOCK, bytes);
  const wanted = from === 'used' ? 1 : 0;
  for (let i = 0, done = 0; i < 100_000 && done < 20; i += 1) {
    const bit = random.below(count);
    if ((((bytes[bit >>> 3] as number) >>> (bit & 7)) & 1) !== wanted) continue;
    bytes[bit >>> 3] = (bytes[bit >>> 3] as number) ^ (1 << (bit & 7));
    done += 1;
  }
  device.write(bitmap * BLOCK, bytes);
}
