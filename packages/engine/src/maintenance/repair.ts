// Repair: container, partition map, file systems, from the outside in.
//
// Nothing is written before its outcome is known: everything is mended in memory over the disk and checked there, and if
// any kind of finding is new or more numerous, nothing is changed at all. Then the changed sectors are written as one
// (`DiskImage.overwrite`): what they overwrite is kept as `IMAGE.repair-undo` first, and a cut is undone at the next
// opening. Only a bundle's own files come before that, each replaced or cut by itself, so that the disk can be opened.

import {
  type BlockDevice,
  CancelledError,
  CorruptError,
  type FileSystemDriver,
  type Finding,
  finding,
  OverlayDevice,
  RefusedError,
  StoreError,
  UnsupportedError,
  VolumeFullError,
  WindowDevice,
} from '@tintype/core';
import {
  type DiskImage,
  type Partition,
  partitionMap,
  repairContainer,
  repairPartitionMap,
  undoPath,
} from '@tintype/image';
import type { SummaryEvent } from '../events.js';
import { locking } from '../locking.js';
import type { Operation, RepairImageOptions, RunContext } from '../operation.js';
import { imageToRead, imageToWrite } from './opened-image.js';
import { driverOf } from './partition-driver.js';

export const repair: Operation<'repair'> = (options, context): SummaryEvent => new ImageRepair(options, context).run();

/** A line of the results. */
export interface Mended {
  /** What was done, or would be. */
  readonly mended: string;
  readonly place: string;
}

class ImageRepair {
  readonly #options: RepairImageOptions;
  readonly #context: RunContext;
  readonly #mended: Mended[] = [];
  readonly #left: Finding[] = [];
  #undo: string | null = null;

  constructor(options: RepairImageOptions, context: RunContext) {
    this.#options = options;
    this.#context = context;
  }

  run(): SummaryEvent {
    const { image: path, dryRun = false } = this.#options;
    const { store, emit } = this.#context;
    emit({ type: 'phase', name: 'open' });
    const container = { ...locking(path, this.#options, this.#context), isDryRun: dryRun };
    this.#note('container', repairContainer(store, path, container));
    const image = this.#open(dryRun);
    if (image) {
      try {
        this.#image(image, dryRun);
      } finally {
        image.close();
      }
    }
    for (const value of [...this.#mended, ...this.#left]) emit({ type: 'result', value });
    const counts = { mended: this.#mended.length, left: this.#left.length };
    return { type: 'summary', image: path, dryRun, ...counts, undo: this.#undo, problems: [] };
  }

  /** One that cannot be opened is a finding, as for verify. */
  #open(dryRun: boolean): DiskImage | null {
    const { image: path } = this.#options;
    try {
      const image = dryRun
        ? imageToRead(path, { ...this.#options, ignoreChecksums: true }, this.#context)
        : imageToWrite(path, this.#options, this.#context);
      if (['sparsebundle', 'sparseimage', 'asif', 'udrw'].includes(image.format)) return image;
      image.close();
      throw new RefusedError('read-only-image', `${path} is a read-only image (${image.format})`, { path });
    } catch (error) {
      if (!(error instanceof CorruptError)) throw error;
      this.#left.push(finding('corrupt', 'container', error.message));
      return null;
    }
  }

  #image(image: DiskImage, dryRun: boolean): void {
    const { emit } = this.#context;
    this.#note('container', image.mendedAtOpen);
    if (image.repairWasCut) this.#note('disk', ['undid a repair that had been cut off']);
    emit({ type: 'phase', name: 'verify' });
    // What a dry run found to mend there, it has listed.
    const isListed = (found: Finding) => dryRun && this.#mended.length > 0 && found.repairable;
    const container = this.#guard('container', () => [...image.verify()], []);
    this.#left.push(...container.filter((found) => !isListed(found)));
    const overlay = new OverlayDevice(image.device);
    const partitions = this.#guard('partition map', () => this.#partitions(overlay), []);
    let isSeen = false;
    for (const partition of partitions) isSeen = this.#partition(image.device, overlay, partition) || isSeen;
    if (!isSeen) this.#left.push(finding('no-volume', 'disk', 'holds no volume that tintype can read'));
    const changes = [...overlay.changes()];
    if (dryRun || changes.length === 0) return;
    this.#stopIfAsked();
    emit({ type: 'phase', name: 'commit' });
    image.overwrite(changes);
    this.#undo = undoPath(image.path);
  }

  /** With the map mended. */
  #partitions(overlay: OverlayDevice): readonly Partition[] {
    this.#note('partition map', repairPartitionMap(overlay));
    const map = partitionMap(overlay);
    this.#left.push(...map.findings);
    return map.partitions;
  }

  /** False if no driver takes it. @throws RefusedError if the repair would make it worse */
  #partition(device: BlockDevice, overlay: OverlayDevice, { index, start, size }: Partition): boolean {
    const place = `partition ${index}`;
    const found = new WindowDevice(overlay, start, size);
    const driver = driverOf(found);
    if (!driver) return false;
    const before = this.#guard(place, () => this.#check(driver, new WindowDevice(device, start, size)), null);
    if (!before || before.length === 0) return true;
    const draft = new OverlayDevice(found);
    if (!this.#mend(driver, draft, place)) {
      this.#left.push(...before.map((value) => ({ ...value, repairable: false })));
      return true;
    }
    const after = this.#check(driver, draft);
    requireNotWorse(this.#options.image, before, after);
    this.#left.push(...after);
    for (const { position, bytes } of draft.changes()) found.write(position, bytes);
    return true;
  }

  /** False, with a notice, if the driver cannot. */
  #mend(driver: FileSystemDriver, draft: BlockDevice, place: string): boolean {
    const { now, emit } = this.#context;
    try {
      const options = { now: now(), passphrase: this.#options.passphrase, progress: this.#progress };
      this.#note(place, driver.repair(draft, options));
      return true;
    } catch (error) {
      if (!(error instanceof UnsupportedError) && !(error instanceof VolumeFullError)) throw error;
      emit({ type: 'warning', code: 'not-mended', message: `${place} is left as it is: ${error.message}` });
      return false;
    }
  }

  #check(driver: FileSystemDriver, device: BlockDevice): Finding[] {
    return [...driver.check(device, { passphrase: this.#options.passphrase, progress: this.#progress })];
  }

  #note(place: string, acts: readonly string[]): void {
    for (const mended of acts) this.#mended.push({ mended, place });
  }

  /** Damage and unreadable host files become findings. */
  #guard<T>(place: string, look: () => T, otherwise: T): T {
    try {
      return look();
    } catch (error) {
      if (error instanceof CorruptError) this.#left.push(finding('corrupt', place, error.message));
      else if (error instanceof StoreError) this.#left.push(finding('unreadable', place, error.message));
      else throw error;
      return otherwise;
    }
  }

  readonly #progress = (done: number, total: number): void => {
    this.#context.progress.set('items', done);
    this.#context.progress.set('totalItems', total);
    this.#stopIfAsked();
  };

  #stopIfAsked(): void {
    if (this.#context.progress.cancelled) throw new CancelledError();
  }
}

/** @throws RefusedError if any kind of finding is new, or more numerous */
export function requireNotWorse(image: string, before: readonly Finding[], after: readonly Finding[]): void {
  const count = (findings: readonly Finding[], kind: string) => findings.filter((each) => each.kind === kind).length;
  for (const { kind, place, message } of after) {
    if (count(after, kind) <= count(before, kind)) continue;
    const problem = `a repair would leave what is not there now (${kind}: ${place}: ${message}), so nothing was changed`;
    throw new RefusedError('repair-worse', `${image}: ${problem}`, { image, kind, place });
  }
}
