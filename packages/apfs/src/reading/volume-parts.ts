// What a volume reads from: its tree, its streams, its snapshots. Of a disk here; a volume being written has its own.

import { type Finding, finding, PassphraseError, UnsupportedError } from '@tintype/core';
import type { NodeSource } from '../btree/cursor.js';
import { DiskTree, type NodePlace, physicalTree } from '../btree/disk-tree.js';
import { FILE_EXTENT_TREE, fileSystemTree } from '../btree/kinds.js';
import { unlock } from '../encryption/unlock.js';
import type { Xts } from '../encryption/xts.js';
import type { StreamSource } from '../records/streams.js';
import { OMAP_VALUE_FLAGS } from '../structs/object-map.js';
import type { ContainerReader } from './container-reader.js';
import type { ObjectMapReader, ObjectVersions } from './object-map-reader.js';
import { readSnapshots, type Snapshot, snapshotHead } from './snapshots.js';
import type { VolumeHead } from './volume-head.js';

export interface VolumeParts {
  readonly head: VolumeHead;
  /** The file-system tree. @throws PassphraseError at the first use of an encrypted volume */
  readonly tree: NodeSource;
  readonly streams: StreamSource;
  /** Why contents cannot be read, though names can; null if they can. */
  readonly withoutContents: string | null;
  /** Oldest first; a snapshot has none, but for the one that a volume is mounted from. */
  snapshots(): readonly Snapshot[];
  /** The volume as it was. */
  snapshot(snapshot: Snapshot): VolumeParts;
}

const UNITS = 512;
/** Flags of an object map while a volume is encrypted, decrypted, or given another key. */
const CONVERTING = 0xe;

export interface VolumeState {
  readonly head: VolumeHead;
  readonly xid: number;
  readonly snapshot: Snapshot | null;
  /** Of a snapshot that the volume is mounted from: all that the volume has. */
  readonly siblings?: readonly Snapshot[];
  /** Of a volume that is open for writing, whose commits move the map: its snapshots are looked up there. */
  readonly versions?: ObjectVersions;
}

export class DiskVolumeParts implements VolumeParts {
  readonly head: VolumeHead;
  readonly #container: ContainerReader;
  readonly #state: VolumeState;
  readonly #omap: ObjectMapReader;
  readonly #key: () => Xts | null;
  #tree: DiskTree | null = null;
  #streams: StreamSource | null = null;
  #snapshots: readonly Snapshot[] | null = null;

  constructor(container: ContainerReader, state: VolumeState, omap: ObjectMapReader, key: () => Xts | null) {
    this.head = state.head;
    this.#container = container;
    this.#state = state;
    this.#omap = omap;
    this.#key = key;
  }

  get tree(): NodeSource {
    this.#tree ??= this.#openTree();
    return this.#tree;
  }

  get streams(): StreamSource {
    if (this.#streams) return this.#streams;
    const { blocks, xid } = this.#container;
    const { isSealed } = this.head;
    const tree = isSealed
      ? physicalTree(blocks, FILE_EXTENT_TREE, this.head.number('apfs_fext_tree_oid'), xid)
      : this.tree;
    this.#streams = { blocks, tree, form: isSealed ? 'sealed' : 'records', cipher: this.#key(), isFrozen: true };
    return this.#streams;
  }

  get withoutContents(): string | null {
    if (this.#state.snapshot?.isDataless) return 'the snapshot keeps names only, no contents';
    if ((this.#versions.flags & CONVERTING) !== 0 || this.head.hasUnreadableContents)
      return 'contents of the volume are encrypted in a way that cannot be read';
    return null;
  }

  snapshots(): readonly Snapshot[] {
    if (this.#state.snapshot) return this.#state.siblings ?? [];
    const { blocks, xid } = this.#container;
    this.#snapshots ??= readSnapshots({
      blocks,
      omap: this.#omap,
      root: this.head.number('apfs_snap_meta_tree_oid'),
      xid,
    });
    return this.#snapshots;
  }

  snapshot(snapshot: Snapshot): VolumeParts {
    return this.#at(snapshot, []);
  }
  /** As it is shown where it is mounted from a snapshot: the others can be opened still. */
  mountedFrom(snapshot: Snapshot): VolumeParts {
    return this.#at(snapshot, this.snapshots());
  }
  #at(snapshot: Snapshot, siblings: readonly Snapshot[]): VolumeParts {
    const head = snapshotHead(this.#container.blocks, snapshot, this.head);
    const state = { ...this.#state, head, xid: snapshot.xid, snapshot, siblings };
    return new DiskVolumeParts(this.#container, state, this.#omap, this.#key);
  }

  get #versions(): ObjectVersions {
    return this.#state.versions ?? this.#omap;
  }

  #openTree(): DiskTree {
    const { head } = this;
    if (head.unknownFeatures !== 0)
      throw new UnsupportedError(
        `volume ${head.name} needs features that are not known: ${head.unknownFeatures.toString(16)}`,
      );
    const root = head.number('apfs_root_tree_oid');
    const kind = fileSystemTree(head.nameRule === 'plain' ? 'plain' : 'hashed');
    const childBase = head.isSealed ? root : 0;
    return new DiskTree(this.#container.blocks, { kind, root, childBase, resolve: (oid) => this.#place(oid) });
  }

  #place(oid: number): NodePlace {
    const { size, block, xid, flags } = this.#versions.require(oid, this.#state.xid);
    const isEncrypted = (flags & OMAP_VALUE_FLAGS.encrypted) !== 0;
    const key = isEncrypted ? this.#key() : null;
    if (isEncrypted && !key) throw new PassphraseError('missing', this.head.name);
    const units = this.#container.blocks.size / UNITS;
    return {
      block,
      bytes: size,
      xid: { exactly: xid },
      hasHeader: (flags & OMAP_VALUE_FLAGS.noHeader) === 0,
      decrypt: key ? (bytes, at) => key.decrypt(bytes, at * units) : undefined,
    };
  }
}

export interface ShownOptions {
  readonly passphrase?: Uint8Array | undefined;
  readonly report?: ((finding: Finding) => void) | undefined;
}

/**
 * What a Mac would show of a volume: a System volume is mounted from a snapshot. A revert that is waiting for the next mount
 * is only told. @throws CorruptError
 */
export function shownParts(container: ContainerReader, head: VolumeHead, options: ShownOptions): VolumeParts {
  const parts = volumeParts(container, head, options.passphrase);
  const tell = (kind: string, message: string): void =>
    options.report?.(finding(kind, `volume ${head.name}`, message, { severity: 'warning' }));
  if (head.number('apfs_revert_to_xid') !== 0 || head.number('apfs_revert_to_sblock_oid') !== 0)
    tell('revert-pending', `volume ${head.name} waits to be set back to a snapshot; it is read as it is now`);
  if (head.has('incompleteRestore')) tell('restore-incomplete', `a restore of volume ${head.name} was not finished`);
  const rootXid = head.number('apfs_root_to_xid');
  if (rootXid === 0) return parts;
  const snapshot = parts.snapshots().find(({ xid }) => xid === rootXid);
  if (snapshot) return parts.mountedFrom(snapshot);
  tell('root-snapshot', `volume ${head.name} is mounted from a snapshot ${rootXid}, which is not there`);
  return parts;
}

/**
 * Opens a volume of a container. The passphrase is asked for when it is first needed. `versions`: the map that its states are
 * looked up in, if it is open for writing. @throws CorruptError
 */
export function volumeParts(
  container: ContainerReader,
  head: VolumeHead,
  passphrase?: Uint8Array,
  versions?: ObjectVersions,
): DiskVolumeParts {
  const { blocks, xid, superblock } = container;
  const omap = container.mapOf(head);
  let key: Xts | null = null;
  const keyOf = (): Xts | null => {
    if (!head.isEncrypted) return null;
    key ??= unlock(blocks, superblock, { name: head.name, uuid: head.uuidBytes }, passphrase);
    return key;
  };
  return new DiskVolumeParts(container, { head, xid, snapshot: null, ...(versions ? { versions } : {}) }, omap, keyOf);
}
