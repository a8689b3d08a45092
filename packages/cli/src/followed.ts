// An image that is named by a symbolic link: what the link leads to is opened, locked and replaced, never the link.

import { existsSync, lstatSync, realpathSync, statSync } from 'node:fs';
import { hostPath, nameFromBytes, StoreError } from '@tintype/core';

/** The path behind a link to an image; one that is no link, or leads to nothing or to a plain folder, as it is. @throws StoreError */
export function followed(path: string): string {
  try {
    if (!lstatSync(hostPath(path), { throwIfNoEntry: false })?.isSymbolicLink()) return path;
    const end = nameFromBytes(realpathSync(hostPath(path), 'buffer'));
    return isPlainFolder(end) ? path : end;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return path;
    throw code === undefined ? cause : new StoreError(code, 'open', path, { cause });
  }
}

/** A folder that is no bundle. */
function isPlainFolder(path: string): boolean {
  return statSync(hostPath(path)).isDirectory() && !existsSync(hostPath(`${path}/Info.plist`));
}
