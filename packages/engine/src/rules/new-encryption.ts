// B36: how a new image is encrypted.

import type { BackupOptions } from '../operation.js';

/** Where a passphrase was given for a new image and nothing else was said. */
export const DEFAULT_ENCRYPTION = 'aes-256';

/** What was said, else the default if there is a passphrase that is meant for the new image; undefined: clear. */
export function newEncryption({
  encryption,
  mustEncrypt,
  passphrase,
}: Pick<BackupOptions, 'encryption' | 'mustEncrypt' | 'passphrase'>): string | undefined {
  return encryption ?? (mustEncrypt && passphrase ? DEFAULT_ENCRYPTION : undefined);
}
