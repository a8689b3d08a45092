// What lies at the root of a folder and is not backed up, by its name alone.

import { spaceAt } from '@tintype/host';
import type { RunContext } from '../operation.js';
import { isAppleFileSystem } from '../rules/new-volume.js';
import { NEVER_TOUCHED, SAFETYNET_FOLDER } from '../tree/filter.js';
import type { Side } from './sides.js';

/** On a volume of Apple's these names are macOS's own; elsewhere someone may have given them. */
export function noticeLeftOut({ path, stack, volume }: Side, { emit }: Pick<RunContext, 'emit'>): void {
  if (stack !== null) return;
  const names = isAppleFileSystem(spaceAt(path).kind) ? [SAFETYNET_FOLDER] : NEVER_TOUCHED;
  const { id } = volume.root;
  const found = names.filter((name) => volume.lookup(id, name) !== null);
  if (found.length === 0) return;
  const message = `not backed up, as macOS or a backup has these names for its own: ${found.join(', ')}`;
  emit({ type: 'warning', code: 'left-out', message, count: found.length });
}
