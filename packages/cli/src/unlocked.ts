// Runs an operation with the passphrases that it needs. Which image is encrypted, the operation finds out: one that is
// missing is asked for then, and the operation begins again.

import { existsSync } from 'node:fs';
import { hostPath, PassphraseError, RefusedError, type TintypeError } from '@tintype/core';
import type { OperationName, Operations } from '@tintype/engine/run';
import type { Parsed } from './command.js';
import { Passphrases, type PassphrasesNeeded } from './passphrase.js';
import { type Presentation, runOperation } from './run-operation.js';
import type { Io } from './terminal.js';

type Options<N extends OperationName> = Omit<Operations[N], 'passphrase' | 'newPassphrase'>;

export interface Needs {
  /** `both`: of the image, and a new one. */
  readonly passphrases?: PassphrasesNeeded;
  /** An encrypted image is to be made at this path: without a passphrase, ask twice for one before all else. */
  readonly making?: string | undefined;
  /** This image is made, whether or not something lies there. */
  readonly out?: string | undefined;
}

export async function runUnlocked<N extends OperationName>(
  name: N,
  options: Options<N> | ((passphrases: Passphrases) => Options<N>),
  { parsed, io, needs = {} }: { readonly parsed: Parsed; readonly io: Io; readonly needs?: Needs },
  show: Presentation,
): Promise<number> {
  const passphrases = new Passphrases(parsed, needs.passphrases);
  try {
    if (needs.making !== undefined && !passphrases.first) await passphrases.obtain(needs.making, 'twice');
    if (needs.passphrases === 'both') await obtainBoth(passphrases, parsed);
    for (;;) {
      let missing: TintypeError | null = null;
      const own = typeof options === 'function' ? options(passphrases) : options;
      // The worker wipes what it was given; the next try needs it again.
      const given = { passphrase: copyOf(passphrases.first), newPassphrase: copyOf(passphrases.second) };
      const status = await runOperation(name, { ...own, ...given } as Operations[N], io, {
        ...show,
        isRetried: async (error) => {
          const isMissing = error.code === 'passphrase-missing';
          const path = String(error.values.path);
          if (isMissing && (await passphrases.obtain(path, isNew(path, needs) ? 'twice' : 'once'))) missing = error;
          return missing !== null;
        },
      });
      if (!missing) return status;
    }
  } finally {
    passphrases.wipe();
  }
}

function isNew(path: string, { out }: Needs): boolean {
  return path === out || !existsSync(hostPath(path));
}

/** The current one, then the new one twice. @throws PassphraseError */
async function obtainBoth(passphrases: Passphrases, parsed: Parsed): Promise<void> {
  const path = parsed.operands[0] ?? '';
  if (!passphrases.first) await passphrases.obtain(path);
  if (!passphrases.first) throw new PassphraseError('missing', path);
  if (!passphrases.second) await passphrases.obtain(path, 'twice');
  if (!passphrases.second)
    throw new RefusedError('passphrase-missing-new', `${path}: the new passphrase is missing`, { path });
}

function copyOf(bytes: Uint8Array | undefined): Uint8Array | undefined {
  if (!bytes) return undefined;
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}
