// What a folder of this host does not give or keep, said before the run: it could not be counted in it.

import { folderLosses } from '@tintype/host';
import type { RunContext } from '../operation.js';

/** One notice, and none where the host's folders are whole. */
export function noticeFolderLosses(path: string, { emit }: Pick<RunContext, 'emit'>): void {
  const losses = folderLosses();
  if (losses.length === 0) return;
  const message = `${path} is read and written without ${losses.join(', ')}: tintype does not know this system's calls for them`;
  emit({ type: 'warning', code: 'folder-losses', message, count: losses.length });
}
