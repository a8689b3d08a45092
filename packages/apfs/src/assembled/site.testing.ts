// The place that a container is put together on: blocks from the first free one on, oids one after another, trees and object maps
// (docs/formats/apfs.md, sections 3 and 4). Only tests import this.

import { SparseDevice } from '@tintype/testkit';
import { draft, finish, PHYSICAL, put32, putAll64 } from './objects.testing.js';
import { bytes64 } from './records.testing.js';
import type { SourceVolume } from './source.testing.js';
import { type Layout, layoutOf } from './space.testing.js';
import { FORMS, type LaidTree, layTree, type TreeForm, type TreeRecord } from './trees.testing.js';

/** Key bags, clear, from behind their headers on. */
export interface KeyBags {
  readonly container: Uint8Array;
  readonly volume: Uint8Array;
  readonly volumeUuid: Uint8Array;
}

export interface VolumeDraft {
  readonly source: SourceVolume;
  readonly name?: string;
  readonly isSealed?: boolean;
  /** Name of a snapshot that it is as now. */
  readonly snapshot?: string;
  /** The snapshot is what is mounted. */
  readonly isMountedFromSnapshot?: boolean;
  /** apfs_role. */
  readonly role?: number;
  /** 16 bytes that the volumes of a group share. */
  readonly group?: Uint8Array;
  /** Of an encrypted volume: data key and tweak key. */
  readonly key?: Uint8Array;
}

export interface ContainerDraft {
  readonly blockSize: number;
  /** Of the container. */
  readonly bytes: number;
  /** Entries of a node at most. */
  readonly most?: number;
  /** Blocks of an extent at most; those of a stream lie in reverse order. Default: any. */
  readonly longestExtent?: number;
  readonly volumes: readonly VolumeDraft[];
  /** Of an encrypted volume. */
  readonly bags?: KeyBags;
}

/** Where what a test damages lies. */
export interface LaidVolume {
  readonly superblock: number;
  readonly files: LaidTree;
  readonly extents: LaidTree | null;
  readonly references: LaidTree;
  readonly omap: LaidTree;
  /** Block of what seals it; 0: nothing does. */
  readonly integrity: number;
}

/** Bytes as they are stored in a block of this number. */
export type Crypt = (bytes: Uint8Array, block: number) => Uint8Array;

const FIRST_OID = 1024;

type PhysicalForm = (typeof FORMS)['omap' | 'omapSnapshots' | 'references' | 'snapshots' | 'extents'];

/** The container while it is put together: blocks from the first free one on, oids one after another. */
export class Site {
  readonly device: SparseDevice;
  readonly layout: Layout;
  readonly xid: number;
  readonly most: number | undefined;
  readonly longestExtent: number;
  #block: number;
  #oid = FIRST_OID;

  constructor({ blockSize, bytes, most, longestExtent, volumes }: ContainerDraft) {
    this.device = new SparseDevice(bytes);
    this.layout = layoutOf(blockSize, bytes);
    this.xid = Math.max(...volumes.map(({ source }) => source.xid)) + 1;
    this.most = most;
    this.longestExtent = longestExtent ?? Number.POSITIVE_INFINITY;
    this.#block = this.layout.first;
  }
  get size(): number {
    return this.layout.size;
  }
  /** The first block that nothing has taken. */
  get end(): number {
    return this.#block;
  }
  take(count = 1): number {
    this.#block += count;
    if (this.#block > this.layout.count) throw new Error('the container is too small');
    return this.#block - count;
  }
  newOid(): number {
    this.#oid += 1;
    return this.#oid - 1;
  }
  readonly put = (block: number, bytes: Uint8Array): void => this.device.write(block * this.size, bytes);

  /** A tree whose nodes are blocks. */
  physicalTree(form: PhysicalForm, records: readonly TreeRecord[], xid: number): LaidTree {
    const place = () => {
      const block = this.take();
      return { oid: block, block };
    };
    const tree = layTree(records, { ...form, size: this.size, storage: PHYSICAL, ...this.#limit }, xid, place);
    for (const { block, bytes } of tree.nodes) this.put(block, bytes);
    return tree;
  }
  /** The tree of a volume's files, whose nodes are found in its object map. `crypt`: what they are stored as. */
  filesTree(
    form: Pick<TreeForm, 'flags' | 'storage'>,
    records: readonly TreeRecord[],
    xid: number,
    crypt: Crypt,
  ): LaidTree {
    const place = () => ({ oid: this.newOid(), block: this.take() });
    const own = { ...FORMS.files, ...form, flags: FORMS.files.flags | form.flags, size: this.size, ...this.#limit };
    const tree = layTree(records, own, xid, place);
    for (const { block, bytes } of tree.nodes) this.put(block, crypt(bytes, block));
    return tree;
  }
  get #limit() {
    return this.most === undefined ? {} : { most: this.most };
  }
}

/** An object map (section 4): its tree, and in its block what leads there. */
export function layMap(
  site: Site,
  mappings: readonly TreeRecord[],
  { flags, snapshots }: { readonly flags: number; readonly snapshots: readonly number[] },
): { readonly block: number; readonly tree: LaidTree; readonly blocks: number } {
  const { xid } = site;
  const tree = site.physicalTree(FORMS.omap, mappings, xid);
  const kept = snapshots.map((each) => ({ key: bytes64([each]), value: bytes64([0, 0]) }));
  const others = kept.length > 0 ? site.physicalTree(FORMS.omapSnapshots, kept, xid) : null;
  const block = site.take();
  const view = draft(site.size, { oid: block, xid, type: PHYSICAL + 0xb });
  put32(view, { 32: flags, 36: snapshots.length, 40: PHYSICAL + 2, 44: PHYSICAL + 2 });
  putAll64(view, { 48: tree.root.block, 56: others?.root.block ?? 0, 64: snapshots.at(-1) ?? 0 });
  site.put(block, finish(view));
  return { block, tree, blocks: 1 + tree.nodes.length + (others?.nodes.length ?? 0) };
}

export function mapping(
  site: Site,
  oid: number,
  xid: number,
  { block, flags = 0 }: { block: number; flags?: number },
): TreeRecord {
  const value = bytes64([0, block]);
  const view = new DataView(value.buffer);
  put32(view, { 0: flags, 4: site.size });
  return { key: bytes64([oid, xid]), value };
}
