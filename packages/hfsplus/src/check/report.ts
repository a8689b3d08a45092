// Findings on their way out: bounded in number, so that a ruined volume cannot fill memory.

import { type Finding, finding } from '@tintype/core';
import { KINDS, type Kind } from './kinds.js';
import { LIMITS } from './limits.js';

export class Report {
  #pending: Finding[] = [];
  #total = 0;
  #left = 0;
  readonly #perKind = new Map<Kind, number>();

  /** How often `add` was called, with what was left out. */
  get count(): number {
    return this.#total + this.#left;
  }

  add(kind: Kind, place: string, message: string): void {
    const before = this.#perKind.get(kind) ?? 0;
    this.#perKind.set(kind, before + 1);
    if (before >= LIMITS.findingsPerKind || this.#total >= LIMITS.findings) {
      this.#left += 1;
      return;
    }
    this.#total += 1;
    this.#pending.push(finding(kind, place, message, KINDS[kind]));
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
    const kinds = [...this.#perKind].filter(([, count]) => count > LIMITS.findingsPerKind).map(([kind]) => kind);
    const which = kinds.length > 0 ? ` (${kinds.join(', ')})` : '';
    const message = `${this.#left} more findings of the same kinds are not listed${which}`;
    this.#pending.push(finding('more-findings', 'volume', message, KINDS['more-findings']));
  }
}
