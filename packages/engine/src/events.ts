// What a running operation tells: messages for phases, warnings, problems and the summary; numbers are sampled from
// `Progress` instead. These are the lines of `--json`, as they stand.

import type { ErrorJson } from '@tintype/core';

/** Names of phases are part of the contract with scripts. */
export type PhaseName =
  | 'identity'
  | 'startup-disk'
  | 'power'
  | 'Compacting the destination disk image'
  | 'open'
  | 'snapshot-rule'
  | 'prune'
  | 'scan'
  | 'copy'
  | 'commit'
  | 'snapshot'
  | 'retention'
  | 'give-back'
  | 'verify';

/** The operation goes on with something else. */
export interface PhaseEvent {
  readonly type: 'phase';
  readonly name: PhaseName;
}

/** A notice: nothing went wrong, exit status 0. `code` is stable; `count` where many things share one notice. */
export interface WarningEvent {
  readonly type: 'warning';
  readonly code: string;
  readonly message: string;
  readonly count?: number;
}

/** An item that could not be kept, or not be restored. Any of these makes the exit status 3. */
export interface Problem {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/** The operation failed; the last event. */
export interface ErrorEvent {
  readonly type: 'error';
  readonly error: ErrorJson;
}

/** A line of a long-running command's own results, such as one difference of `diff`; shown on stdout. */
export interface ResultEvent {
  readonly type: 'result';
  readonly value: unknown;
}

/** Counters, sampled. Bytes and items. */
export interface ProgressEvent {
  readonly type: 'progress';
  readonly bytes: number;
  readonly items: number;
  readonly totalBytes: number;
  readonly totalItems: number;
  /** While a destination that went away is waited for. */
  readonly waiting?: boolean;
}

/** How many items a run met, by what became of them. */
export interface ItemCounts {
  scanned: number;
  created: number;
  replaced: number;
  updated: number;
  removed: number;
  unchanged: number;
  failed: number;
}

/** What a backup would need, as a dry run says it. Sizes in bytes. */
export interface BackupEstimate {
  readonly items: number;
  readonly bytes: number;
  readonly imageSize: number;
  readonly peakSpace: number;
  readonly freeSpace: number;
  readonly oldestMacOS: string;
}

/** Last event of every operation. Operations add fields of their own. */
export interface SummaryEvent {
  readonly type: 'summary';
  readonly interrupted?: boolean;
  readonly problems: readonly Problem[];
  readonly [field: string]: unknown;
}

/** What a run tells, in order. */
export type EngineEvent = PhaseEvent | WarningEvent | ErrorEvent | ResultEvent | ProgressEvent | SummaryEvent;
