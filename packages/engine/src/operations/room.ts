// A backup that finds no room, in the volume or on its host: snapshots that its own rules let go go before it is tried
// again, and not only at its end.

import { LinkLostError, StoreError, TintypeError, VolumeFullError } from '@tintype/core';
import { detect } from '@tintype/image';
import { readPins } from '../history/pins.js';
import { compactImage } from '../maintenance/compact.js';
import type { BackupOptions, RunContext } from '../operation.js';
import { retain } from './retention.js';
import { imageSide, type Side, secondPassphrase } from './sides.js';

const HOST_FULL = ['ENOSPC', 'EDQUOT'];

/** True if the run ended because there was no room where the image lies, or in it. */
export function isFull(error: unknown): boolean {
  if (error instanceof VolumeFullError) return error.code === 'volume-full';
  return error instanceof StoreError && HOST_FULL.includes(error.code);
}

/** What a run wrote before its host was full is in no commit: the host gets that space back. */
export function giveBack(options: BackupOptions, context: RunContext): void {
  const { destination: image, source } = options;
  if (detect(context.store, image) === null) return;
  try {
    compactImage(image, { ...options, passphrase: secondPassphrase(source, options, context) }, context);
  } catch (error) {
    // The run's own failure is what is told.
    if (!(error instanceof TintypeError) || error instanceof LinkLostError) throw error;
  } finally {
    for (const counter of ['bytes', 'totalBytes'] as const) context.progress.set(counter, 0);
  }
}

/** Answers the names of the snapshots that are gone: nothing where there are no rules. */
export function makeRoom(options: BackupOptions, context: RunContext): readonly string[] {
  const { destination: image, keepRules } = options;
  if (!keepRules || detect(context.store, image) === null) return [];
  const passphrase = secondPassphrase(options.source, options, context);
  try {
    const side = imageSide(image, true, { ...options, passphrase, snapshot: undefined }, context);
    return deleteByRules(side, options, context);
  } catch (error) {
    // A host that is full to the last byte: what the run said of it is what counts.
    if (error instanceof LinkLostError || !isFull(error)) throw error;
    return [];
  }
}

function deleteByRules(side: Side, { keepRules }: BackupOptions, context: RunContext): readonly string[] {
  let isDone = false;
  try {
    const live = side.stack?.live;
    const gone =
      live?.snapshots && keepRules
        ? retain({ fileSystem: side.fileSystem, live, pinned: readPins(side.volume, live.uuid) }, keepRules, context)
        : [];
    isDone = true;
    return gone.map(({ name }) => name);
  } finally {
    if (isDone) side.close();
    else side.abandon();
  }
}
