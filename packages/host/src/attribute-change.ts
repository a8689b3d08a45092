// What of a change of attributes a host's folder keeps.

import type { AttributeChange, Attributes } from '@tintype/core';

const setIdBits = 0o6000;

/** Mode, times, and owners if `keepsOwners`. Without root nobody else's setuid or setgid is made ours. */
export function keptChange(
  change: AttributeChange,
  { keepsOwners }: { readonly keepsOwners: boolean },
): AttributeChange {
  const { mode, uid, gid, mtime, mtimeNanos } = change;
  const kept: { -readonly [K in keyof Attributes]?: Attributes[K] } = {};
  if (mode !== undefined) kept.mode = keepsOwners || isOurs(uid, gid) ? mode : mode & ~setIdBits;
  if (keepsOwners && uid !== undefined) kept.uid = uid;
  if (keepsOwners && gid !== undefined) kept.gid = gid;
  if (mtime !== undefined) kept.mtime = mtime;
  if (mtimeNanos !== undefined) kept.mtimeNanos = mtimeNanos;
  return kept;
}

function isOurs(uid: number | undefined, gid: number | undefined): boolean {
  return uid === process.getuid?.() && gid === process.getgid?.();
}
