// One volume: its superblock, its map, its snapshots, its tree in every state that is kept, and what it counts of itself.
// See docs/formats/apfs.md.

import { PassphraseError, UnsupportedError } from '@tintype/core';
import { type NodePlace, physicalPlaces } from '../btree/disk-tree.js';
import { fileSystemTree, SNAPSHOT_TREE } from '../btree/kinds.js';
import { unlock } from '../encryption/unlock.js';
import type { Xts } from '../encryption/xts.js';
import type { VolumeSlot } from '../reading/container-reader.js';
import { readSnapshots, type Snapshot, snapshotHead } from '../reading/snapshots.js';
import { VolumeHead } from '../reading/volume-head.js';
import { idAt } from '../records/ids.js';
import { OMAP_VALUE_FLAGS } from '../structs/object-map.js';
import { VOLUME_FLAGS, VOLUME_ROLE, VolumeSuperblock } from '../structs/volume.js';
import { CatalogCheck, type CatalogForm } from './catalog.js';
import { Changes } from './changes.js';
import type { ContainerCheck } from './container.js';
import { checkReferences, compareCounts } from './extents.js';
import { checkVolumeBag } from './keybags.js';
import { type Counts, checkLinks } from './links.js';
import { type CheckedMap, checkMap, checkUnused } from './object-maps.js';
import { checkExtentTree, hashesOf, readSeal } from './sealed.js';
import { SnapshotRecords } from './snapshot-records.js';
import { checkTree } from './tree.js';
import { checkSnapshotFields, checkVolumeFields } from './volume-fields.js';
import { hasGroupIds } from './volume-groups.js';
import { checkVolumeObjects, type VolumeState } from './volume-objects.js';

const at = VolumeSuperblock.at;
const UNITS = 512;

/** Checks a volume; false if a part could not be followed, so that blocks may be in use that nothing is known of. */
export function checkVolume(check: ContainerCheck, { slot, oid, head }: VolumeSlot, passphrase?: Uint8Array): boolean {
  const name = `volume ${slot}`;
  if (!(head instanceof VolumeHead)) {
    check.report.add('volume-superblock', name, head.message);
    return false;
  }
  return new VolumeCheck(check, head, name, passphrase).run(slot, oid);
}

class VolumeCheck {
  readonly #check: ContainerCheck;
  readonly #head: VolumeHead;
  readonly #name: string;
  readonly #passphrase: Uint8Array | undefined;
  readonly #references = new Changes();
  /** Blocks of trees of extents that states of a sealed volume share. */
  readonly #extentNodes = new Set<number>();
  #isComplete = true;
  /** No snapshot is being deleted: then blocks are counted as often as they are used. */
  #isSettled = true;
  /** Everything that its superblocks name could be looked into. */
  #isKnown = true;
  #blocks = 0;

  constructor(check: ContainerCheck, head: VolumeHead, name: string, passphrase: Uint8Array | undefined) {
    this.#check = check;
    this.#head = head;
    this.#name = name;
    this.#passphrase = passphrase;
  }

  run(slot: number, oid: number): boolean {
    const { report, container } = this.#check;
    this.#fields(this.#head, slot, container.xid, this.#name);
    const map = report.attempt('omap', this.#name, () =>
      checkMap(this.#check, {
        block: this.#head.number('apfs_omap_oid'),
        name: `map of ${this.#name}`,
        owner: 'volume',
      }),
    );
    if (!map) return false;
    this.#isComplete &&= map.isComplete;
    this.#blocks += map.blocks;
    const key = this.#key();
    const snapshots = this.#snapshots(map);
    for (const [older, snapshot] of (snapshots ?? []).entries()) {
      const old = report.attempt('snapshot', this.#name, () => snapshotHead(container.blocks, snapshot, this.#head));
      this.#check.used.mark(snapshot.superblock, 1, `snapshot ${snapshot.xid} of ${this.#name}`);
      const place = `snapshot ${snapshot.xid} of ${this.#name}`;
      this.#count(snapshot.extentReferences, place, old ?? this.#head);
      if (!old) {
        this.#isComplete = false;
        continue;
      }
      this.#fields(old, slot, snapshot.xid, place);
      report.attempt('snapshot', place, () =>
        checkSnapshotFields(old, (kind, message) => report.add(kind, place, message)),
      );
      this.#objects(map, { head: old, xid: snapshot.xid, place, isSnapshot: true });
      const state = this.#state(map, { head: old, xid: snapshot.xid, place, key });
      if (state) this.#snapshotCounters(old, state.counts, place);
      const said = old.number('apfs_num_snapshots');
      report.expect(said >= older, 'snapshot', place, `counts ${said} snapshots before it; there are ${older}`);
    }
    this.#count(this.#head.number('apfs_extentref_tree_oid'), this.#name, this.#head);
    const live = this.#state(map, { head: this.#head, xid: container.xid, place: this.#name, key });
    this.#objects(map, { head: this.#head, xid: container.xid, place: this.#name, isSnapshot: false });
    report.attempt('volume-field', this.#name, () => this.#checkPending(snapshots));
    if (this.#isComplete && this.#isKnown && key !== undefined) checkUnused(this.#check, map);
    this.#counters(live?.counts ?? null, snapshots?.length ?? 0);
    const blocks = this.#isComplete ? this.#blocks : null;
    if (live && snapshots && this.#isSettled && !this.#head.isSealed)
      this.#check.seen?.({ oid, ...live, snapshots: snapshots.length, blocks, references: this.#references });
    return this.#isComplete;
  }

  #objects(map: CheckedMap, state: VolumeState): void {
    if (!checkVolumeObjects(this.#check, map, state)) this.#isKnown = false;
  }

  #fields(head: VolumeHead, slot: number, xid: number, place: string): void {
    const { report } = this.#check;
    report.header(place, head.view);
    report.attempt('volume-field', place, () =>
      checkVolumeFields({ head, slot, xid }, (kind, message) => report.add(kind, place, message)),
    );
  }

  /** The cipher; null for a clear volume; undefined if it cannot be had, which is told. @throws PassphraseError if it is wrong */
  #key(): Xts | null | undefined {
    const head = this.#head;
    if (!head.isEncrypted) return null;
    const { container, report } = this.#check;
    const { blocks, superblock } = container;
    checkVolumeBag(this.#check, head.uuidBytes, this.#name);
    try {
      const volume = { name: head.name, uuid: head.uuidBytes };
      return (
        report.attempt('keybag', this.#name, () => unlock(blocks, superblock, volume, this.#passphrase)) ?? undefined
      );
    } catch (error) {
      const isMissing = error instanceof PassphraseError && !this.#passphrase;
      if (!(isMissing || error instanceof UnsupportedError)) throw error;
      report.add('volume-locked', this.#name, `is encrypted, and was not opened: names and contents were not checked`);
      return undefined;
    }
  }

  /** Snapshots in their tree and in the map: each in both, with a record by number and one by name. */
  #snapshots(map: CheckedMap): Snapshot[] | null {
    const { container, report, used } = this.#check;
    const { blocks, xid } = container;
    const root = this.#head.number('apfs_snap_meta_tree_oid');
    const name = `snapshots of ${this.#name}`;
    const records = new SnapshotRecords(report, name, this.#nextId(this.#head));
    const { isComplete } = checkTree({
      blocks,
      report,
      kind: SNAPSHOT_TREE,
      name,
      root,
      resolve: physicalPlaces(blocks, xid),
      visitNode: (_, pointer) => {
        used.mark(pointer, 1, name);
        this.#blocks += 1;
      },
      visitRecord: (node, index) => records.visit(node, index),
    });
    this.#isComplete &&= isComplete;
    records.finish(map);
    report.expect(map.leaving.size === 0, 'reaper-busy', name, `${map.leaving.size} are being deleted`);
    this.#isSettled = map.leaving.size === 0 && !records.isMerging;
    this.#isComplete &&= this.#isSettled;
    const omap = container.mapOf(this.#head);
    return report.attempt('snapshot', name, () => readSnapshots({ blocks, omap, root, xid }));
  }

  /** Next number that it gives to whatever its trees hold. @throws CorruptError */
  #nextId({ view }: VolumeHead): number {
    return idAt(view, at.apfs_next_obj_id);
  }

  #count(root: number, place: string, head: VolumeHead): void {
    const name = `extent references of ${place}`;
    const { nodes, data, isComplete } = checkReferences(this.#check, {
      root,
      name,
      counts: this.#references,
      nextId: this.#nextId(head),
    });
    this.#blocks += nodes + data;
    this.#isComplete &&= isComplete;
  }

  /** The tree of one state, with everything in it; null if it cannot be looked into. */
  #state(map: CheckedMap, state: State): { catalog: CatalogCheck; counts: Counts } | null {
    const { container, report } = this.#check;
    const { head, key, place } = state;
    if (head.isSealed) this.#sealed(head, place);
    if (key === undefined || (head.isSealed && key !== null)) return null;
    const name = `tree of ${place}`;
    const catalog = new CatalogCheck(name, formOf(head, container.blocks.size), report);
    const root = head.number('apfs_root_tree_oid');
    const isSnapshot = head !== this.#head;
    const seal = head.isSealed ? readSeal(this.#check, map, { ...state, isSnapshot }) : null;
    const { isComplete } = checkTree({
      blocks: container.blocks,
      report,
      kind: fileSystemTree(head.nameRule === 'plain' ? 'plain' : 'hashed'),
      name,
      root,
      ...(head.isSealed ? { childBase: root } : {}),
      ...(seal ? hashesOf(seal, report, name) : {}),
      resolve: (oid) => this.#place(map, oid, state),
      visitRecord: (node, index) => catalog.visit(node, index),
    });
    this.#isComplete &&= isComplete;
    if (!isComplete || (head.isSealed && !this.#extents(head, place, catalog))) return null;
    const next = this.#nextId(head);
    report.expect(next > catalog.largestId, 'volume-field', place, `gives ${next} next, but has ${catalog.largestId}`);
    const document = head.view.getUint32(at.apfs_next_doc_id, true);
    const isNext = document > catalog.largestDocument;
    report.expect(isNext, 'volume-odd', place, `document ${document} is next, after ${catalog.largestDocument}`);
    const isPlaced = catalog.misplaced === 0;
    report.expect(isPlaced, 'volume-odd', place, `inode ${catalog.misplaced} has an id of the other volume of a group`);
    catalog.streams.finish([...catalog.items.values()].map(({ inode }) => inode));
    if (this.#isSettled)
      compareCounts(this.#check, `extent references of ${place}`, catalog.streams.blocks, this.#references);
    return { catalog, counts: checkLinks(catalog, report) };
  }

  /** It is only read, and nothing may be taken from it because nobody seems to use it. */
  #sealed(head: VolumeHead, place: string): void {
    const { report } = this.#check;
    this.#isComplete = false;
    const what = head.isEncrypted ? 'tree was' : 'data was';
    report.add('volume-sealed', place, `is sealed; whether its ${what} changed since then was not checked`);
  }

  #extents(head: VolumeHead, place: string, { streams }: CatalogCheck): boolean {
    const root = head.number('apfs_fext_tree_oid');
    const known = this.#extentNodes;
    return checkExtentTree(this.#check, { root, name: `extents of ${place}`, streams, known });
  }

  #place(map: CheckedMap, oid: number, { head, xid, key, place }: State): NodePlace {
    const { block, size, xid: written, flags } = map.use(oid, xid);
    const isEncrypted = (flags & OMAP_VALUE_FLAGS.encrypted) !== 0;
    if (isEncrypted !== head.isEncrypted)
      this.#check.report.add('omap-record', place, `object ${oid} says wrongly whether it is encrypted`);
    const hasHeader = (flags & OMAP_VALUE_FLAGS.noHeader) === 0;
    if (hasHeader === head.isSealed)
      this.#check.report.add('omap-record', place, `object ${oid} says wrongly whether it has a header`);
    const units = this.#check.container.blocks.size / UNITS;
    return {
      block,
      bytes: size,
      xid: { exactly: written },
      hasHeader,
      decrypt: key && isEncrypted ? (bytes, start) => key.decrypt(bytes, start * units) : undefined,
    };
  }

  /** What is still to be done, and what must be there for it. */
  #checkPending(snapshots: readonly Snapshot[] | null): void {
    const { report } = this.#check;
    const head = this.#head;
    const name = this.#name;
    const toXid = head.number('apfs_revert_to_xid');
    const toBlock = head.number('apfs_revert_to_sblock_oid');
    report.expect(toXid === 0 && toBlock === 0, 'revert-pending', name, 'is to go back to a snapshot');
    for (const xid of [toXid, head.number('apfs_root_to_xid')]) {
      const isThere = xid === 0 || snapshots === null || snapshots.some((each) => each.xid === xid);
      report.expect(isThere, 'snapshot', name, `is to be as in snapshot ${xid}, which is not there`);
    }
    const isChanging = head.number('apfs_er_state_oid') !== 0;
    report.expect(!isChanging, 'volume-odd', name, 'encryption is being changed');
  }

  #counters(counts: Counts | null, snapshots: number): void {
    const rule = (field: keyof typeof COUNTERS, found: number): void => {
      const said = this.#head.number(field);
      const message = `counts ${said} ${COUNTERS[field]}; there are ${found}`;
      this.#check.report.expect(said === found, 'volume-count', this.#name, message);
    };
    if (counts) {
      for (const [field, found] of countersOf(counts)) rule(field, found);
    }
    if (!this.#isComplete) return;
    rule('apfs_num_snapshots', snapshots);
    rule('apfs_fs_alloc_count', this.#blocks);
  }

  /** What was there then. It is not mended: nothing is, in a snapshot. */
  #snapshotCounters(head: VolumeHead, counts: Counts, place: string): void {
    for (const [field, found] of countersOf(counts)) {
      const said = head.number(field);
      const message = `counts ${said} ${COUNTERS[field]}; there are ${found}`;
      this.#check.report.expect(said === found, 'snapshot', place, message);
    }
  }
}

function formOf(head: VolumeHead, blockSize: number): CatalogForm {
  return {
    names: head.nameRule,
    blockSize,
    isEncrypted: (head.flags & VOLUME_FLAGS.unencrypted) === 0,
    isSealed: head.isSealed,
    hasPreallocated: head.has('preallocated'),
    hasSystemIds: hasGroupIds(head) && head.role === VOLUME_ROLE.system,
  };
}

function countersOf(counts: Counts) {
  return [
    ['apfs_num_files', counts.files],
    ['apfs_num_directories', counts.directories],
    ['apfs_num_symlinks', counts.symlinks],
    ['apfs_num_other_fsobjects', counts.others],
  ] as const;
}

interface State {
  readonly head: VolumeHead;
  readonly xid: number;
  readonly place: string;
  readonly key: Xts | null | undefined;
}

const COUNTERS = {
  apfs_num_files: 'files',
  apfs_num_directories: 'folders',
  apfs_num_symlinks: 'symlinks',
  apfs_num_other_fsobjects: 'other items',
  apfs_num_snapshots: 'snapshots',
  apfs_fs_alloc_count: 'blocks in use',
} as const;
