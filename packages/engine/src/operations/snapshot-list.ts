// The snapshots of a volume, with what each holds alone.

import { CorruptError, type Finding, PassphraseError, type SnapshotEntry, WindowDevice } from '@tintype/core';
import { partitionMap } from '@tintype/image';
import { readPins } from '../history/pins.js';
import type { InfoContext } from '../maintenance/info.js';
import { imageToRead } from '../maintenance/opened-image.js';
import { chooseVolume, type ProbedVolume, probeVolumes } from '../stack.js';
import { nanosecondsText } from './browse.js';

/** A snapshot as `snapshot list` shows it. Sizes in bytes. */
export interface ListedSnapshot {
  readonly name: string;
  readonly xid: number;
  readonly created: string;
  /** Bytes that its removal would give back: data and nodes of the tree. Null where the metadata is damaged. */
  readonly alone: number | null;
  readonly pinned: boolean;
}

export interface SnapshotListOptions {
  readonly image: string;
  readonly volume?: string | undefined;
  readonly passphrase?: Uint8Array | undefined;
  readonly ignoreChecksums?: boolean | undefined;
  /** Told at opening what is no reason to refuse, such as that an older state is read. */
  readonly report?: ((finding: Finding) => void) | undefined;
}

/** Oldest first. The file system is opened even for none: damage may hide them. No file of the volume is read but our own list of pins. */
export function listSnapshots(options: SnapshotListOptions, context: InfoContext): ListedSnapshot[] {
  const image = imageToRead(options.image, options, context);
  try {
    const chosen = chooseVolume(options.image, probeVolumes(image.device, partitionMap(image.device)), options.volume);
    const { partition } = chosen;
    const device = new WindowDevice(image.device, partition.start, partition.size);
    const alone = aloneIn(chosen, device);
    const pinned = pinnedIn(chosen, device, options, context);
    return chosen.volume.snapshots.map((entry) => ({
      name: entry.name,
      xid: entry.xid,
      created: nanosecondsText(entry.created),
      alone: alone(entry),
      pinned: pinned.has(entry.xid),
    }));
  } finally {
    image.close();
  }
}

function aloneIn({ driver, volume }: ProbedVolume, device: WindowDevice): (entry: SnapshotEntry) => number | null {
  try {
    const space = driver.snapshotSpace(device, volume.uuid);
    return ({ xid }) => space?.heldBy(new Set([xid])) ?? null;
  } catch (error) {
    // What can be listed is listed.
    if (error instanceof CorruptError) return () => null;
    throw error;
  }
}

function pinnedIn(
  { driver, volume }: ProbedVolume,
  device: WindowDevice,
  { passphrase, report }: SnapshotListOptions,
  { now, random }: InfoContext,
): ReadonlySet<number> {
  const fileSystem = driver.open(device, { writable: false, now, random, passphrase, report });
  try {
    const live = fileSystem.volumes.find(({ uuid }) => uuid === volume.uuid);
    return live && volume.snapshots.length > 0 ? readPins(live, live.uuid) : new Set();
  } catch (error) {
    // Names of snapshots are not encrypted; what the volume holds is.
    if (error instanceof PassphraseError || error instanceof CorruptError) return new Set();
    throw error;
  } finally {
    fileSystem.abandon();
  }
}
