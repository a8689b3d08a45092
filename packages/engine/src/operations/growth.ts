// A backup that finds the image volume full and the host not: the image grows, and the run goes on (B16).

import { dirname } from 'node:path';
import { FileSizeLimitError, LinkLostError, StoreError, showSize, TintypeError, VolumeFullError } from '@tintype/core';
import { detect, imageFacts } from '@tintype/image';
import type { SummaryEvent } from '../events.js';
import { diskWithin, fileSizeLimit, wantedFile } from '../file-size-limit.js';
import { imageToRead } from '../maintenance/opened-image.js';
import { resizeImage } from '../maintenance/resize.js';
import type { BackupOptions, RunContext } from '../operation.js';
import { grownSize } from '../rules/capacity.js';
import { bytesToWrite } from './backup-dry-run.js';
import { giveBack, isFull, makeRoom } from './room.js';
import { secondPassphrase } from './sides.js';

/** `attempt` commits what it has done before it throws that the volume is full; the next one goes on from there. */
export function growing(
  options: BackupOptions,
  context: RunContext,
  attempt: (options: BackupOptions, context: RunContext) => SummaryEvent,
): SummaryEvent {
  const started = context.now();
  let before: number | null = null;
  /** Names of snapshots that had to go; null: not tried. */
  let gone: readonly string[] | null = null;
  for (;;) {
    try {
      const isFirst = before === null && gone === null;
      const summary = attempt(isFirst ? options : { ...options, continues: options.continues ?? started }, context);
      const deleted = [...(gone ?? []), ...((summary.snapshotsDeleted as readonly string[] | undefined) ?? [])];
      return {
        ...summary,
        ...(deleted.length > 0 ? { snapshotsDeleted: deleted } : {}),
        ...(before === null ? {} : { grown: { before, after: sizeOf(options, context) } }),
      };
    } catch (error) {
      // Others are full for a reason that neither changes.
      if (!isFull(error) || options.dryRun) throw error;
      if (error instanceof StoreError) giveBack(options, context);
      const tries = gone === null;
      gone ??= makeRoom(options, context);
      if (tries && gone.length > 0) continue;
      if (!(error instanceof VolumeFullError) || options.grow === 'never') throw error;
      const size = grow(options, context, error);
      before ??= size;
    }
  }
}

/** Of an encrypted image the header does not tell it. */
function sizeOf(options: BackupOptions, context: RunContext): number {
  const { destination, source, waitLock } = options;
  const { encryption, size } = imageFacts(context.store, destination);
  if (encryption === null) return size;
  const passphrase = secondPassphrase(source, options, context);
  const image = imageToRead(destination, { waitLock, passphrase }, context);
  try {
    return image.device.size;
  } finally {
    image.close();
  }
}

/** Less, if the image's file could not become as long (B13). @throws FileSizeLimitError */
function grownWithin(
  { image, size, before }: { image: string; size: number; before: number },
  { needed, free }: VolumeFullError,
  context: RunContext,
): number {
  const { format, encryption } = imageFacts(context.store, image);
  if (format === 'sparsebundle') return size;
  const isEncrypted = encryption !== null;
  const wanted = wantedFile({ format, size, isEncrypted });
  const limit = fileSizeLimit(dirname(image), wanted, context);
  if (limit === null) return size;
  const within = diskWithin(limit, { format, isEncrypted });
  if (within < before + needed) throw new FileSizeLimitError(image, { limit, needed, free });
  return within;
}

/** Answers the size of before. @throws VolumeFullError, the one that is given, if the image cannot grow */
function grow(options: BackupOptions, context: RunContext, full: VolumeFullError): number {
  const { destination: image, volume, waitLock, breakLock, allowTimeMachine } = options;
  const { store, emit } = context;
  if (detect(store, image) === null) throw full;
  const before = sizeOf(options, context);
  const hostFree = store.facts(dirname(image)).free;
  // What the run still needs, all at once: each growth has the source walked once more.
  const needed = Math.max(full.needed, bytesToWrite(options, context));
  const wanted =
    grownSize({ size: before, needed, hostFree }) ?? grownSize({ size: before, needed: full.needed, hostFree });
  if (wanted === null) throw full;
  const size = grownWithin({ image, size: wanted, before }, full, context);
  try {
    const passphrase = secondPassphrase(options.source, options, context);
    resizeImage({ image, size, volume, waitLock, breakLock, allowTimeMachine, passphrase }, context);
  } catch (error) {
    if (!(error instanceof TintypeError) || error instanceof LinkLostError) throw error;
    emit({ type: 'warning', code: 'not-grown', message: `${image} is full, and cannot grow: ${error.message}` });
    throw full;
  }
  emit({
    type: 'warning',
    code: 'grown',
    message: `${image} was full: it has ${showSize(size)} now instead of ${showSize(before)}`,
  });
  return before;
}
