// Options of `backup` that describe a new image, where there is one already: it keeps its own, and that is said.

import { showSize } from '@tintype/core';
import type { BackupOptions, RunContext } from '../operation.js';
import type { Destination } from './backup-destination.js';

/** Sizes are rounded when an image is made. */
const SIZE_UNIT = 1 << 20;

/** One warning for all options that ask for something else than the image has. */
export function noticeKeptForm(
  options: BackupOptions,
  { path, stack, volume, isNew }: Destination,
  { emit }: Pick<RunContext, 'emit'>,
): void {
  if (stack === null || isNew) return;
  const { caseSensitive, volumeName, size, bandSize } = options;
  const capacity = stack.image.device.size;
  const kept: string[] = [];
  if (caseSensitive !== undefined && caseSensitive !== volume.traits.caseSensitive)
    kept.push(volume.traits.caseSensitive ? 'names that differ in case' : 'names without regard to case');
  if (volumeName !== undefined && volumeName.normalize('NFC') !== volume.name.normalize('NFC'))
    kept.push(`the volume name ${volume.name}`);
  if (size !== undefined && Math.abs(size - capacity) >= SIZE_UNIT)
    kept.push(`its size of ${showSize(capacity)} (see 'tintype resize')`);
  if (bandSize !== undefined) {
    const bands = stack.image.facts().bandSize ?? null;
    if (bandSize !== bands) kept.push(bands === null ? 'its file without bands' : `bands of ${showSize(bands)}`);
  }
  if (kept.length === 0) return;
  emit({ type: 'warning', code: 'kept-form', message: `${path} exists, and keeps ${kept.join(', ')}` });
}
