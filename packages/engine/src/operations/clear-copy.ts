// A new image that is clear though its source is not: what was secret is not laid open without a word.

import { detect } from '@tintype/image';
import type { BackupOptions, RunContext } from '../operation.js';

/** Nothing is said if it was asked for. */
export function noticeClearCopy(
  { source, destination, encryption }: Pick<BackupOptions, 'source' | 'destination' | 'encryption'>,
  { store, emit }: Pick<RunContext, 'store' | 'emit'>,
): void {
  if (encryption !== undefined || store.kind(source) === null || detect(store, source)?.kind !== 'encrypted') return;
  const message = `${source} is encrypted, but its copy ${destination} is not: say --encryption aes-256, or none if it is meant to be clear`;
  emit({ type: 'warning', code: 'clear-copy', message });
}
