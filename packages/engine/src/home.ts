// What tintype remembers on this machine: `$TINTYPE_HOME`, else `$XDG_STATE_HOME/tintype`, else ~/.local/state/tintype.

import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where tintype keeps its own: `$TINTYPE_HOME`, else below the state folder of the user. */
export function tintypeHome(): string {
  const { TINTYPE_HOME, XDG_STATE_HOME } = process.env;
  return TINTYPE_HOME || join(XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'tintype');
}

/** Volumes that this machine has written: restoring as root trusts them. It decides nothing but this. */
export function isKnownVolume(uuid: string): boolean {
  return readKnown().includes(uuid);
}

/** Where nothing can be remembered (a home that is read-only), a later restore as root asks for `--trust`. */
export function rememberVolume(uuid: string): void {
  if (isKnownVolume(uuid)) return;
  try {
    mkdirSync(tintypeHome(), { recursive: true, mode: 0o700 });
    appendFileSync(join(tintypeHome(), 'known'), `${uuid}\n`, { mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
}

function readKnown(): string[] {
  try {
    return readFileSync(join(tintypeHome(), 'known'), 'utf8').split('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== undefined) return [];
    throw error;
  }
}
