// Findings of an APFS check.

import { CorruptError, FindingReport } from '@tintype/core';
import { KINDS, type Kind } from './kinds.js';
import { LIMITS } from './limits.js';
import { headerProblem } from './object-header.js';

export class Report extends FindingReport<Kind> {
  constructor() {
    super(KINDS, LIMITS);
  }

  /** Runs a part of the check; bytes that cannot be followed are a finding, and the answer null. */
  attempt<T>(kind: Kind, place: string, work: () => T): T | null {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof CorruptError)) throw error;
      this.add(kind, place, error.message);
      return null;
    }
  }

  /** The header of an object that was read. */
  header(place: string, view: DataView, content: 'clear' | 'encrypted' = 'clear'): void {
    const problem = headerProblem(view, content);
    if (problem !== null) this.add('object-header', place, problem);
  }

  /** One rule. */
  expect(holds: boolean, kind: Kind, place: string, message: string): void {
    if (!holds) this.add(kind, place, message);
  }
}
