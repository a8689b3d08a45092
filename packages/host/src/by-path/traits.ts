// What a host keeps of an item through node:fs alone.

import { lstatSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { hostPath, type ItemKind, type StoreFacts, type VolumeTraits } from '@tintype/core';
import { hostTraits, ownRootNames } from '../traits.js';
import { pathTimeUnit } from './times.js';

/** What the volume at `path` keeps; `facts` are its file system's. */
export function pathTraits(path: string, facts: StoreFacts): VolumeTraits {
  const host = hostTraits(facts, process.getuid?.() === 0);
  const kinds: ItemKind[] = ['file', 'directory'];
  if (host.kinds.includes('symlink') && makesLinks()) kinds.push('symlink');
  return {
    ...host,
    caseSensitive: host.caseSensitive && isCaseSensitive(path),
    timeUnit: Math.max(host.timeUnit, pathTimeUnit),
    hardLinks: host.hardLinks === 'none' ? 'none' : 'files',
    holes: false,
    kinds,
    ownRootNames: ownRootNames(path, facts),
    xattrs: false,
  };
}

/** Asks for the folder, or one above it, by its name in the other case; if none has letters, as the host usually does. */
export function isCaseSensitive(path: string): boolean {
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    const name = basename(at);
    const other = name === name.toUpperCase() ? name.toLowerCase() : name.toUpperCase();
    if (other === name) continue;
    const [own, found] = [at, join(dirname(at), other)].map((place) =>
      lstatSync(hostPath(place), { bigint: true, throwIfNoEntry: false }),
    );
    return own?.ino !== found?.ino || own?.dev !== found?.dev;
  }
  return process.platform !== 'win32' && process.platform !== 'darwin';
}

/** Windows lets only some accounts make symbolic links: one is tried among the temporary files. */
function makesLinks(): boolean {
  if (process.platform !== 'win32') return true;
  const folder = mkdtempSync(join(tmpdir(), 'tintype-'));
  try {
    symlinkSync('a', join(folder, 'b'));
    return true;
  } catch {
    // EPERM: neither an administrator nor in developer mode.
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
