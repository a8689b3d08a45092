// The host's refusals as `StoreError`s.

import { constants } from 'node:os';
import { StoreError } from '@tintype/core';

const names = new Map<number, string>();
for (const [name, value] of Object.entries(constants.errno)) if (!names.has(value)) names.set(value, name);

/** Name of an errno value, such as `ENOENT`. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `E${errno}`;
}

/** What a call of node:fs threw, as a `StoreError`; anything that has no errno name is not the host's and goes on. */
export function storeError(cause: unknown, operation: string, path: string): StoreError {
  if (cause instanceof StoreError) return cause;
  const code = cause instanceof Error && 'code' in cause ? cause.code : null;
  if (typeof code === 'string') return new StoreError(code, operation, path, { cause });
  throw cause;
}

/** Runs one call of node:fs. @throws StoreError */
export function attempt<T>(operation: string, path: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw storeError(cause, operation, path);
  }
}

/** True if `error` is the host's refusal of one of these codes. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof StoreError && codes.includes(error.code);
}
