// Verify: container, partition map, file system, and if asked, every byte of every file. What does not hold is a
// finding; nothing is changed. Damage in one part does not keep the others from being looked at.

import {
  type BlockDevice,
  CancelledError,
  CorruptError,
  type FileSystemDriver,
  type Finding,
  finding,
  type Lanes,
  StoreError,
  TintypeError,
  type Volume,
  WindowDevice,
} from '@tintype/core';
import { type DiskImage, type Partition, partitionMap } from '@tintype/image';
import { type ContentHasher, SerialHasher } from '../checksums/hasher.js';
import { ChecksumTable, segmentsOf } from '../checksums/table.js';
import { ContentVerifier, type Verdict } from '../checksums/verify-contents.js';
import type { SummaryEvent } from '../events.js';
import type { Operation, RunContext, VerifyOptions } from '../operation.js';
import { list } from '../operations/browse.js';
import type { RunningCheck } from './check-task.js';
import { imageToRead } from './opened-image.js';
import { driverOf } from './partition-driver.js';

export const verify: Operation<'verify'> = (options, context): SummaryEvent => new Verification(options, context).run();

/** Findings about contents that wait for those about the structure. */
const MOST_HELD = 1000;
/** Bytes in use from which on a thread is worth its start. */
const WORTH_THREAD = 64 << 20;

interface PlacedVolumes {
  readonly driver: FileSystemDriver;
  readonly window: BlockDevice;
  /** For findings. */
  readonly place: string;
}

/** A check in a thread, and what waits for it. */
interface Beside {
  readonly running: RunningCheck;
  readonly place: string;
  readonly checkHere: () => void;
  readonly held: Finding[];
}

class Verification {
  readonly #options: VerifyOptions;
  readonly #context: RunContext;
  #findings = 0;
  #repairable = 0;
  #filesRead = 0;
  #filesChecked = 0;
  #beside: Beside | null = null;

  constructor(options: VerifyOptions, context: RunContext) {
    this.#options = options;
    this.#context = context;
  }

  run(): SummaryEvent {
    this.#context.emit({ type: 'phase', name: 'verify' });
    const lanes = this.#context.newLanes?.();
    try {
      const image = this.#open(lanes);
      if (image) {
        try {
          this.#image(image);
        } finally {
          image.close();
        }
      }
    } finally {
      lanes?.close();
    }
    const data = this.#options.level === 'data' ? { filesRead: this.#filesRead, filesChecked: this.#filesChecked } : {};
    return {
      type: 'summary',
      image: this.#options.image,
      findings: this.#findings,
      repairable: this.#repairable,
      ...data,
      problems: [],
    };
  }

  /** An image that is not there, or that the host does not let us open, is a failure and not a finding. */
  #open(lanes: Lanes | undefined): DiskImage | null {
    try {
      // What is wrong with it is a finding.
      const choice = { ...this.#options, ignoreChecksums: true };
      return imageToRead(this.#options.image, choice, this.#context, lanes);
    } catch (error) {
      if (!(error instanceof CorruptError)) throw error;
      this.#tell(finding('corrupt', 'container', error.message));
      return null;
    }
  }

  #image(image: DiskImage): void {
    this.#guard('container', () => this.#tellAll(image.verify()));
    const map = this.#guard('partition map', () => partitionMap(image.device));
    if (!map) return;
    this.#tellAll(map.findings);
    let isSeen = false;
    for (const partition of map.partitions) isSeen = this.#partition(image.device, partition) || isSeen;
    if (!isSeen) this.#tell(finding('no-volume', 'disk', 'holds no volume that tintype can read'));
  }

  /** False if no driver takes it. */
  #partition(device: BlockDevice, { index, start, size }: Partition): boolean {
    const window = new WindowDevice(device, start, size);
    const driver = driverOf(window);
    if (!driver) return false;
    const { level } = this.#options;
    const place = `partition ${index}`;
    const running = level === 'data' && isWorthThread(driver, window) ? this.#startCheck(start, size) : null;
    if (running) this.#sideBySide(running, { driver, window, place });
    else {
      if (level !== 'quick') this.#guard(place, () => this.#structure(driver, window));
      if (level === 'data') this.#guard(place, () => this.#contents(driver, window));
    }
    return true;
  }

  #structure(driver: FileSystemDriver, window: BlockDevice): void {
    const { passphrase } = this.#options;
    this.#tellAll(driver.check(window, { passphrase, progress: (...parts) => this.#progress(...parts) }));
  }

  #startCheck(start: number, size: number): RunningCheck | null {
    const { image, waitLock, passphrase } = this.#options;
    const { memory: progress } = this.#context.progress;
    return this.#context.newCheck?.({ image, waitLock, passphrase, start, size, progress }) ?? null;
  }

  /** The structure in a thread, the contents here: told as if the one came before the other. */
  #sideBySide(running: RunningCheck, { driver, window, place }: PlacedVolumes): void {
    this.#beside = { running, place, checkHere: () => this.#structure(driver, window), held: [] };
    try {
      this.#guard(place, () => this.#contents(driver, window));
      this.#settle();
    } finally {
      this.#beside = null;
      running.close();
    }
  }

  /** Waits for what is checked beside, and tells it, and then what was held back for it. */
  #settle(): void {
    const beside = this.#beside;
    if (!beside) return;
    this.#beside = null;
    this.#guard(beside.place, () => {
      const findings = beside.running.wait(() => this.#stopIfAsked());
      if (findings) this.#tellAll(findings);
      else beside.checkHere();
    });
    this.#tellAll(beside.held);
  }

  #contents(driver: FileSystemDriver, window: BlockDevice): void {
    const { now, random } = this.#context;
    const fileSystem = driver.open(window, { writable: false, now, random, passphrase: this.#options.passphrase });
    const hasher = this.#context.newHasher?.() ?? new SerialHasher();
    try {
      for (const volume of fileSystem.volumes) this.#volume(volume, hasher);
    } finally {
      hasher.close();
      fileSystem.abandon();
    }
  }

  #volume(volume: Volume, hasher: ContentHasher): void {
    const verifier = new ContentVerifier(volume, this.#table(volume), hasher);
    const { progress } = this.#context;
    for (const { path, item } of list(volume, '/', true)) {
      this.#guard(path, () => {
        if (item.kind === 'file') verifier.file(item, (verdict) => this.#judged(path, verdict));
        progress.add('bytes', item.kind === 'file' ? item.size : 0);
        if (item.hasXattrs) for (const { name } of volume.xattrs(item.id)) volume.xattr(item.id, name);
      });
      this.#filesRead += item.kind === 'file' ? 1 : 0;
      this.#stopIfAsked();
    }
    verifier.drain();
  }

  #table(volume: Volume): ChecksumTable {
    const found = this.#guard('checksums', () => segmentsOf(volume)) ?? { segments: [], strangers: [] };
    for (const { name } of found.strangers)
      this.#tell(
        finding('checksum-segment', `checksums/${name}`, 'is damaged, or of another volume', { severity: 'warning' }),
      );
    return new ChecksumTable(volume, found.segments);
  }

  #judged(path: string, verdict: Verdict): void {
    if (verdict === 'same') this.#filesChecked += 1;
    if (verdict === 'differs')
      this.#tell(finding('content', path, 'its data is not what was copied: the SHA-256 that was kept differs'));
  }

  #progress(done: number, total: number): void {
    this.#context.progress.set('items', done);
    this.#context.progress.set('totalItems', total);
    this.#stopIfAsked();
  }
  #stopIfAsked(): void {
    if (this.#context.progress.cancelled) throw new CancelledError();
  }
  #tellAll(findings: Iterable<Finding>): void {
    for (const value of findings) this.#tell(value);
  }
  #tell(value: Finding): void {
    if (this.#beside && this.#beside.held.length >= MOST_HELD) this.#settle();
    if (this.#beside) {
      this.#beside.held.push(value);
      this.#stopIfAsked();
      return;
    }
    this.#findings += 1;
    if (value.repairable) this.#repairable += 1;
    this.#context.emit({ type: 'result', value });
    this.#stopIfAsked();
  }

  /** Damage and unreadable host files become findings. */
  #guard<T>(place: string, look: () => T): T | null {
    try {
      return look();
    } catch (error) {
      if (error instanceof CorruptError) this.#tell(finding('corrupt', place, error.message));
      else if (error instanceof StoreError) this.#tell(finding('unreadable', place, error.message));
      else throw error;
      return null;
    }
  }
}

function isWorthThread(driver: FileSystemDriver, window: BlockDevice): boolean {
  try {
    const volumes = driver.probe(window)?.volumes ?? [];
    return volumes.reduce((sum, { capacity, free }) => sum + capacity - free, 0) >= WORTH_THREAD;
  } catch (error) {
    if (error instanceof TintypeError) return false;
    throw error;
  }
}
