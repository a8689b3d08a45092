// Every failure that is not our own mistake has a class, a code, and values. Sentences for people are finished at the
// edge (`cli`), which adds what to do next. Our own mistakes are assertions, and caught by nobody.

import { showSize, showSizes } from './size-text.js';

/** Values of an error beside its code: paths, sizes in bytes, names. */
export type ErrorValues = Readonly<Record<string, string | number | boolean | null>>;

/** An error as it crosses a thread or stands in `--json`. */
export interface ErrorJson {
  readonly type: string;
  readonly code: string;
  readonly message: string;
  readonly values: ErrorValues;
}

/** Base of all. `code` is stable, `values` carry numbers and places, `message` is one sentence without a full stop. */
export class TintypeError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly values: ErrorValues = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
  toJSON(): ErrorJson {
    return { type: this.name, code: this.code, message: this.message, values: this.values };
  }
}

/** Bytes from a disk that cannot be what they claim to be. Names structure, field and place (bytes). */
export class CorruptError extends TintypeError {
  constructor(
    readonly structure: string,
    readonly field: string,
    readonly place: number,
    problem: string,
    readonly dump = '',
  ) {
    super('corrupt', `${structure}.${field} at byte ${place}: ${problem}`, { structure, field, place, problem });
  }
}

/** What the commoner codes of a host mean. */
const ERRNO_WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  ENOENT: 'no such file or folder',
  ENOTDIR: 'not a folder',
  EISDIR: 'a folder',
  EEXIST: 'exists already',
  ENOSPC: 'no space left',
  EDQUOT: 'quota exceeded',
  EROFS: 'read-only file system',
  EFBIG: 'file too large',
  EIO: 'input or output error',
  ELOOP: 'too many symbolic links',
  ENAMETOOLONG: 'name too long',
  EMFILE: 'too many open files',
};

/** The host refused: `code` is its errno name (`ENOENT`, `EIO`, `ENOSPC` …), `values.path` says where. */
export class StoreError extends TintypeError {
  constructor(code: string, operation: string, path: string, options?: ErrorOptions) {
    const words = ERRNO_WORDS[code];
    super(code, `${path}: ${operation}: ${code}${words ? ` (${words})` : ''}`, { operation, path }, options);
  }
}

/**
 * The host below an image does not answer: its disk, its share or the link to it went away, and may come back. `code` is
 * what the host said. Whoever meets it closes the image, and opens it anew at its last commit when the host is back.
 */
export class LinkLostError extends StoreError {}

/** True if all that the host says is that there is nothing of that name; not if what should hold it is gone. */
export function isMissing(error: unknown): error is StoreError {
  return error instanceof StoreError && error.code === 'ENOENT' && !(error instanceof LinkLostError);
}

function fullText(needed: number, free: number): string {
  const [neededText, freeText] = showSizes(needed, free);
  return `the volume is full: ${neededText} needed, ${freeText} free`;
}

/** The volume inside the image has no room (or no ids) for this; nothing was changed by the call. */
export class VolumeFullError extends TintypeError {
  constructor(
    readonly needed: number,
    readonly free: number,
    code = 'volume-full',
    message = fullText(needed, free),
    values: ErrorValues = {},
  ) {
    super(code, message, { needed, free, ...values });
  }
}

/** The volume has room, but the file that it lies in may not become longer; nothing was changed by the call. */
export class FileSizeLimitError extends VolumeFullError {
  constructor(path: string, { limit, needed, free }: { limit: number; needed: number; free: number }) {
    const message = `${path} cannot grow as it must: a file there can have ${showSize(limit)} at most`;
    super(needed, free, 'file-size-limit', message, { path, limit });
  }
}

/** Someone else holds the image. */
export class LockedError extends TintypeError {
  constructor(path: string, holder: string, code = 'locked', message = `${path} is in use by ${holder}`) {
    super(code, message, { path, holder });
  }
}

/** Someone else holds the image that was ours: nothing more is written to it. */
export class LeaseLostError extends LockedError {
  constructor(path: string, holder: string) {
    super(path, holder, 'lease-lost', `${path} was taken over by ${holder}: this run stopped writing to it`);
  }
}

/** A passphrase is missing or wrong. */
export class PassphraseError extends TintypeError {
  constructor(reason: 'missing' | 'wrong', path: string) {
    super(`passphrase-${reason}`, `${path}: the passphrase is ${reason}`, { path });
  }
}

/** A sound input that this software cannot handle (yet), or a request that makes no sense for it. */
export class UnsupportedError extends TintypeError {
  constructor(message: string, values: ErrorValues = {}) {
    super('unsupported', message, values);
  }
}

/** A rule of ours forbids the run. `code` names the rule. */
export class RefusedError extends TintypeError {}

/** The user asked to stop. */
export class CancelledError extends TintypeError {
  constructor() {
    super('cancelled', 'interrupted');
  }
}

const classes: Record<string, new (...parts: never[]) => TintypeError> = {
  CorruptError,
  StoreError,
  LinkLostError,
  VolumeFullError,
  FileSizeLimitError,
  LockedError,
  LeaseLostError,
  PassphraseError,
  UnsupportedError,
  RefusedError,
  CancelledError,
};

/** An error that crossed a thread: same class, code, message and values. */
export function errorFromJson(json: ErrorJson): TintypeError {
  const error = new TintypeError(json.code, json.message, json.values);
  const type = classes[json.type];
  if (type) Object.setPrototypeOf(error, type.prototype);
  error.name = json.type;
  return error;
}

/** A broken promise between our own parts. Not a `TintypeError`: nothing may handle it. */
export class AssertionFailure extends Error {}

/** Our own mistakes. @throws AssertionFailure, which nobody catches */
export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new AssertionFailure(claim);
}
