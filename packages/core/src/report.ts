// Findings on their way out of a check: bounded in number, so that a ruined volume cannot fill memory.

import { type Finding, finding } from './finding.js';

/** What a kind of finding is: how bad, and whether a repair need not guess. */
export interface KindFacts {
  readonly severity: Finding['severity'];
  readonly repairable: boolean;
}

/** How many findings are kept. */
export interface ReportLimits {
  /** Findings of one check; more are only counted. */
  readonly findings: number;
  /** Findings of one kind. */
  readonly findingsPerKind: number;
}

/** Findings collected up to a limit; those beyond are counted. */
export class FindingReport<Kind extends string> {
  readonly #kinds: Readonly<Record<Kind | 'more-findings', KindFacts>>;
  readonly #limits: ReportLimits;
  #pending: Finding[] = [];
  #total = 0;
  #left = 0;
  readonly #perKind = new Map<Kind, number>();

  constructor(kinds: Readonly<Record<Kind | 'more-findings', KindFacts>>, limits: ReportLimits) {
    this.#kinds = kinds;
    this.#limits = limits;
  }

  /** How often `add` was called, with what was left out. */
  get count(): number {
    return this.#total + this.#left;
  }

  add(kind: Kind, place: string, message: string): void {
    const before = this.#perKind.get(kind) ?? 0;
    this.#perKind.set(kind, before + 1);
    if (before >= this.#limits.findingsPerKind || this.#total >= this.#limits.findings) {
      this.#left += 1;
      return;
    }
    this.#total += 1;
    this.#pending.push(finding(kind, place, message, this.#kinds[kind]));
  }

  /** What was added since the last call. */
  take(): Finding[] {
    const taken = this.#pending;
    this.#pending = [];
    return taken;
  }

  /** At the end: one finding that stands for all that were left out. */
  close(): void {
    if (this.#left === 0) return;
    const { findingsPerKind } = this.#limits;
    const kinds = [...this.#perKind].filter(([, count]) => count > findingsPerKind).map(([kind]) => kind);
    const which = kinds.length > 0 ? ` (${kinds.join(', ')})` : '';
    const message = `${this.#left} more findings of the same kinds are not listed${which}`;
    this.#pending.push(finding('more-findings', 'volume', message, this.#kinds['more-findings']));
  }
}
