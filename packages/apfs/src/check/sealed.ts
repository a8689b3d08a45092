// The seal of a volume: an object with the hash of the root, and in every inner node the hashes of its children; the extents of files,
// which stand in a tree of their own. Hashes of data are not computed here. See docs/formats/apfs.md.

import { createHash } from 'node:crypto';
import { u32le, u64le } from '@tintype/core';
import { recordAt } from '../btree/cursor.js';
import type { DiskNode } from '../btree/disk-node.js';
import { physicalPlaces } from '../btree/disk-tree.js';
import { FILE_EXTENT_TREE } from '../btree/kinds.js';
import { idAt } from '../records/ids.js';
import { OBJECT_TYPE, STORAGE } from '../structs/object.js';
import { HASHES, INTEGRITY_BROKEN, IntegrityMetadata } from '../structs/sealed.js';
import { VolumeSuperblock } from '../structs/volume.js';
import type { ContainerCheck } from './container.js';
import { type FieldRules, judgeFields, oneOf, onlyBits, ZERO } from './fields.js';
import type { CheckedMap } from './object-maps.js';
import type { Report } from './report.js';
import type { StreamCheck } from './streams.js';
import { checkTree } from './tree.js';
import type { VolumeState } from './volume-objects.js';

const at = IntegrityMetadata.at;
const CHILD_SIZE = 8;

/** Bytes of the object, and the newest transaction that may have broken the seal. */
interface IntegrityFacts {
  readonly size: number;
  readonly xid: number;
}

const RULES: FieldRules<typeof IntegrityMetadata.fields, IntegrityFacts> = {
  im_version: oneOf(1, 2),
  im_flags: onlyBits(INTEGRITY_BROKEN),
  im_hash_type: oneOf(...Object.keys(HASHES).map(Number)),
  im_root_hash_offset: {
    wants: ({ size }) => `${IntegrityMetadata.size.toString(16)} to ${size.toString(16)}`,
    holds: (value, { size }) => value >= BigInt(IntegrityMetadata.size) && value < BigInt(size),
  },
  im_broken_xid: { wants: ({ xid }) => `at most ${xid.toString(16)}`, holds: (value, { xid }) => value <= BigInt(xid) },
  im_reserved: ZERO,
};

export interface Seal {
  readonly algorithm: string;
  /** Bytes of a hash. */
  readonly size: number;
  readonly root: Uint8Array;
}

/** What seals the volume in one state; null if it cannot be told. */
export function readSeal(check: ContainerCheck, map: CheckedMap, { head, xid, place }: VolumeState): Seal | null {
  const { container, report } = check;
  return report.attempt('integrity', place, () => {
    const oid = u64le(head.view, 0, VolumeSuperblock.at.apfs_integrity_meta_oid);
    const { block, size, xid: written } = map.use(oid, xid);
    const kind = { structure: 'integrity_meta_phys', type: OBJECT_TYPE.integrityMetadata, storage: STORAGE.virtual };
    const view = container.blocks.readObject(block, { ...kind, oid, xid: { exactly: written } }, size);
    report.header(`integrity of ${place}`, view);
    judgeFields(IntegrityMetadata, RULES, { view, at: 0, facts: { size, xid } }, (message) =>
      report.add('integrity', place, message),
    );
    const isBroken = (u32le(view, 0, at.im_flags) & INTEGRITY_BROKEN) !== 0;
    report.expect(
      !isBroken,
      'volume-odd',
      place,
      `its seal was broken, in transaction ${u64le(view, 0, at.im_broken_xid)}`,
    );
    const hash = HASHES[u32le(view, 0, at.im_hash_type)];
    const offset = u32le(view, 0, at.im_root_hash_offset);
    if (!hash || isBroken) return null;
    if (offset + hash.size > size) {
      report.add('integrity', place, `the hash of the root at ${offset} does not lie in the object`);
      return null;
    }
    return { ...hash, root: new Uint8Array(view.buffer, view.byteOffset + offset, hash.size) };
  });
}

/** What `checkTree` is to tell, so that the hash of each node is compared with that which its parent has. */
export function hashesOf(seal: Seal, report: Report, name: string) {
  const judge = (node: DiskNode, wanted: Uint8Array): void => {
    const found = createHash(seal.algorithm).update(node.bytes).digest();
    const place = `${name}, node at byte ${node.place}`;
    report.expect(Buffer.compare(found, wanted) === 0, 'integrity', place, 'has another hash');
  };
  return {
    visitRoot: (root: DiskNode): void => judge(root, seal.root),
    visitChild: (parent: DiskNode, index: number, child: DiskNode): void => {
      const value = parent.valueAt(index) + CHILD_SIZE;
      const size = parent.valueLength(index) - CHILD_SIZE;
      const isWhole = size === seal.size;
      report.expect(isWhole, 'integrity', name, `a hash of ${size} bytes for the node at byte ${child.place}`);
      if (isWhole) judge(child, parent.bytes.subarray(value, value + size));
    },
  };
}

export interface ExtentTree {
  readonly root: number;
  readonly name: string;
  readonly streams: StreamCheck;
  /** Nodes that another state of the volume has, too. */
  readonly known: Set<number>;
}

/** Extents of all files and attributes; false if some of them cannot be read. */
export function checkExtentTree(check: ContainerCheck, { root, name, streams, known }: ExtentTree): boolean {
  const { container, report, used } = check;
  const { blocks, xid } = container;
  const { isComplete } = checkTree({
    blocks,
    report,
    kind: FILE_EXTENT_TREE,
    name,
    root,
    resolve: physicalPlaces(blocks, xid),
    visitNode: (_, pointer) => {
      if (!known.has(pointer)) used.mark(pointer, 1, name);
      known.add(pointer);
    },
    visitRecord: (node, index) => {
      const record = recordAt(node, index);
      streams.extent(idAt(record.view, record.keyAt), record);
    },
  });
  return isComplete;
}
