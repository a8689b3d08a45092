// A container that is to be smaller: all that its volumes have behind the new end goes before it.
//
// Order: data, as it changes the trees most; what snapshots have of their own; nodes that object maps know, copied byte by byte
// under the same transaction, so that neither a snapshot nor the volume sees a difference; nodes that others refer to by their
// block; object maps. Each step may commit wherever it is sound. Data that a snapshot holds was moved before (`held-mover`).

import { VolumeFullError } from '@tintype/core';
import type { ObjectVersion } from '../object-map.js';
import { COMMIT_BLOCKS } from '../spaceman.js';
import type { Container } from './container.js';
import { copyBlocks, DataMover } from './data-mover.js';
import type { Mounted } from './mounted.js';
import { SnapshotWriter } from './snapshot-writer.js';

/** Versions of objects looked for at once. */
const BATCH = 1024;

export interface EvacuationOptions {
  readonly container: Container;
  /** First block behind the new end. The space manager is confined to those before it. */
  readonly limit: number;
  /** True if so much is pending that the next sound moment is one to commit. */
  readonly isCommitDue: () => boolean;
}

export class Evacuation {
  readonly #container: Container;
  readonly #limit: number;
  readonly #isCommitDue: () => boolean;

  constructor({ container, limit, isCommitDue }: EvacuationOptions) {
    this.#container = container;
    this.#limit = limit;
    this.#isCommitDue = isCommitDue;
  }

  /**
   * Nothing waits for a commit, before and after. What is known of the volumes' trees does not hold afterwards: the container is
   * to be opened anew. @throws VolumeFullError
   */
  run(): void {
    for (const volume of this.#container.volumes) {
      new DataMover(volume, this.#limit).run(
        () => this.#commitIfDue(),
        () => this.#commit(),
      );
      this.#commit();
      this.#moveSnapshots(volume);
      this.#moveVersions(volume);
      const makeRoom = (nodes: number): void => this.#makeRoom(volume, nodes);
      volume.extentReferences.moveNodes(this.#limit, makeRoom);
      volume.snapshots.moveNodes(this.#limit, makeRoom);
      volume.omap.moveNodes(this.#limit, makeRoom);
      this.#commit();
    }
    const { spaceman } = this.#container;
    this.#container.moveObjectMap(this.#limit, (nodes) => spaceman.require(nodes + COMMIT_BLOCKS, 'removal'));
    // It writes the superblocks of all volumes to other blocks, and the object map with them.
    this.#container.unmount();
  }

  #moveSnapshots(volume: Mounted): void {
    if (!volume.hasSnapshots) return;
    const snapshots = new SnapshotWriter(volume);
    for (const xid of snapshots.all) {
      snapshots.moveBelow(xid, this.#limit, (nodes) => this.#require(volume, nodes));
      this.#commit();
    }
  }

  /** Nodes of the file-system tree, and whatever else has an oid, of now and as snapshots see it. */
  #moveVersions(volume: Mounted): void {
    let after: Pick<ObjectVersion, 'oid' | 'xid'> | undefined = { oid: 0, xid: -1 };
    while (after) {
      const versions = volume.omap.mappedBehind(this.#limit, after, BATCH);
      for (const version of versions) this.#moveVersion(volume, version);
      after = versions.length < BATCH ? undefined : versions.at(-1);
    }
    this.#commit();
  }
  #moveVersion(volume: Mounted, version: ObjectVersion): void {
    const { device, spaceman } = volume.place;
    this.#makeRoom(volume, volume.omap.tree.height + 1);
    const block = spaceman.takeMetadata();
    copyBlocks(device, { start: version.block, count: 1 }, block);
    volume.omap.relocate(version, block);
    spaceman.free(version.block, 1);
  }

  /** Room for so many nodes. May commit. @throws VolumeFullError */
  #makeRoom(volume: Mounted, nodes: number): void {
    this.#commitIfDue();
    try {
      this.#require(volume, nodes);
    } catch (error) {
      // What was freed since the last commit may be all that is missing.
      if (!(error instanceof VolumeFullError)) throw error;
      this.#commit();
      this.#require(volume, nodes);
    }
  }
  #require(volume: Mounted, nodes: number): void {
    volume.require({ catalog: 0, data: nodes + COMMIT_BLOCKS }, 'removal');
  }
  #commitIfDue(): void {
    if (this.#isCommitDue()) this.#commit();
  }
  #commit(): void {
    if (this.#container.hasChanges) this.#container.commit();
  }
}
