// How an operation comes by an image that someone else may hold.

import type { OpenImageOptions } from '@tintype/image';
import type { ImageChoice, RunContext } from './operation.js';

export type LockChoice = Pick<ImageChoice, 'waitLock' | 'breakLock'>;

export type Locking = Pick<OpenImageOptions, 'holder' | 'waitLock' | 'breakLock'>;

/** For writers. Whose lock was broken is told as a notice. */
export function locking(
  path: string,
  { waitLock, breakLock }: LockChoice,
  { holder, emit }: Pick<RunContext, 'holder' | 'emit'>,
): Locking {
  const tell = (whose: string): void => {
    const message = `${path}: the lock of ${whose} was broken; if it still runs, it stops at its next write`;
    emit({ type: 'warning', code: 'lock-broken', message });
  };
  return { holder, waitLock: waitLock ?? 0, breakLock: breakLock ? tell : undefined };
}
