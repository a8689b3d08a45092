// Compacts the destination before a backup opens it, if its host is short of room (B19) and not on battery (B24).

import { dirname } from 'node:path';
import { LockedError, showSize } from '@tintype/core';
import { isOnBattery } from '@tintype/host';
import { imageFacts } from '@tintype/image';
import { compactImage, predict } from '../maintenance/compact.js';
import type { BackupOptions, RunContext } from '../operation.js';
import { isCompactionDue, isGainWorthwhile, mayCompact } from '../rules/compaction-due.js';
import { openReadable } from './sides.js';

const SPARSE = ['sparsebundle', 'sparseimage', 'asif'];

/** `options.passphrase` is the destination's. @throws PassphraseError, CorruptError, CancelledError */
export function compactFirst(
  options: BackupOptions,
  context: RunContext,
  onBattery: boolean | null = isOnBattery(),
): void {
  const { destination, volume } = options;
  const { store, emit } = context;
  const { free, capacity } = store.facts(dirname(destination));
  if (!isCompactionDue({ hostFree: free, hostCapacity: capacity })) return;
  if (!SPARSE.includes(imageFacts(store, destination).format)) return;
  emit({ type: 'phase', name: 'power' });
  if (!mayCompact({ onBattery, allowed: options.allowBattery ?? false })) {
    tell('on-battery', 'it is not compacted, because this host runs on its battery');
    return;
  }
  try {
    // B9: another image in its place is not touched.
    if (volume !== undefined) openReadable(destination, options, context).close();
    emit({ type: 'phase', name: 'Compacting the destination disk image' });
    const { givenBack: gain, before: imageBytes } = predict(destination, { passphrase: options.passphrase }, context);
    if (!isGainWorthwhile({ gain, imageBytes })) {
      tell(
        'compaction-skipped',
        `compacting it would give back only ${showSize(gain)} of its ${showSize(imageBytes)}, and is skipped`,
      );
      return;
    }
    const { givenBack } = compactImage(destination, options, context);
    tell('compacted', `compacting it gave back ${showSize(givenBack)}`);
  } catch (error) {
    // Whoever holds it is waited for, or named, when it is opened for the backup.
    if (!(error instanceof LockedError)) throw error;
  } finally {
    for (const counter of ['bytes', 'totalBytes'] as const) context.progress.set(counter, 0);
  }

  function tell(code: string, what: string): void {
    emit({ type: 'warning', code, message: `${destination}: its host has ${showSize(free)} free; ${what}` });
  }
}
