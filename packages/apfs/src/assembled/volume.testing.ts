// A volume of an assembled container (docs/formats/apfs.md, sections 4, 5, 6.10, 6.11, 9). Only tests import this.

import { createHash } from 'node:crypto';
import { xts } from './encryption.testing.js';
import { bytesOf, draft, finish, PHYSICAL, put32, put64, putAll64, VIRTUAL } from './objects.testing.js';
import { bytes64, type Extent, inBlocks, type PlacedStream, sealedExtents, withExtents } from './records.testing.js';
import { type Crypt, type LaidVolume, layMap, mapping, type Site, type VolumeDraft } from './site.testing.js';
import type { Stretch } from './source.testing.js';
import { FORMS, type LaidTree, TREE, type TreeRecord } from './trees.testing.js';

const SEALED = 0x20;
/** Of a mapping: the object has no header. */
const NO_HEADER = 8;
const ENCRYPTED = 4;
const ENCRYPTED_OBJECT = 0x1000_0000;
const UNIT = 512;
/** What is encrypted counts from another number than that of its block, as it does once macOS moved it. */
const MOVED = 7777;
const HASH_AT = 0x80;

export function layVolume(site: Site, volume: VolumeDraft, { slot, oid }: { slot: number; oid: number }): LaidVolume {
  const { source, isSealed = false } = volume;
  const { size, xid } = site;
  // Everything that a snapshot keeps is of its transaction.
  const then = volume.snapshot === undefined ? xid : xid - 1;
  const placed = new Map(
    [...source.streams].map(([id, stream]) => [id, placedStream(site, inBlocks(stream, size), volume.key)]),
  );
  const records = withExtents(source, placed, { size, isSealed });
  const { key } = volume;
  const crypt: Crypt = (bytes, block) => (key ? xts('encrypt', key, bytes, block * (size / UNIT)) : bytes);
  const form = { flags: isSealed ? TREE.sealed : 0, storage: VIRTUAL + (key ? ENCRYPTED_OBJECT : 0) };
  const files = site.filesTree(form, records, then, crypt);
  const extents = isSealed ? site.physicalTree(FORMS.extents, sealedExtents(placed), then) : null;
  const references = site.physicalTree(FORMS.references, referencesOf(placed, size), then);
  const integrity = isSealed ? layIntegrity(site, files, then) : null;
  const trees = { files, extents, references, integrity };
  const snapshot = volume.snapshot === undefined ? null : laySnapshot(site, volume, { slot, trees, then });
  const mappings = files.nodes.map((node) =>
    mapping(site, node.oid, then, { block: node.block, flags: isSealed ? NO_HEADER : key ? ENCRYPTED : 0 }),
  );
  if (integrity) mappings.push(mapping(site, integrity.oid, then, integrity));
  const map = layMap(site, mappings, { flags: 0, snapshots: snapshot ? [then] : [] });
  const none = snapshot ? site.physicalTree(FORMS.references, [], xid) : null;
  const names = snapshot?.tree ?? site.physicalTree(FORMS.snapshots, [], xid);
  const nodes = [files, extents, references, none, names].reduce((sum, tree) => sum + (tree?.nodes.length ?? 0), 0);
  const data = [...placed.values()].flatMap((each) => each.extents).filter(({ block }) => block > 0);
  const dataBlocks = data.reduce((sum, { length }) => sum + length / size, 0);
  const superblock = site.take();
  const view = headOf(site, volume, { slot, trees, oid, xid, type: VIRTUAL + 0xd });
  putAll64(view, {
    128: map.block,
    144: (none ?? references).root.block,
    152: names.root.block,
    216: snapshot ? 1 : 0,
  });
  put64(view, 0x58, map.blocks + nodes + (integrity ? 1 : 0) + dataBlocks);
  if (volume.isMountedFromSnapshot) put64(view, 0x3c8, then);
  site.put(superblock, finish(view));
  return { superblock, files, extents, references, omap: map.tree, integrity: integrity?.block ?? 0 };
}

interface Trees {
  readonly files: LaidTree;
  readonly extents: LaidTree | null;
  readonly references: LaidTree;
  readonly integrity: { readonly oid: number } | null;
}
interface HeadFacts {
  readonly slot: number;
  readonly trees: Trees;
  readonly oid: number;
  readonly xid: number;
  readonly type: number;
}

/** The superblock of the source with what is other here; what leads to its map and its snapshots is left out. */
function headOf(site: Site, volume: VolumeDraft, { slot, trees, oid, xid, type }: HeadFacts): DataView {
  const view = draft(site.size, { oid, xid, type });
  const bytes = bytesOf(view);
  bytes.set(volume.source.superblock.subarray(32), 32);
  put32(view, { 36: slot });
  putAll64(view, { 128: 0, 136: trees.files.root.oid, 144: 0, 152: 0, 216: 0 });
  if (volume.isSealed) {
    put32(view, { 56: view.getUint32(0x38, true) | SEALED, 1040: PHYSICAL + 2 });
    putAll64(view, { 1024: trees.integrity?.oid ?? 0, 1032: trees.extents?.root.block ?? 0 });
  }
  if (volume.name !== undefined) {
    bytes.fill(0, 0x2c0, 0x3c0);
    bytes.set(Buffer.from(volume.name), 0x2c0);
  }
  if (volume.role !== undefined) view.setUint16(0x3c4, volume.role, true);
  if (volume.group) {
    bytes.set(volume.group, 0x3f0);
    view.setUint8(0x28, view.getUint8(0x28) | 0x10);
  }
  if (slot > 0) bytes[0xf0] = (bytes[0xf0] ?? 0) ^ slot;
  return view;
}

/** Data into blocks: pieces of a stream from its end to its beginning, so that no two extents touch. */
function placedStream(site: Site, stretches: readonly Stretch[], key: Uint8Array | undefined): PlacedStream {
  const { size, longestExtent } = site;
  const extents: Extent[] = [];
  const pieces = stretches.flatMap(({ position, length, bytes }) => {
    if (!bytes || !Number.isFinite(longestExtent)) return [{ position, length, bytes }];
    const step = longestExtent * size;
    return Array.from({ length: Math.ceil(length / step) }, (_, i) => {
      const part = bytes.subarray(i * step, (i + 1) * step);
      return { position: position + i * step, length: part.length, bytes: part };
    });
  });
  const end = stretches.at(-1);
  const content = new Uint8Array(end ? end.position + end.length : 0);
  for (const { position, length, bytes } of pieces.reverse()) {
    const block = bytes ? site.take(length / size) : 0;
    const cryptoId = key && bytes ? block + MOVED : 0;
    if (bytes) {
      site.put(block, key ? xts('encrypt', key, bytes, cryptoId * (size / UNIT)) : bytes);
      content.set(bytes, position);
    }
    extents.unshift({ position, length, block, cryptoId });
  }
  return { extents, content };
}

function referencesOf(placed: ReadonlyMap<bigint, PlacedStream>, size: number): TreeRecord[] {
  const all = [...placed].flatMap(([owner, { extents }]) => extents.map((extent) => ({ ...extent, owner })));
  const data = all.filter(({ block }) => block > 0).sort((a, b) => a.block - b.block);
  return data.map(({ block, length, owner }) => {
    const value = new Uint8Array(20);
    const view = new DataView(value.buffer);
    putAll64(view, { 0: BigInt(length / size) | (1n << 60n), 8: owner });
    put32(view, { 16: 1 });
    return { key: bytes64([BigInt(block) | (2n << 60n)]), value };
  });
}

/** Section 9.4: the hash of the root. */
function layIntegrity(site: Site, files: LaidTree, xid: number) {
  const oid = site.newOid();
  const block = site.take();
  const view = draft(site.size, { oid, xid, type: VIRTUAL + 0x1e });
  put32(view, { 32: 2, 40: 1, 44: HASH_AT });
  bytesOf(view).set(createHash('sha256').update(files.root.bytes).digest(), HASH_AT);
  site.put(block, finish(view));
  return { oid, block };
}

/** The superblock as it was, and the two records that lead to it (6.11). */
function laySnapshot(
  site: Site,
  volume: VolumeDraft,
  { slot, trees, then }: { slot: number; trees: Trees; then: number },
) {
  const name = Buffer.from(`${volume.snapshot}\0`);
  const superblock = site.take();
  const head = headOf(site, volume, { slot, trees, oid: superblock, xid: then, type: PHYSICAL + 0xd });
  site.put(superblock, finish(head));
  const value = new Uint8Array(50 + name.length);
  const view = new DataView(value.buffer);
  putAll64(view, {
    0: trees.references.root.block,
    8: superblock,
    16: 1_700_000_000_000_000_000n,
    24: 1_700_000_000_000_000_000n,
  });
  // The number of the snapshot's inode is the next one that was not given.
  put64(view, 32, head.getBigUint64(0xb0, true) - 1n);
  put32(view, { 40: PHYSICAL + 2 });
  view.setUint16(48, name.length, true);
  value.set(name, 50);
  const nameKey = new Uint8Array(10 + name.length);
  const keyView = new DataView(nameKey.buffer);
  put64(keyView, 0, 0xbfff_ffff_ffff_ffffn);
  keyView.setUint16(8, name.length, true);
  nameKey.set(name, 10);
  const records = [
    { key: bytes64([BigInt(then) | (1n << 60n)]), value },
    { key: nameKey, value: bytes64([then]) },
  ];
  const tree = site.physicalTree(FORMS.snapshots, records, site.xid);
  return { tree };
}
