// Info: what is known of an image, from its container to its volumes. Never needs a passphrase to say that one is needed.

import { TintypeError } from '@tintype/core';
import { type ContainerFacts, imageFacts, lockHolder, openImage, type Partition, partitionMap } from '@tintype/image';
import type { RunContext } from '../operation.js';
import { mount, probeVolumes } from '../stack.js';

export interface VolumeInfo {
  readonly index: number;
  readonly fs: string;
  readonly name: string;
  readonly uuid: string;
  readonly caseSensitive: boolean;
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

export interface ImageInfo {
  readonly container: Omit<ContainerFacts, 'timeMachine'>;
  readonly partitions: readonly Partition[];
  readonly volumes: readonly VolumeInfo[];
  /** Host bytes behind blocks that the volumes do not use. */
  readonly reclaimable: number;
  readonly timeMachine: boolean;
  readonly lockedBy: string | null;
}

export type InfoContext = Pick<RunContext, 'store' | 'holder' | 'now' | 'random'>;

export function info(path: string, context: InfoContext): ImageInfo {
  const { store, holder } = context;
  const { timeMachine, ...container } = imageFacts(store, path);
  const lockedBy = lockHolder(store, path);
  const outside = { container, timeMachine, lockedBy };
  if (container.encryption || container.format === 'asif')
    return { ...outside, partitions: [], volumes: [], reclaimable: 0 };
  const image = openImage(store, path, { writable: false, waitLock: 0, holder, allowTimeMachine: true });
  const map = partitionMap(image.device);
  try {
    const volumes = probeVolumes(image.device, map).map(({ index, driver, volume }): VolumeInfo => {
      const { name, uuid, caseSensitive, capacity, free, files, directories, writer, dirty } = volume;
      return {
        index,
        fs: driver.kind,
        name,
        uuid,
        caseSensitive,
        capacity,
        used: capacity - free,
        free,
        files,
        directories,
        snapshots: [],
        writer,
        dirty,
      };
    });
    const reclaimable = volumes.length > 0 ? reclaimableBytes(path, context) : 0;
    return { ...outside, partitions: map.partitions, volumes, reclaimable };
  } finally {
    image.close();
  }
}

function reclaimableBytes(path: string, { store, holder, now, random }: InfoContext): number {
  const image = openImage(store, path, { writable: false, waitLock: 0, holder, allowTimeMachine: true });
  try {
    const stack = mount(path, image, { store, holder, now, random, writable: false });
    let bytes = 0;
    for (const { start, length } of stack.fileSystem.freeRanges() ?? []) bytes += stack.device.stored(start, length);
    stack.fileSystem.abandon();
    return bytes;
  } catch (error) {
    if (error instanceof TintypeError) return 0;
    throw error;
  } finally {
    image.close();
  }
}
