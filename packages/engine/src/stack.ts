// The only place that puts the floors of an image together: container, partition, driver, file system, volume.

import { apfs } from '@tintype/apfs';
import {
  type BlockDevice,
  CountingDevice,
  type FileStore,
  type FileSystem,
  type FileSystemDriver,
  type Finding,
  type Lanes,
  type Probe,
  RefusedError,
  StoreError,
  TintypeError,
  UnsupportedError,
  WindowDevice,
  type WritableVolume,
} from '@tintype/core';
import { hfsplus } from '@tintype/hfsplus';
import {
  type DiskImage,
  type Holder,
  openImage,
  type Partition,
  type PartitionMap,
  partitionMap,
} from '@tintype/image';
import { OriginalNames } from './tree/original-names.js';

/** The file systems that images can hold. */
export const drivers: readonly FileSystemDriver[] = [hfsplus, apfs];

/** How the floors are put together. */
export interface StackOptions {
  readonly store: FileStore;
  readonly holder: Holder;
  readonly writable: boolean;
  readonly volume?: string | undefined;
  readonly snapshot?: string | undefined;
  /** Milliseconds. */
  readonly waitLock?: number | undefined;
  /** Breaks the lock of another host; told whose. */
  readonly breakLock?: ((holder: string) => void) | undefined;
  readonly allowTimeMachine?: boolean | undefined;
  readonly passphrase?: Uint8Array | undefined;
  /** Goes on though the container's checksums say that an image to be read is damaged. */
  readonly ignoreChecksums?: boolean | undefined;
  /** Decompress ahead of who reads a UDIF in order; stay the caller's. */
  readonly lanes?: Lanes | undefined;
  /** Told what is no reason to refuse, such as that an older state is read. */
  readonly report?: ((finding: Finding) => void) | undefined;
  /** Seconds since 1970. */
  readonly now: () => number;
  readonly random: (target: Uint8Array) => void;
}

/** An open image with everything up to its volume; `close` ends all of it. */
export interface Stack {
  readonly path: string;
  readonly image: DiskImage;
  readonly map: PartitionMap;
  readonly partition: Partition;
  readonly driver: FileSystemDriver;
  readonly fileSystem: FileSystem;
  /** With original names. */
  readonly volume: WritableVolume;
  /** The live volume as the driver shows it: what snapshots are made of. */
  readonly live: WritableVolume;
  /** Counts what the driver reads and writes. */
  readonly device: CountingDevice;
  /** Commits, marks the volume clean, gives up the locks. */
  close(): void;
  /** Closes without a commit. */
  abandon(): void;
}

/** A volume, and the driver that knows it. */
export interface ProbedVolume {
  /** As `--volume` counts, over all partitions. */
  readonly index: number;
  readonly partition: Partition;
  readonly driver: FileSystemDriver;
  readonly volume: Probe['volumes'][number];
}

/** By kind of file system: what a partition that holds it is called. */
export const PARTITION_TYPES: Readonly<Record<string, 'Apple_HFS' | 'Apple_APFS'>> = {
  'hfs+': 'Apple_HFS',
  apfs: 'Apple_APFS',
};

/** A file system that is there, but cannot be read. */
export interface DamagedVolume {
  readonly partition: Partition;
  readonly driver: FileSystemDriver;
  /** Null if only the partition's type tells what should be there. */
  readonly error: TintypeError | null;
}

/**
 * Every volume of a disk, without mounting any. Damaged ones throw only if nothing else was found; what the host could not
 * read is no damage, and hides no volume.
 */
export function probeVolumes(device: BlockDevice, map: PartitionMap): readonly ProbedVolume[] {
  const { found, damaged } = searchVolumes(device, map);
  const failed = damaged.find((volume) => volume.error instanceof StoreError);
  if (failed?.error) throw failed.error;
  const error = damaged.find((volume) => volume.error !== null)?.error;
  if (found.length === 0 && error) throw error;
  return found;
}

/** Every volume of a disk, and the ruins of others. */
export function searchVolumes(
  device: BlockDevice,
  map: PartitionMap,
): { readonly found: readonly ProbedVolume[]; readonly damaged: readonly DamagedVolume[] } {
  const found: ProbedVolume[] = [];
  const damaged: DamagedVolume[] = [];
  for (const partition of map.partitions) {
    if (partition.size < 1024) continue;
    const window = new WindowDevice(device, partition.start, partition.size);
    const seen = found.length + damaged.length;
    for (const driver of drivers) {
      try {
        const volumes = driver.probe(window)?.volumes ?? [];
        for (const volume of volumes) found.push({ index: found.length, partition, driver, volume });
        if (volumes.length > 0) break;
      } catch (error) {
        if (!(error instanceof TintypeError)) throw error;
        damaged.push({ partition, driver, error });
      }
    }
    const expected = drivers.find(({ kind }) => PARTITION_TYPES[kind] === partition.type);
    if (found.length + damaged.length === seen && expected) damaged.push({ partition, driver: expected, error: null });
  }
  return { found, damaged };
}

/**
 * Image, partition, driver, file system, volume: from bottom to top. @throws what any of them does; all is closed
 * again
 */
export function openStack(path: string, options: StackOptions): Stack {
  const image = openImage(options.store, path, {
    writable: options.writable,
    waitLock: options.waitLock ?? 0,
    breakLock: options.breakLock,
    holder: options.holder,
    allowTimeMachine: options.allowTimeMachine ?? false,
    passphrase: options.passphrase,
    ignoreChecksums: options.ignoreChecksums,
    lanes: options.lanes,
  });
  try {
    return mount(path, image, options);
  } catch (error) {
    image.close();
    throw error;
  }
}

/** Mounts a volume of an image that is open already. Closing the stack closes the image. */
export function mount(path: string, image: DiskImage, options: StackOptions): Stack {
  const map = partitionMap(image.device);
  const chosen = chooseVolume(path, probeVolumes(image.device, map), options.volume);
  const { partition, driver } = chosen;
  const device = new CountingDevice(new WindowDevice(image.device, partition.start, partition.size));
  const { writable, now, random, passphrase, report } = options;
  const fileSystem = driver.open(device, { writable, now, random, passphrase, report });
  const live = fileSystem.volumes.find((candidate) => candidate.uuid === chosen.volume.uuid) ?? fileSystem.volumes[0];
  if (!live) throw new UnsupportedError(`${path} holds a file system without a volume`);
  const volume = options.snapshot === undefined ? live : snapshotOf(live, options.snapshot);
  // An encrypted volume needs its passphrase now, while whoever opens it can still ask for it.
  void volume.root;
  const end = (last: () => void) => {
    try {
      last();
    } finally {
      image.close();
    }
  };
  return {
    path,
    image,
    map,
    partition,
    driver,
    fileSystem,
    device,
    volume: new OriginalNames(volume),
    live,
    close: () => end(() => fileSystem.close()),
    abandon: () => end(() => fileSystem.abandon()),
  };
}

/** By name or transaction. @throws UnsupportedError, RefusedError */
function snapshotOf(volume: WritableVolume, wanted: string): WritableVolume {
  const known = volume.snapshots;
  if (!known) throw new UnsupportedError(`volume ${volume.name} cannot have snapshots: only APFS volumes can`);
  const chosen = known.find(({ name }) => name === wanted) ?? known.find(({ xid }) => String(xid) === wanted);
  if (!chosen)
    throw new RefusedError('no-snapshot', `volume ${volume.name} has no snapshot ${wanted}`, { snapshot: wanted });
  return volume.openSnapshot(chosen.xid);
}

/** By UUID, name or index; the first if none is wanted. @throws UnsupportedError */
export function chooseVolume(path: string, volumes: readonly ProbedVolume[], wanted: string | undefined): ProbedVolume {
  const first = volumes[0];
  if (!first) throw new UnsupportedError(`${path} holds no volume that tintype can read (HFS+, HFSX or APFS)`);
  if (wanted === undefined) return first;
  const chosen =
    volumes.find(({ volume }) => volume.uuid.toLowerCase() === wanted.toLowerCase()) ??
    volumes.find(({ volume }) => volume.name === wanted) ??
    volumes.find(({ index }) => String(index) === wanted);
  if (!chosen) throw new UnsupportedError(`${path} holds no volume ${wanted}`);
  return chosen;
}
