// What a run reports while it goes: counts, problems, notices, and the lines of its record.

import { type Progress, showCount, TintypeError } from '@tintype/core';
import type { EngineEvent, ItemCounts, Problem } from '../events.js';
import type { AttributesBefore } from '../history/attributes-before.js';
import type { RunRecord } from '../history/run-record.js';

/** Problems beyond this are counted, not kept. */
const PROBLEMS_KEPT = 10_000;

export class Report {
  readonly counts: ItemCounts = {
    scanned: 0,
    created: 0,
    replaced: 0,
    updated: 0,
    removed: 0,
    unchanged: 0,
    failed: 0,
  };
  readonly problems: Problem[] = [];
  bytesScanned = 0;
  readonly #emit: (event: EngineEvent) => void;
  readonly #progress: Progress;
  readonly #notKept = new Map<string, { count: number; name: string }>();
  #racy = 0;
  #mended = 0;
  #mendedSample = '';
  /** Lines go here as soon as there is a record. */
  record: RunRecord | null = null;
  /** Told of each item that was made. */
  onMade: (path: string) => void = () => {};

  constructor(emit: (event: EngineEvent) => void, progress: Progress) {
    this.#emit = emit;
    this.#progress = progress;
  }

  scanned(bytes: number): void {
    this.counts.scanned += 1;
    this.bytesScanned += bytes;
    this.#progress.add('items', 1);
  }
  made(path: string, replaces: boolean): void {
    if (replaces) this.counts.replaced += 1;
    else this.counts.created += 1;
    this.record?.action(replaces ? 'replaced' : 'created', path);
    if (!replaces) this.onMade(path);
  }
  /** An item gave way to another one. */
  moved(path: string, to: string | null): void {
    if (to !== null) this.record?.action('moved', path, to);
  }
  removed(path: string, to: string | null, items: number): void {
    this.counts.removed += items;
    if (to === null) this.record?.action('removed', path);
    else this.record?.action('removed', path, to);
  }
  /** Of an item that stays; the root has no name. */
  attributesChanged(path: string, before: AttributesBefore): void {
    this.record?.attributes(path || '/', before);
  }
  racy(path: string): void {
    this.#racy += 1;
    this.record?.action('racy', path);
  }
  failed(path: string, error: unknown): void {
    if (!(error instanceof TintypeError)) throw error;
    this.counts.failed += 1;
    this.problem(path, error.code, error.message);
  }
  /** The source's item could not be read, so the target's stays. */
  kept(path: string, error: TintypeError): void {
    this.counts.failed += 1;
    this.problem(path, error.code, `${error.message}; the copy in the backup stays as it was`);
  }
  /** A copy was not what it should be, though size and times said so. */
  mended(path: string): void {
    this.#mended += 1;
    this.#mendedSample = path;
  }
  problem(path: string, code: string, message: string): void {
    if (this.problems.length < PROBLEMS_KEPT) this.problems.push({ path, code, message });
  }
  notice(code: string, message: string, count?: number): void {
    this.#emit({ type: 'warning', code, message, ...(count === undefined ? {} : { count }) });
  }
  /** An attribute that the target has no place for. */
  readonly notKept = (kind: string, name: string): void => {
    const entry = this.#notKept.get(kind) ?? { count: 0, name };
    entry.count += 1;
    this.#notKept.set(kind, entry);
  };
  /** Notices that are given once, with a count, at the end. */
  close(): void {
    for (const [kind, { count, name }] of this.#notKept)
      this.notice(
        'not-kept',
        `${kind} not kept on ${count === 1 ? 'one item' : `${count} items`}, such as ${name}`,
        count,
      );
    if (this.#mended > 0)
      this.notice(
        'content-differed',
        `${showCount(this.#mended, 'file')} differed although size and times were the same, and were copied again, such as ${this.#mendedSample}`,
        this.#mended,
      );
    if (this.#racy > 0)
      this.notice(
        'racy-file',
        `files that changed just before or while they were copied, which the next run looks at again: ${this.#racy}`,
        this.#racy,
      );
  }
}
