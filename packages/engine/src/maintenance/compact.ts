// Compact: what the volumes of an image do not use goes back to the host. Which that is, the allocation maps tell; no data
// is read. What no known file system describes is left alone.
//
// Invariant: only blocks that the last commit does not hold are given up, and that commit is durable before the first one
// goes: a cut at any moment leaves it whole.

import {
  type BlockDevice,
  CancelledError,
  type Finding,
  PassphraseError,
  type Range,
  RefusedError,
  TintypeError,
  UnsupportedError,
  WindowDevice,
} from '@tintype/core';
import { isOnBattery } from '@tintype/host';
import { type DiskImage, partitionMap } from '@tintype/image';
import type { Problem, SummaryEvent } from '../events.js';
import { freeRangesOf, freeSpace } from '../free-ranges.js';
import { openingNotices } from '../opening-notices.js';
import type { CompactOptions, Operation, RunContext } from '../operation.js';
import { type ProbedVolume, probeVolumes } from '../stack.js';
import { imageToRead, imageToWrite } from './opened-image.js';

/** No discard is longer: between two of them a run can be stopped. */
const PIECE = 2 ** 30;

export interface Compaction {
  readonly image: string;
  /** Host bytes of the image before, and after (dry run: as predicted). */
  readonly before: number;
  readonly after: number;
  readonly givenBack: number;
  readonly interrupted: boolean;
}

type Choice = Pick<CompactOptions, 'passphrase' | 'waitLock' | 'breakLock' | 'allowTimeMachine'>;

export const compact: Operation<'compact'> = (options, context): SummaryEvent => {
  requireMains(options);
  const started = context.now();
  const images: Compaction[] = [];
  const problems: Problem[] = [];
  context.emit({ type: 'phase', name: 'Compacting the destination disk image' });
  for (const path of options.images) {
    try {
      images.push(options.dryRun ? predict(path, options, context) : compactImage(path, options, context));
    } catch (error) {
      const isOne = options.images.length === 1 || error instanceof PassphraseError;
      if (isOne || !(error instanceof TintypeError)) throw error;
      problems.push({ path, code: error.code, message: error.message });
    }
    if (images.at(-1)?.interrupted) break;
  }
  const givenBack = images.reduce((sum, each) => sum + each.givenBack, 0);
  const seconds = Math.round((context.now() - started) * 1000) / 1000;
  const rate = seconds > 0 ? Math.round(givenBack / seconds) : 0;
  const interrupted = images.some((each) => each.interrupted);
  return { type: 'summary', dryRun: options.dryRun ?? false, images, givenBack, seconds, rate, interrupted, problems };
};

/** B24: a power cut would do no harm, but the work is for a host that is plugged in. */
function requireMains({ dryRun, allowBattery }: CompactOptions): void {
  if (dryRun || allowBattery || isOnBattery() !== true) return;
  throw new RefusedError('on-battery', 'this host runs on its battery; to compact all the same, say --allow-battery');
}

/** The same ranges as a real run, without giving them up. @throws RefusedError for a read-only image */
export function predict(path: string, options: Choice, context: RunContext): Compaction {
  const image = imageToRead(path, { ...options, ignoreChecksums: true }, context);
  try {
    requireWritableFormat(image);
    const before = image.facts().hostBytes;
    const volumes = probeVolumes(image.device, partitionMap(image.device));
    const free = freeRangesOf(image.device, volumes, context, openingNotices(path, context));
    const { stored: givenBack } = freeSpace(image.device, free, () => stopIfAsked(context));
    return { image: path, before, after: Math.max(0, before - givenBack), givenBack, interrupted: false };
  } finally {
    image.close();
  }
}

function requireWritableFormat({ path, format }: DiskImage): void {
  if (['sparsebundle', 'sparseimage', 'asif', 'udrw'].includes(format)) return;
  throw new RefusedError('read-only-image', `${path} is a read-only image (${format}): it has nothing to give back`, {
    path,
  });
}

/** @throws LockedError, RefusedError, PassphraseError, CorruptError */
export function compactImage(path: string, options: Choice, context: RunContext): Compaction {
  const image = imageToWrite(path, options, context);
  try {
    const before = image.facts().hostBytes;
    const interrupted = discardFree(image, context);
    if (!interrupted) image.compact();
    const after = image.facts().hostBytes;
    return { image: path, before, after, givenBack: Math.max(0, before - after), interrupted };
  } finally {
    image.close();
  }
}

/** True if it was asked to stop. What is given up by then is, and the rest is as it was. */
function discardFree(image: DiskImage, context: RunContext): boolean {
  const { device } = image;
  const { progress } = context;
  device.flush();
  const report = openingNotices(image.path, context);
  const volumes = probeVolumes(device, partitionMap(device)).filter((each) => isSettled(device, each, context, report));
  const { bandSize = PIECE } = image.facts();
  const piece = bandSize * Math.ceil(PIECE / bandSize);
  progress.set('bytes', 0);
  let isStopped = false;
  try {
    const space = freeSpace(device, freeRangesOf(device, volumes, context, report), () => stopIfAsked(context));
    progress.set('totalBytes', space.stored);
    // Each range counts as if all were stored alike: to ask the host again would cost as much as giving back.
    const share = space.free > 0 ? space.stored / space.free : 0;
    for (const range of freeRangesOf(device, volumes, context))
      for (const { start, length } of piecesOf(range, piece)) {
        stopIfAsked(context);
        device.discard(start, length);
        progress.add('bytes', length * share);
      }
  } catch (error) {
    if (!(error instanceof CancelledError)) throw error;
    isStopped = true;
  }
  device.flush();
  return isStopped;
}

/**
 * A volume that nobody unmounted is trusted once it was opened for writing, which finishes what a cut left: without a
 * journal its allocation map may be behind its files.
 */
function isSettled(
  device: BlockDevice,
  { index, partition, driver, volume }: ProbedVolume,
  context: RunContext,
  report: (finding: Finding) => void,
): boolean {
  if (!volume.dirty) return true;
  const { now, random, emit } = context;
  try {
    const window = new WindowDevice(device, partition.start, partition.size);
    driver.open(window, { writable: true, now, random, report }).abandon();
    return true;
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    const message = `volume ${index} (${volume.name}) was not closed cleanly, and is left as it is: ${error.message}`;
    emit({ type: 'warning', code: 'not-clean', message });
    return false;
  }
}

/** Ends of pieces are multiples of `size`, so that no band is split. */
function* piecesOf({ start, length }: Range, size: number): Generator<Range> {
  for (let at = start; at < start + length; ) {
    const end = Math.min(start + length, (Math.floor(at / size) + 1) * size);
    yield { start: at, length: end - at };
    at = end;
  }
}

function stopIfAsked({ progress }: RunContext): void {
  if (progress.cancelled) throw new CancelledError();
}
