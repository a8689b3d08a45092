// APFS, mounted for writing: one device, its volumes, one commit for all of them.

import {
  assert,
  type BlockDevice,
  type FileSystem,
  type MountOptions,
  type Range,
  type SizeLimits,
  UnsupportedError,
  VolumeFullError,
  type WritableVolume,
} from '@tintype/core';
import { get64 } from './object.js';
import { BLOCK_SIZE, NxSuperblock } from './structs/container.js';
import { uuidText } from './uuid.js';
import { Container } from './writing/container.js';
import { Evacuation } from './writing/evacuation.js';
import { HeldMover } from './writing/held-mover.js';
import { heldStretches } from './writing/held-stretches.js';
import type { Mounted } from './writing/mounted.js';
import { resizeContainer } from './writing/resize.js';
import { type Held, type ShrinkPlan, shrinkPlan, sizeLimits } from './writing/size-limits.js';
import { SnapshotWriter } from './writing/snapshot-writer.js';
import { WrittenVolume } from './writing/written-volume.js';

/** Changed nodes in memory beyond this many make a commit due: 96 MiB. */
const CHANGED_NODES = 24_576;
/** Of a draft, which has more in memory besides: 64 MiB. With 48 its file was a quarter larger for a while. */
const CHANGED_DRAFT_NODES = 16_384;

/** Blocks, 16 MiB: more than these do not wait for a later run to go back to the host, for that costs one more commit now. */
const LEFT_WAITING = 4096;

export class ApfsFileSystem implements FileSystem {
  readonly kind = 'apfs';
  readonly writable = true;
  readonly blockSize = BLOCK_SIZE;
  readonly #device: BlockDevice;
  readonly #options: MountOptions;
  #container: Container;
  #volumes: readonly WrittenVolume[];
  /** A commit failed: what is in memory does not go with the device any more. */
  #hasFailed = false;

  /** @throws CorruptError, UnsupportedError for what is only read */
  constructor(device: BlockDevice, options: MountOptions) {
    this.#device = device;
    this.#options = options;
    this.#container = new Container(device, options);
    this.#volumes = this.#container.volumes.map((volume) => new WrittenVolume(volume));
  }
  get uuid(): string {
    const { superblock } = this.#container;
    return uuidText(new Uint8Array(superblock.buffer, superblock.byteOffset + NxSuperblock.at.nx_uuid, 16));
  }
  get volumes(): readonly WritableVolume[] {
    return this.#volumes;
  }
  get capacity(): number {
    return get64(this.#container.superblock, NxSuperblock.at.nx_block_count) * BLOCK_SIZE;
  }
  get free(): number {
    const { spaceman } = this.#container;
    return Math.max(0, spaceman.available - spaceman.reserve) * BLOCK_SIZE;
  }
  get commitDue(): boolean {
    const { volumes, spaceman } = this.#container;
    const changed = volumes.reduce((sum, volume) => sum + volume.changedNodes, 0);
    const freed = volumes.reduce((sum, volume) => sum + volume.pending.freed, 0);
    const limit = this.#device.draft ? CHANGED_DRAFT_NODES : CHANGED_NODES;
    return changed > limit || spaceman.isCommitDue(freed);
  }

  commit(): void {
    assert(!this.#hasFailed, 'after a commit that failed there is no other');
    this.#hasFailed = true;
    for (const volume of this.#volumes) volume.flush();
    if (this.#container.hasChanges) this.#container.commit();
    this.#hasFailed = false;
  }

  /** The volume as it is now is kept under a name; answers the snapshot's xid. Commits. @throws UnsupportedError */
  createSnapshot(volume: WritableVolume, name: string): number {
    return this.#changeSnapshots(volume, (writer) => writer.create(name));
  }
  /** Commits. @throws UnsupportedError */
  renameSnapshot(volume: WritableVolume, xid: number, name: string): void {
    this.#changeSnapshots(volume, (writer) => writer.rename(xid, name));
  }
  /** What only the snapshot held is free after the next commit. Commits. @throws UnsupportedError, VolumeFullError */
  deleteSnapshot(volume: WritableVolume, xid: number): void {
    this.#changeSnapshots(volume, (writer) => writer.remove(xid));
  }
  revertToSnapshot(volume: WritableVolume, xid: number, finish?: (reverted: WritableVolume) => void): void {
    const newer = this.#changeSnapshots(volume, (writer) => writer.newerThan(xid));
    for (const each of newer.reverse()) this.deleteSnapshot(volume, each);
    this.#changeSnapshots(volume, (writer, mounted) => {
      writer.revert(xid);
      if (!finish) return;
      const reverted = new WrittenVolume(mounted);
      this.#volumes = this.#volumes.map((each) => (each === volume ? reverted : each));
      // Cut short, it has neither the old state nor the new one.
      this.#hasFailed = true;
      finish(reverted);
      this.#hasFailed = false;
    });
    this.#hasFailed = true;
    this.#reopen();
    this.#hasFailed = false;
  }
  #changeSnapshots<T>(volume: WritableVolume, change: (writer: SnapshotWriter, mounted: Mounted) => T): T {
    const index = this.#volumes.indexOf(volume as WrittenVolume);
    const mounted = this.#container.volumes[index];
    assert(mounted !== undefined, 'the volume is one of this file system');
    // A snapshot sees whole transactions: what came before is one of its own.
    this.commit();
    const result = change(new SnapshotWriter(mounted), mounted);
    this.commit();
    return result;
  }

  freeRanges(): Iterable<Range> {
    return this.#container.spaceman.freeRanges();
  }
  sizeLimits(): SizeLimits {
    this.commit();
    return sizeLimits(this.#device, this.#held);
  }
  get #held(): Held {
    const { volumes } = this.#container;
    const withSnapshots = volumes.filter((volume) => volume.hasSnapshots);
    const end = withSnapshots.reduce((last, volume) => Math.max(last, new SnapshotWriter(volume).dataEnd), 0);
    return { end, stretches: () => heldStretches(withSnapshots) };
  }
  /**
   * The device has room for the larger of both sizes. Commits; `volumes` are others afterwards. What lies behind a new end is
   * moved before it, in as many commits as it takes; after a cut the same call goes on.
   * @throws VolumeFullError, UnsupportedError
   */
  resize(size: number): void {
    this.commit();
    this.#reopen();
    const plan = size < this.capacity ? shrinkPlan(this.#device, size, this.#held) : null;
    this.#hasFailed = true;
    try {
      if (plan) this.#clearEnd(plan);
      resizeContainer(this.#device, size);
    } catch (error) {
      // Nothing was changed that a commit did not finish.
      if (error instanceof VolumeFullError || error instanceof UnsupportedError) this.#reopen();
      throw error;
    }
    this.#reopen();
  }
  /** Nothing but the space manager's ring and pool is left behind the new end. */
  #clearEnd(plan: ShrinkPlan): void {
    const { limit } = plan;
    if (plan.moves.length > 0) {
      new HeldMover(this.#container, plan).run();
      this.#reopen();
      this.#hasFailed = true;
    }
    this.#container.spaceman.confine(plan);
    new Evacuation({ container: this.#container, limit, isCommitDue: () => this.commitDue }).run();
    // What only older checkpoints hold is free after two more.
    this.#container.unmount();
    this.#container.unmount();
  }
  #reopen(): void {
    this.#container = new Container(this.#device, this.#options);
    this.#volumes = this.#container.volumes.map((volume) => new WrittenVolume(volume));
    this.#hasFailed = false;
  }
  close(): void {
    if (this.#hasFailed) return;
    this.commit();
    if (!this.#container.isMarked) return;
    this.#hasFailed = true;
    this.#container.unmount();
    if (this.#container.spaceman.waiting > LEFT_WAITING) this.#container.unmount();
  }
  abandon(): void {
    this.#hasFailed = true;
  }
}
