// Changes the passphrase of an encrypted image of any format: only its header is opened, never what is inside.

import { type FileStore, UnsupportedError } from '@tintype/core';
import { claimImage } from './claim.js';
import { detect } from './detect.js';
import type { PasswdOptions } from './disk-image.js';
import { changePassphrase } from './encryption/passwd.js';
import { segmentsBeside } from './udif/segments.js';

/** Answers how many other keys still open the image. @throws PassphraseError, RefusedError, LockedError, UnsupportedError */
export function passwd(store: FileStore, path: string, options: PasswdOptions): number {
  if (detect(store, path)?.kind !== 'encrypted') throw new UnsupportedError(`${path} is not encrypted`, { path });
  if (segmentsBeside(store, path).length > 0)
    throw new UnsupportedError(
      `${path} is in several files, each with keys of its own; join them with 'tintype convert', which takes a new passphrase, too`,
      { path },
    );
  const claim = claimImage(store, path, options);
  try {
    const file = claim.store.open(store.kind(path) === 'directory' ? `${path}/token` : path, 'write');
    try {
      const { current, next, kdfRounds, holder } = options;
      return changePassphrase(claim.store, path, file, { current, next, rounds: kdfRounds, random: holder.random });
    } finally {
      file.close();
    }
  } finally {
    claim.handOn();
  }
}
