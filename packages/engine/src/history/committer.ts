// When a commit is due, and what belongs to one.

import { CancelledError, type FileSystem, type Progress } from '@tintype/core';
import type { ChecksumBook } from '../checksums/checksum-book.js';
import type { RunEnd, RunRecord } from './run-record.js';

export interface CommitterOptions {
  readonly fileSystem: FileSystem;
  readonly progress: Progress;
  /** Seconds between commits. */
  readonly every: number;
  readonly now: () => number;
  /** Told of each commit before it is made, and when it is durable. */
  readonly committing?: () => void;
  readonly committed?: () => void;
}

export class Committer {
  readonly #options: CommitterOptions;
  #last: number;
  /** Commits made so far. */
  count = 0;
  record: RunRecord | null = null;
  checksums: ChecksumBook | null = null;

  constructor(options: CommitterOptions) {
    this.#options = options;
    this.#last = options.now();
  }

  /** To be called only where the tree shows no half-done item. @throws CancelledError after a commit */
  readonly settle = (): void => {
    const { fileSystem, progress, every, now } = this.#options;
    if (fileSystem.commitDue || now() - this.#last >= every) this.commit();
    if (progress.cancelled) {
      this.commit();
      throw new CancelledError();
    }
  };

  /** `end`: if the run came to its end. */
  commit(end: RunEnd | null = null): void {
    if (end) this.checksums?.merge();
    else this.checksums?.commit();
    this.count += 1;
    this.record?.commit(this.count, end);
    this.#options.committing?.();
    this.#options.fileSystem.commit();
    this.#last = this.#options.now();
    this.#options.committed?.();
  }
}
