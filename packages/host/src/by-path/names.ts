// Which names a host can hold, where volumes go by path: Windows reads more into a name than the others do.

import { nameFromBytes, nameToBytes } from '@tintype/core';

/** Longest name: 255 bytes, on Windows and macOS 255 UTF-16 units. */
const LONGEST = 255;
/** Microsoft, "Naming Files, Paths, and Namespaces": characters below 32 and these have a meaning of their own. */
const forbiddenOnWindows = /[<>:"/\\|?*\u0000-\u001f]/;
/** The same page: names of devices, in any case and with any extension; superscript digits count as digits. */
const deviceOnWindows = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(\.|$)/i;
/** Windows drops dots and spaces at the end, and would find another item. */
const droppedOnWindows = /[. ]$/;

/** The name as the host would list it, or null if it cannot hold it, or would make another one of it. */
export function hostNameAsStored(name: string, platform: NodeJS.Platform = process.platform): string | null {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) return null;
  if (platform === 'win32') {
    const isRead = forbiddenOnWindows.test(name) || deviceOnWindows.test(name) || droppedOnWindows.test(name);
    return isRead || !name.isWellFormed() || name.length > LONGEST ? null : name;
  }
  const bytes = nameToBytes(name);
  if (platform === 'darwin') return name.isWellFormed() && name.length <= LONGEST ? name : null;
  return bytes.length <= LONGEST ? nameFromBytes(bytes) : null;
}

/** Equal for names that are one name to the host. APFS and HFS+ fold the forms of accents even where case counts. */
export function hostNameKey(
  name: string,
  caseSensitive: boolean,
  platform: NodeJS.Platform = process.platform,
): string {
  const form = platform === 'darwin' ? name.normalize('NFD') : name;
  return caseSensitive ? form : form.toUpperCase();
}
