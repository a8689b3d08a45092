// `backup --verify`: what was just written is read once more. In an image, by the checksums of what was copied; in a
// folder, by comparing everything with the source.

import {
  CancelledError,
  type Item,
  LinkLostError,
  TintypeError,
  type Volume,
  type WritableVolume,
} from '@tintype/core';
import type { ChecksumBook } from '../checksums/checksum-book.js';
import { ContentVerifier } from '../checksums/verify-contents.js';
import { type Filter, SAFETYNET_FOLDER } from '../tree/filter.js';
import { list } from './browse.js';
import { differences } from './diff.js';

export interface BackupVerification {
  readonly source: Volume;
  readonly target: WritableVolume;
  readonly filter: Filter;
  /** Of the run; null for a folder. */
  readonly checksums: ChecksumBook | null;
  /** Called now and then; may throw to stop. */
  readonly between: () => void;
  /** Told of what is not as it should be. */
  readonly differs: (path: string, how: string) => void;
}

export function verifyBackup(verification: BackupVerification): void {
  const { source, target, filter, checksums, between, differs } = verification;
  const rules = {
    contents: checksums ? ('sizes' as const) : ('bytes' as const),
    attributes: false,
    pick: (folder: Item, path: string, items: readonly Item[]) =>
      path !== '' && filter.keepsEmpty(folder)
        ? []
        : filter.withoutCaches(
            source,
            items.filter((item) => !filter.excludes(path, item)),
          ),
    between,
  };
  for (const { path, difference } of differences(source, source.root, target, target.root, rules))
    if (difference !== 'only in b') differs(path, difference);
  if (checksums) readAgain(verification, checksums);
}

function readAgain({ target, between, differs }: BackupVerification, checksums: ChecksumBook): void {
  const verifier = new ContentVerifier(target, checksums.written(), checksums.hasher);
  for (const { path, item } of list(target, '/', true)) {
    if (item.kind !== 'file' || path.startsWith(`/${SAFETYNET_FOLDER}/`)) continue;
    between();
    try {
      if (verifier.knows(item))
        verifier.file(item, (verdict) => {
          if (verdict === 'differs') differs(path, 'content');
        });
    } catch (error) {
      if (!(error instanceof TintypeError) || error instanceof CancelledError || error instanceof LinkLostError)
        throw error;
      differs(path, 'unreadable');
    }
  }
  verifier.drain();
}
