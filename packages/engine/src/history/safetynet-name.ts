// How what SafetyNet keeps is called: by the time of the run that put it aside.

import type { WritableVolume } from '@tintype/core';
import type { OwnFolders } from './own-folder.js';

/** `YYYY-MM-DD HH-MM-SS` in UTC. */
export function safetyNetName(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ').replaceAll(':', '-');
}

/** A name for this run that no folder has yet: ` 2` … appended on a clash. */
export function freeSafetyNetName(volume: WritableVolume, folders: OwnFolders, seconds: number): string {
  const wanted = safetyNetName(seconds);
  const folder = folders.find();
  if (!folder) return wanted;
  let name = wanted;
  for (let i = 2; volume.lookup(folder.id, name); i += 1) name = `${wanted} ${i}`;
  return name;
}
