// What the attempts of one backup know of each other: a run that lost its destination, or found it full, begins again on
// the image as its last commit left it, and is one run to its user all the same.

import { LinkLostError, LockedError, RefusedError, type Volume } from '@tintype/core';
import type { ItemCounts, SummaryEvent } from '../events.js';
import { lastCommit, runItem, runNames } from '../history/run-log.js';
import type { BackupOptions } from '../operation.js';
import type { Destination } from './backup-destination.js';

/** What an attempt had done at a commit. */
export interface Tally {
  readonly run: string;
  /** Of this attempt. */
  readonly commits: number;
  readonly counts: ItemCounts;
  /** Bytes of contents; bytes handed to the image's disk. */
  readonly copied: number;
  readonly written: number;
}

const CARRIED = ['created', 'replaced', 'updated', 'removed'] as const;

const NOTHING = {
  counts: { scanned: 0, created: 0, replaced: 0, updated: 0, removed: 0, unchanged: 0, failed: 0 },
  copied: 0,
  written: 0,
};

export class Resumption {
  readonly #options: BackupOptions;
  readonly #know: () => void;
  #uuid: string | null = null;
  /** Records of runs that were there when the destination was first opened. */
  #foreign: ReadonlySet<string> | null = null;
  readonly #own = new Set<string>();
  /** Of the last commit that was begun; of the last one known to be durable, and of that if no attempt carried it on. */
  #pending: Tally | null = null;
  #last: Tally | null = null;
  #current: Tally | null = null;
  readonly #carried = { created: 0, replaced: 0, updated: 0, removed: 0, copied: 0, written: 0, commits: 0 };
  /** True if the run made its destination. */
  isNew = false;
  /** Of the snapshot that the run makes at its end, once it is chosen. */
  snapshotName: string | null = null;
  /** How often the destination was opened. */
  openings = 0;

  /** `know` is told that the destination is there: from then on a missing one has gone away. */
  constructor(options: BackupOptions, know: () => void = () => {}) {
    this.#options = options;
    this.#know = know;
  }

  /** Commits of all attempts. */
  get commits(): number {
    return this.#carried.commits + (this.#current?.commits ?? 0);
  }

  /** The record of the attempt before, as far as it was committed. */
  get previous(): string | null {
    return this.#last?.run ?? null;
  }

  found(): void {
    this.#know();
  }

  /**
   * The destination is open: it must be the one that it was, with all that was committed, and nobody else's work.
   * @throws RefusedError, LockedError; LinkLostError if it is still away
   */
  opened(destination: Destination): void {
    const { volume, path } = destination;
    if (this.#uuid !== null && volume.uuid !== this.#uuid)
      throw new RefusedError('another-image', `${path} is back, but it holds another volume than before`, { path });
    this.#requireCommits(destination);
    this.#carry(volume);
    const names = runNames(volume);
    if (this.#foreign && names.some((name) => !this.#foreign?.has(name) && !this.#own.has(name)))
      throw new LockedError(path, 'another process, which wrote to it meanwhile');
    this.#foreign ??= new Set(names);
    this.#uuid = volume.uuid;
    this.isNew ||= destination.isNew;
    this.openings += 1;
    this.#know();
  }

  #requireCommits({ volume, path, stack }: Destination): void {
    if (!stack) {
      // The folder where a share was mounted is there without the share too.
      for (const name of this.#own)
        if (!runItem(volume, name)) throw new LinkLostError('ENOENT', 'open', `${path} (as this run left it)`);
      return;
    }
    const last = this.#last;
    if (last && commitsOf(volume, last.run) < last.commits)
      throw new RefusedError(
        'another-state',
        `${path} is back, but without the last commit of this run: it is an older copy, or its host lost what was durable`,
        { path },
      );
  }

  /** What the attempt before committed stays done; the commit at which it failed may be durable too. */
  #carry(volume: Volume): void {
    const pending = this.#pending;
    if (pending && pending !== this.#last && commitsOf(volume, pending.run) >= pending.commits) this.committed();
    this.#pending = null;
    const done = this.#current;
    this.#current = null;
    if (!done) return;
    for (const name of CARRIED) this.#carried[name] += done.counts[name];
    this.#carried.copied += done.copied;
    this.#carried.written += done.written;
    this.#carried.commits += done.commits;
  }

  /** A record of this run is being written. */
  recorded(run: string): void {
    this.#own.add(run);
  }

  committing(tally: Tally): void {
    this.#pending = { ...tally, counts: { ...tally.counts } };
  }

  committed(): void {
    this.#last = this.#pending;
    this.#current = this.#pending;
  }

  /** What all attempts did: an item of an earlier one was found unchanged by the last. */
  items(counts: ItemCounts): ItemCounts {
    const total = { ...counts };
    for (const name of CARRIED) total[name] += this.#carried[name];
    const { created, replaced, updated } = this.#carried;
    total.unchanged = Math.max(0, total.unchanged - created - replaced - updated);
    return total;
  }

  bytes(copied: number, written: number): { readonly copied: number; readonly written: number } {
    return { copied: copied + this.#carried.copied, written: written + this.#carried.written };
  }

  commitsWith(count: number): number {
    return this.#carried.commits + count;
  }

  /** Of a run that was stopped while its destination was away. */
  interrupted(seconds: number): SummaryEvent {
    const { source, destination } = this.#options;
    const { counts, copied, written } = this.#current ?? NOTHING;
    return {
      type: 'summary',
      source,
      destination,
      items: this.items(counts),
      bytes: { scanned: 0, ...this.bytes(copied, written) },
      seconds,
      commits: this.commits,
      interrupted: true,
      problems: [],
    };
  }
}

/** Of a run whose record is in the volume; 0 if it is not. */
function commitsOf(volume: Volume, run: string): number {
  const item = runItem(volume, run);
  return item ? Number(lastCommit(volume, item)?.commit ?? 0) : 0;
}
