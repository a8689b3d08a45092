// Whether the file of a backup's image can become as long as it may have to (B13).

import { dirname } from 'node:path';
import { RefusedError, showSize } from '@tintype/core';
import { FileRoom, fileSizeLimit, wantedFile } from '../file-size-limit.js';
import type { RunContext } from '../operation.js';
import type { Destination } from './backup-destination.js';

/** Null if nothing limits it. @throws RefusedError if a raw image is longer than a file can be there */
export function fileRoom({ stack }: Pick<Destination, 'stack'>, context: RunContext): FileRoom | null {
  if (!stack) return null;
  const { image, path } = stack;
  if (image.format !== 'udrw' && image.fileLength() === null) return null;
  const { format, encryption, size } = image.facts();
  const wanted = wantedFile({ format, size, isEncrypted: encryption !== null });
  const limit = fileSizeLimit(dirname(path), wanted, context);
  if (limit === null) return null;
  if (image.fileLength() !== null) return new FileRoom({ image, limit });
  const message = `${path} has ${showSize(wanted)}, but a file there can have ${showSize(limit)} at most: nothing was written`;
  throw new RefusedError('file-size-limit', message, { path, size: wanted, limit });
}
