// Findings of an HFS+ check.

import { FindingReport } from '@tintype/core';
import { KINDS, type Kind } from './kinds.js';
import { LIMITS } from './limits.js';

export class Report extends FindingReport<Kind> {
  constructor() {
    super(KINDS, LIMITS);
  }
}
