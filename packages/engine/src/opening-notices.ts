// What drivers tell when an image is opened, as notices of a run.

import type { Finding } from '@tintype/core';
import type { RunContext } from './operation.js';

/** For `MountOptions.report`. A run that opens an image several times tells each once. */
export function openingNotices(path: string, { emit, told }: Pick<RunContext, 'emit' | 'told'>) {
  return ({ kind, message }: Finding): void => {
    const full = `${path}: ${message}`;
    if (told?.has(full)) return;
    told?.add(full);
    emit({ type: 'warning', code: kind, message: full });
  };
}
