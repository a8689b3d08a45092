// B36: how a new image is encrypted.

import type { BackupOptions, ConvertOptions } from '../operation.js';

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

/**
 * Of a copy of an image: what was said, else as the image has it (`keyBits`; null: clear), else the default if a
 * passphrase is meant for the copy.
 */
export function copyEncryption(
  {
    encryption,
    mustEncrypt,
    passphrase,
    newPassphrase,
  }: Pick<ConvertOptions, 'encryption' | 'mustEncrypt' | 'passphrase' | 'newPassphrase'>,
  keyBits: number | null,
): string | undefined {
  if (encryption === undefined && keyBits !== null) return `aes-${keyBits}`;
  const isMeant = newPassphrase !== undefined || mustEncrypt === true;
  return newEncryption({ encryption, mustEncrypt: isMeant, passphrase: newPassphrase ?? passphrase });
}
