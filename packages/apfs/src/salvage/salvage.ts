// What can still be found of a container: its newest checkpoint as far as it leads, and for what it does not lead to, nodes
// wherever they lie, of this checkpoint or an older one, by their checksums.

import {
  type BlockDevice,
  CorruptError,
  type Finding,
  finding,
  PassphraseError,
  type SalvagedVolume,
  type SalvageOptions,
  TintypeError,
  u32le,
  u64le,
} from '@tintype/core';
import { DiskNode } from '../btree/disk-node.js';
import { fileSystemTree, type TreeKind } from '../btree/kinds.js';
import { unlock } from '../encryption/unlock.js';
import type { Xts } from '../encryption/xts.js';
import { Blocks } from '../reading/blocks.js';
import { isContainer } from '../reading/checkpoint-choice.js';
import { ContainerReader } from '../reading/container-reader.js';
import { VolumeHead } from '../reading/volume-head.js';
import { type VolumeParts, volumeParts } from '../reading/volume-parts.js';
import type { StreamSource } from '../records/streams.js';
import { BLOCK_SIZE, NxSuperblock } from '../structs/container.js';
import { ObjectHeader } from '../structs/object.js';
import { takenByNewer } from './claims.js';
import { familyOf } from './families.js';
import { FoundTree, type LeafRef } from './found-tree.js';
import { Hierarchy } from './hierarchy.js';
import { LIMITS } from './limits.js';
import { LiveLeaves } from './live-leaves.js';
import { SalvagedApfsVolume } from './salvaged-volume.js';
import { type FoundNode, ObjectScan } from './scan.js';
import { unknownHead } from './unknown-head.js';

const nx = NxSuperblock.at;
const UNITS = 512;

export function salvage(device: BlockDevice, options: SalvageOptions): readonly SalvagedVolume[] {
  return new Salvage(device, options).volumes();
}

/** A volume, and what its tree leads to. */
interface Candidate {
  readonly head: VolumeHead;
  readonly oid: number;
  /** Null: nothing of its tree can be reached from a checkpoint. */
  readonly live: LiveLeaves | null;
  readonly cipher: Xts | null;
  /** Of a sealed volume: its extents stand in a tree of their own. Null: in the tree of its files. */
  readonly sealed: StreamSource | null;
}

class Salvage {
  readonly #device: BlockDevice;
  readonly #options: SalvageOptions;
  readonly #findings: Finding[] = [];
  readonly #container: ContainerReader | null;
  readonly #keys: Xts[] = [];
  #scan: ObjectScan | null = null;

  constructor(device: BlockDevice, options: SalvageOptions) {
    this.#device = device;
    this.#options = options;
    this.#container = this.#open();
  }

  volumes(): SalvagedVolume[] {
    const candidates = this.#candidates();
    return candidates.flatMap((candidate) => this.#volume(candidate, candidates) ?? []);
  }

  #open(): ContainerReader | null {
    try {
      if (!isContainer(this.#device)) return null;
      const container = new ContainerReader(this.#device);
      for (const { xid, reason } of container.checkpoint.discarded)
        this.#tell('checkpoint', `checkpoint ${xid}`, `checkpoint ${xid} cannot be used: ${reason}`);
      return container;
    } catch (error) {
      if (!(error instanceof TintypeError)) throw error;
      this.#tell('container', 'superblock', `no checkpoint can be used: ${error.message}`);
      return null;
    }
  }
  #tell(kind: string, place: string, message: string): void {
    if (this.#findings.length < LIMITS.findings)
      this.#findings.push(finding(kind, place, message, { severity: 'warning' }));
  }

  #candidates(): Candidate[] {
    const found: Candidate[] = [];
    for (const { oid, head } of this.#container?.volumes() ?? [])
      if (head instanceof VolumeHead) found.push(this.#reached(oid, head));
      else this.#tell('volume', `volume ${oid}`, head.message);
    const isWhole = found.length > 0 && found.every(({ live }) => live?.gaps.length === 0);
    const isNewest = this.#container?.checkpoint.discarded.length === 0;
    if (isWhole && isNewest && found.length === (this.#container?.volumes().length ?? 0)) return found;
    this.#look();
    for (const [oid, view] of this.#scan?.heads ?? []) {
      if (found.some((candidate) => candidate.oid === oid)) continue;
      const head = new VolumeHead(view);
      found.push({ oid, head, live: null, cipher: this.#cipher(head), sealed: null });
    }
    // What was found beside a checkpoint that is not the newest may be newer than all it leads to.
    const usable = isNewest ? found : found.map((candidate) => ({ ...candidate, live: null }));
    if (usable.length > 0 || (this.#scan?.nodes.size ?? 0) === 0) return usable;
    this.#tell('volume', 'volume', 'no volume superblock was found, only nodes of a tree');
    return [{ oid: 0, head: new VolumeHead(unknownHead()), live: null, cipher: null, sealed: null }];
  }

  #reached(oid: number, head: VolumeHead): Candidate {
    const container = this.#container as ContainerReader;
    const cipher = this.#cipher(head);
    try {
      const parts = volumeParts(container, head, this.#options.passphrase);
      const sealed = head.isSealed ? parts.streams : null;
      return { oid, head, live: new LiveLeaves(parts.tree, container.xid), cipher, sealed };
    } catch (error) {
      if (!(error instanceof TintypeError) || error instanceof PassphraseError) throw error;
      this.#tell('volume', `volume ${head.name}`, error.message);
      return { oid, head, live: null, cipher, sealed: null };
    }
  }

  /** @throws PassphraseError */
  #cipher(head: VolumeHead): Xts | null {
    if (!head.isEncrypted) return null;
    const superblock = this.#container?.superblock ?? this.#scan?.superblocks[0];
    if (!superblock) throw new CorruptError('nx_superblock', 'nx_keylocker', 0, 'nothing tells where the keys lie');
    const volume = { name: head.name, uuid: head.uuidBytes };
    const key = unlock(this.#blocks(), superblock, volume, this.#options.passphrase);
    if (!this.#keys.includes(key)) this.#keys.push(key);
    return key;
  }

  /** Looks through all that is stored; again with keys, where volumes that were found need them. */
  #look(): void {
    this.#options.step?.('looking for nodes everywhere');
    const progress = (done: number) => this.#options.progress?.(done, this.#device.size);
    this.#scan = new ObjectScan(this.#device, this.#blocks().size);
    this.#scan.run(this.#keys, progress);
    const known = this.#keys.length;
    for (const view of this.#scan.heads.values()) {
      const head = new VolumeHead(view);
      if (head.isEncrypted && known === 0) this.#cipher(head);
    }
    if (this.#keys.length === known) return;
    this.#scan = new ObjectScan(this.#device, this.#blocks().size);
    this.#scan.run(this.#keys, progress);
  }

  #blocks(): Blocks {
    if (this.#container) return this.#container.blocks;
    const superblock = this.#scan?.superblocks[0];
    const size = superblock ? u32le(superblock, 0, nx.nx_block_size) : BLOCK_SIZE;
    const count = superblock ? u64le(superblock, 0, nx.nx_block_count) : Math.floor(this.#device.size / size);
    return new Blocks(this.#device, size, count);
  }

  #volume({ head, oid, live, cipher, sealed }: Candidate, all: readonly Candidate[]): SalvagedVolume | null {
    const kind = fileSystemTree(head.nameRule === 'plain' ? 'plain' : 'hashed');
    const isDamaged = live === null || live.gaps.length > 0;
    const leaves = [...(live?.leaves ?? [])];
    if (isDamaged) for (const leaf of this.#elsewhere(kind, head, live, all)) leaves.push(leaf);
    const blocks = this.#blocks();
    const tree = new FoundTree(kind, leaves);
    const parts = new FoundParts(head, tree, sealed ?? { blocks, tree, form: 'records', cipher, isFrozen: true });
    const hierarchy = new Hierarchy(tree, head.nameRule);
    if (hierarchy.isEmpty) return null;
    const taken = isDamaged ? takenByNewer(leaves, blocks.size) : new Map();
    const volume = new SalvagedApfsVolume(parts, hierarchy, (stream) => taken.get(stream) ?? null);
    const nameOf = (id: number): string => volume.shownName(id);
    const namesOnly = [...hierarchy.namesOnly()].map(({ folder, name }) =>
      `/${hierarchy.pathOf(folder, nameOf)}/${name}`.replace(/^\/+/, '/'),
    );
    const damage = isDamaged
      ? [finding('tree-damaged', `volume ${oid}`, `nodes of the tree of volume ${head.name} are damaged or missing`)]
      : [];
    return {
      kind: 'apfs',
      volume,
      lostFolder: volume.lostFolder,
      lost: (id) => volume.lost(id),
      namesOnly: namesOnly.sort(),
      findings: [...this.#findings, ...damage],
    };
  }

  /**
   * Leaves for what the live ones do not answer for: all versions that were found, since a record that went to another node with a
   * split stands in an older one of its own.
   */
  *#elsewhere(
    kind: TreeKind,
    head: VolumeHead,
    live: LiveLeaves | null,
    all: readonly Candidate[],
  ): Generator<LeafRef> {
    const nodes = this.#scan?.nodes ?? new Map<number, FoundNode[]>();
    const family = all.length > 1 ? familyOf(nodes, head, (node) => this.#load(kind, node)) : null;
    for (const [oid, versions] of nodes) {
      if (family && !family.has(oid)) continue;
      for (const version of versions)
        if (version.level === 0)
          yield {
            xid: version.xid,
            load: () => this.#load(kind, version),
            wants: live && ((record) => live.misses(record)),
          };
    }
  }

  /** @throws CorruptError */
  #load(kind: TreeKind, { block, key }: FoundNode): DiskNode {
    const blocks = this.#blocks();
    const bytes = blocks.read(block);
    this.#keys[key]?.decrypt(bytes, block * (blocks.size / UNITS));
    const place = block * blocks.size;
    const isRoot = (new DataView(bytes.buffer, bytes.byteOffset).getUint16(ObjectHeader.size, true) & 1) !== 0;
    const level = new DataView(bytes.buffer, bytes.byteOffset).getUint16(ObjectHeader.size + 2, true);
    return new DiskNode(kind, bytes, { place, level: isRoot ? null : level });
  }
}

/** What a volume reads from. */
class FoundParts implements VolumeParts {
  readonly withoutContents: string | null;

  constructor(
    readonly head: VolumeHead,
    readonly tree: FoundTree,
    readonly streams: StreamSource,
  ) {
    this.withoutContents = head.hasUnreadableContents
      ? 'contents of the volume are encrypted in a way that cannot be read'
      : null;
  }
  snapshots(): readonly never[] {
    return [];
  }
  snapshot(): never {
    throw new CorruptError('volume', 'snapshot', 0, 'snapshots are not salvaged');
  }
}
