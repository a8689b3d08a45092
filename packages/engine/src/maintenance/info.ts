// Info: what is known of an image, from its container to its volumes. Never needs a passphrase to say that one is needed.

import { type FileStore, type Finding, LockedError } from '@tintype/core';
import {
  type ContainerFacts,
  type DiskImage,
  detect,
  imageFacts,
  lockHolder,
  type Partition,
  partitionMap,
} from '@tintype/image';
import { freeRangesOf, freeSpace } from '../free-ranges.js';
import type { RunContext } from '../operation.js';
import { nanosecondsText } from '../operations/browse.js';
import { probeVolumes } from '../stack.js';
import { archiveFormat } from './create.js';
import { imageToRead } from './opened-image.js';

/** A volume in `info --json`. Sizes in bytes. */
export interface VolumeInfo {
  readonly index: number;
  readonly fs: string;
  readonly name: string;
  readonly uuid: string;
  readonly caseSensitive: boolean;
  /** By the file system itself, whatever the container is. */
  readonly encrypted: boolean;
  readonly capacity: number;
  readonly used: number;
  readonly free: number;
  readonly files: number;
  readonly directories: number;
  readonly snapshots: readonly { readonly name: string; readonly xid: number; readonly created: string }[];
  /** Who wrote it last, as the volume says. */
  readonly writer: string;
  readonly dirty: boolean;
}

/** Of the container; null: only its passphrase tells. */
export interface ShownFacts extends Omit<ContainerFacts, 'timeMachine' | 'format' | 'size'> {
  readonly format: ContainerFacts['format'] | null;
  readonly size: number | null;
}

/** What `info` shows, in the shape of `info --json`. Sizes in bytes. */
export interface ImageInfo {
  readonly container: ShownFacts;
  readonly partitions: readonly Partition[];
  readonly volumes: readonly VolumeInfo[];
  /** Host bytes behind blocks that the volumes do not use. */
  readonly reclaimable: number;
  readonly timeMachine: boolean;
  readonly lockedBy: string | null;
  /** What is wrong, as far as it shows without reading contents. */
  readonly findings: readonly Finding[];
}

/** What `info` is given beside the image. */
export type InfoContext = Pick<RunContext, 'store' | 'holder' | 'now' | 'random'>;

/** With the passphrase of an encrypted image, what is inside is told, too. */
export function info(path: string, context: InfoContext, passphrase?: Uint8Array): ImageInfo {
  const { store } = context;
  const lockedBy = lockHolder(store, path);
  if (detect(store, path)?.kind === 'encrypted' && !passphrase) return closedInfo(path, store, lockedBy);
  try {
    const image = imageToRead(path, { passphrase, ignoreChecksums: true }, context);
    try {
      const { timeMachine, ...container } = image.facts();
      return { container, timeMachine, lockedBy, ...insideOf(image, context) };
    } finally {
      image.close();
    }
  } catch (error) {
    if (!(error instanceof LockedError)) throw error;
    return closedInfo(path, store, lockedBy ?? String(error.values.holder));
  }
}

/** Of an image that cannot be opened: it is locked, or its passphrase was not given. */
function closedInfo(path: string, store: FileStore, lockedBy: string | null): ImageInfo {
  const { timeMachine, ...facts } = imageFacts(store, path);
  // In an encrypted file there may be a disk of any format.
  const isSealed = facts.encryption !== null && facts.format !== 'sparsebundle';
  const container = isSealed ? { ...facts, format: null, size: null } : facts;
  return { container, timeMachine, lockedBy, partitions: [], volumes: [], reclaimable: 0, findings: [] };
}

type Inside = Pick<ImageInfo, 'partitions' | 'volumes' | 'reclaimable' | 'findings'>;

function insideOf(image: DiskImage, context: InfoContext): Inside {
  const map = partitionMap(image.device);
  const found = probeVolumes(image.device, map);
  // What is written once gives nothing back.
  const isFixed = archiveFormat(image.format) !== null;
  const findings = [...image.glance()];
  const free = freeRangesOf(image.device, found, context, (finding) => findings.push(finding));
  const reclaimable = isFixed ? 0 : freeSpace(image.device, free).stored;
  const volumes = found.map(({ index, driver, volume }): VolumeInfo => {
    const { name, uuid, caseSensitive, capacity, free, files, directories, writer, dirty } = volume;
    const snapshots = volume.snapshots.map((each) => ({
      name: each.name,
      xid: each.xid,
      created: nanosecondsText(each.created),
    }));
    const used = capacity - free;
    return {
      index,
      fs: driver.kind,
      name,
      uuid,
      caseSensitive,
      encrypted: volume.isEncrypted,
      capacity,
      used,
      free,
      files,
      directories,
      snapshots,
      writer,
      dirty,
    };
  });
  return { partitions: map.partitions, volumes, reclaimable, findings };
}
