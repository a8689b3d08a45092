// Passwd: a new passphrase for an encrypted image. No byte of data is written.

import { type FileStore, PassphraseError, UnsupportedError } from '@tintype/core';
import { passwd as changePassphrase, detect, noImage } from '@tintype/image';
import type { SummaryEvent } from '../events.js';
import { locking } from '../locking.js';
import type { Operation } from '../operation.js';
import { UsageError } from '../usage-error.js';

/** Before anyone is asked for a passphrase. @throws UnsupportedError */
export function requireEncrypted(store: FileStore, image: string): void {
  const found = store.kind(image) === null ? null : detect(store, image);
  if (!found) throw noImage(store, image);
  if (found.kind !== 'encrypted')
    throw new UnsupportedError(`${image} is not encrypted: make an encrypted copy of it with 'tintype convert'`, {
      path: image,
    });
}

export const passwd: Operation<'passwd'> = (options, context): SummaryEvent => {
  const { store, emit } = context;
  const { image, passphrase, newPassphrase, kdfRounds } = options;
  requireEncrypted(store, image);
  if (!passphrase || !newPassphrase) throw new PassphraseError('missing', image);
  if (newPassphrase.length === 0) throw new UsageError('the new passphrase may not be empty');
  const otherKeys = changePassphrase(store, image, {
    current: passphrase,
    next: newPassphrase,
    ...locking(image, options, context),
    kdfRounds,
  });
  if (otherKeys > 0)
    emit({
      type: 'warning',
      code: 'other-keys',
      message: `${otherKeys} more keys open the image as before (other passphrases, certificates or recovery keys)`,
      count: otherKeys,
    });
  return { type: 'summary', image, otherKeys, problems: [] };
};
