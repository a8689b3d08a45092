// What crosses between an operation and the thread that checks a file system's structure for it.

import type { MessagePort } from 'node:worker_threads';
import type { ErrorJson, Finding } from '@tintype/core';

/** Which partition of which image is checked. */
export interface CheckTask {
  readonly image: string;
  /** Milliseconds. */
  readonly waitLock?: number | undefined;
  readonly passphrase?: Uint8Array | undefined;
  /** Bytes from the start of the disk; and of the partition. */
  readonly start: number;
  readonly size: number;
  /** Of the operation: parts done, and whether it was asked to stop. */
  readonly progress: SharedArrayBuffer;
}

/** What the thread is started with. */
export interface CheckWork {
  readonly task: CheckTask;
  /** One number of `checkState`. */
  readonly words: SharedArrayBuffer;
  /** Takes one `CheckAnswer`. */
  readonly port: MessagePort;
}

/** All findings, or why there are none. */
export type CheckAnswer = { readonly findings: readonly Finding[] } | { readonly error: ErrorJson };

/** `withdrawn`: the thread took too long to come up, and whoever wants the answer checks. It never becomes `running` then. */
export const checkState = { starting: 0, running: 1, done: 2, failed: 3, withdrawn: 4 } as const;

/** A structure check under way beside its caller. */
export interface RunningCheck {
  /** True if `wait` would return at once. */
  readonly isDone: boolean;
  /**
   * Waits for all findings, calling `look` now and then, which may throw. Null: nobody has checked, and the caller must.
   * @throws what the check threw
   */
  wait(look: () => void): readonly Finding[] | null;
  close(): void;
}
