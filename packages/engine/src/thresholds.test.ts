import { expect, test } from 'vitest';
import { isCompactionDue } from './rules/compaction-due.js';
import { COMPACT_BELOW } from './thresholds.js';

test('B47 the numbers that help pages show are those that the rules use', () => {
  const hostCapacity = 1;
  expect(isCompactionDue({ hostFree: COMPACT_BELOW.free - 1, hostCapacity })).toBe(true);
  expect(isCompactionDue({ hostFree: COMPACT_BELOW.free, hostCapacity })).toBe(false);
});
