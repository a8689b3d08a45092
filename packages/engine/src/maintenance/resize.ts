// Resize: another capacity for an image, its last partition and the file system in it.
//
// Order: what is outside grows first and shrinks last, so that whatever a cut leaves, the file system lies within its
// partition and that within the disk. The same call again finishes what was cut.

import { dirname } from 'node:path';
import {
  assert,
  RefusedError,
  type SizeLimits,
  showSize,
  showSizes,
  UnsupportedError,
  VolumeFullError,
  WindowDevice,
} from '@tintype/core';
import {
  type DiskImage,
  diskSizeFor,
  type PartitionMap,
  partitionMap,
  resizedPartition,
  resizePartitionMap,
} from '@tintype/image';
import type { SummaryEvent } from '../events.js';
import { fileSizeLimit, wantedFile } from '../file-size-limit.js';
import { openingNotices } from '../opening-notices.js';
import type { Operation, ResizeOptions, RunContext } from '../operation.js';
import { isOverCommitted, requireRoomForVolume } from '../rules/capacity.js';
import { chooseVolume, type ProbedVolume, probeVolumes } from '../stack.js';
import { imageToWrite } from './opened-image.js';

/** Capacities are multiples of this. */
const UNIT = 1 << 20;
const SECTOR = 512;

export interface Resized {
  readonly before: number;
  readonly after: number;
  /** Bytes of the file system. */
  readonly capacity: number;
}

export const resize: Operation<'resize'> = (options, context): SummaryEvent => {
  context.emit({ type: 'phase', name: 'open' });
  return { type: 'summary', image: options.image, ...resizeImage(options, context), problems: [] };
};

/** @throws UsageError, RefusedError (B17, too small), UnsupportedError, LockedError, PassphraseError */
export function resizeImage(options: ResizeOptions, context: RunContext): Resized {
  if (typeof options.size === 'number') requireRoomForVolume(options.size);
  const image = imageToWrite(options.image, options, context);
  try {
    const first = new Resizing(image, options, context).run();
    return options.size === 'min' ? resizeFurther(image, options, context, first) : first;
  } finally {
    image.close();
  }
}

/**
 * What a file system of the old size needed of its own may have stood where a smaller one ends: it goes with that size. What was
 * reached stays, and is the result, if no less can be.
 */
function resizeFurther(image: DiskImage, options: ResizeOptions, context: RunContext, first: Resized): Resized {
  let last = first;
  while (last.after < last.before) {
    const further = new Resizing(image, options, context);
    if (!further.isSmaller) break;
    try {
      last = further.run();
    } catch (error) {
      if (!(error instanceof RefusedError) || error.code !== 'too-small') throw error;
      const message = `${options.image} has ${showSize(last.after)} now; less was tried, but ${error.message}`;
      context.emit({ type: 'warning', code: 'not-least', message });
      break;
    }
  }
  return { ...last, before: first.before };
}

class Resizing {
  readonly #image: DiskImage;
  readonly #options: ResizeOptions;
  readonly #context: RunContext;
  readonly #map: PartitionMap;
  readonly #chosen: ProbedVolume;

  constructor(image: DiskImage, options: ResizeOptions, context: RunContext) {
    this.#image = image;
    this.#options = options;
    this.#context = context;
    this.#map = partitionMap(image.device);
    this.#chosen = chooseVolume(options.image, probeVolumes(image.device, this.#map), options.volume);
  }

  run(): Resized {
    const image = this.#image;
    const before = image.device.size;
    // Where the size is fixed it says so now, before the file system is touched.
    image.resize(before);
    const limits = this.#limits();
    const size = this.#wantedSize(limits);
    this.#requireCapacity(size);
    // Not the disk decides: where a call was cut, it may be larger than its partition.
    const next = resizedPartition(this.#map, this.#chosen.partition, size);
    const capacity = next.size < this.#chosen.partition.size ? this.#shrink(size, limits) : this.#grow(size);
    return { before, after: image.device.size, capacity };
  }

  /** True if `run` would make the image smaller. */
  get isSmaller(): boolean {
    return this.#wantedSize(this.#limits()) < this.#image.device.size;
  }

  #limits(): SizeLimits {
    const { size } = this.#options;
    const mayGrowOnly = size === 'max' || (size !== 'min' && size > this.#image.device.size);
    const limits = this.#withFileSystem(this.#chosen.partition.size, (fileSystem) => {
      const found = fileSystem.sizeLimits();
      return found && (mayGrowOnly ? { smallest: 0, largest: found.largest } : { ...found });
    });
    if (!limits) throw new UnsupportedError(`volumes of the file system ${this.#chosen.driver.kind} are not resized`);
    return limits;
  }

  #wantedSize({ smallest, largest }: SizeLimits): number {
    const { size } = this.#options;
    const { partition } = this.#chosen;
    const up = (bytes: number): number => Math.ceil(bytes / UNIT) * UNIT;
    if (size === 'min') return Math.min(this.#image.device.size, up(diskSizeFor(this.#map, partition, smallest)));
    if (size !== 'max') return Math.floor(size / SECTOR) * SECTOR;
    const { free } = this.#facts;
    const room = Math.floor((free + this.#image.facts().hostBytes) / UNIT) * UNIT;
    const most = Math.floor((largest - UNIT) / UNIT) * UNIT;
    return Math.max(this.#image.device.size, Math.min(room, most));
  }

  get #facts() {
    return this.#context.store.facts(dirname(this.#options.image));
  }

  /** B17: not past what the host volume can hold, unless told so. */
  #requireCapacity(size: number): void {
    const { capacity } = this.#facts;
    if (size <= this.#image.device.size) return;
    this.#requireFileSize(size);
    if (!isOverCommitted(size, capacity)) return;
    const [sizeText, capacityText] = showSizes(size, capacity);
    const message = `the image would have ${sizeText}, but its host volume has ${capacityText}`;
    if (!this.#options.force)
      throw new RefusedError('over-commit', `${message}; to resize it all the same, say --force`, { size, capacity });
    this.#context.emit({ type: 'warning', code: 'over-commit', message });
  }

  /** B13. A sparse image may promise more than its file can hold, if that is said. */
  #requireFileSize(size: number): void {
    const { format } = this.#image;
    if (format === 'sparsebundle' || (format !== 'udrw' && this.#options.force)) return;
    const wanted = wantedFile({ format, size, isEncrypted: false });
    const limit = fileSizeLimit(dirname(this.#options.image), wanted, this.#context);
    if (limit === null) return;
    throw new RefusedError(
      'file-size-limit',
      `a file there can have ${showSize(limit)} at most, not ${showSize(wanted)}`,
      {
        size: wanted,
        limit,
      },
    );
  }

  #grow(size: number): number {
    const image = this.#image;
    if (size > image.device.size) image.resize(size);
    const next = resizePartitionMap(image.device, this.#map, this.#chosen.partition, size);
    const capacity = this.#withFileSystem(next.size, (fileSystem) => {
      fileSystem.resize(next.size);
      return fileSystem.capacity;
    });
    if (size < image.device.size) image.resize(size);
    return capacity;
  }

  #shrink(size: number, limits: SizeLimits): number {
    const image = this.#image;
    const { partition } = this.#chosen;
    const next = resizedPartition(this.#map, partition, size);
    if (next.size < limits.smallest) this.#tooSmall(size, limits);
    const capacity = this.#withFileSystem(partition.size, (fileSystem) => {
      try {
        fileSystem.resize(next.size);
      } catch (error) {
        if (!(error instanceof VolumeFullError)) throw error;
        fileSystem.commit();
        this.#tooSmall(size, limits);
      }
      return fileSystem.capacity;
    });
    resizePartitionMap(image.device, this.#map, partition, size);
    image.resize(size);
    return capacity;
  }

  #tooSmall(size: number, { smallest, heldBySnapshots = 0, holders = [] }: SizeLimits): never {
    const least = diskSizeFor(this.#map, this.#chosen.partition, smallest);
    const [sizeText, leastText] = showSizes(size, least);
    const message = `the image cannot have ${sizeText}: its volume needs about ${leastText}`;
    const reason = heldBySnapshots === smallest ? reasonOf(holders) : '';
    throw new RefusedError('too-small', message + reason, { size, least, heldBySnapshots });
  }

  /** Opens the file system in a partition of `size` bytes, and closes it: with a commit, if `use` did not fail. */
  #withFileSystem<T>(size: number, use: (fileSystem: ReturnType<ProbedVolume['driver']['open']>) => T): T {
    const { partition, driver } = this.#chosen;
    const { now, random } = this.#context;
    const window = new WindowDevice(this.#image.device, partition.start, size);
    assert(window.writable, 'an image that is resized is open for writing');
    const { image, passphrase } = this.#options;
    const report = openingNotices(image, this.#context);
    const fileSystem = driver.open(window, { writable: true, now, random, passphrase, report });
    let isDone = false;
    try {
      const result = use(fileSystem);
      isDone = true;
      fileSystem.close();
      return result;
    } finally {
      if (!isDone) fileSystem.abandon();
    }
  }
}

/** Snapshots that are named one by one. */
const MOST_NAMES = 3;

function reasonOf(holders: readonly string[]): string {
  const named = holders.slice(0, MOST_NAMES).map((name) => JSON.stringify(name));
  const others = holders.length - named.length;
  const names = others > 0 ? `${named.join(', ')} and ${others} more` : named.join(', ');
  const who = holders.length === 1 ? `the snapshot ${names} holds` : `the snapshots ${names} hold`;
  const what = 'data up to there, in a piece for which there is no room before: without it less is possible';
  return `; ${holders.length === 0 ? 'snapshots hold' : who} ${what}`;
}
