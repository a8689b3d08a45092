import { expect, test } from 'vitest';
import { FindingReport } from './report.js';

const error = { severity: 'error', repairable: false } as const;
const warning = { severity: 'warning', repairable: true } as const;

test('findings come once, those of one kind and all together are bounded', () => {
  const report = new FindingReport(
    { a: error, b: warning, 'more-findings': warning },
    { findings: 3, findingsPerKind: 2 },
  );
  for (const kind of ['a', 'a', 'a', 'b', 'b'] as const) report.add(kind, 'here', kind);
  expect(report.count).toBe(5);
  expect(report.take().map(({ kind, severity, repairable }) => [kind, severity, repairable])).toEqual([
    ['a', 'error', false],
    ['a', 'error', false],
    ['b', 'warning', true],
  ]);
  expect(report.take()).toEqual([]);
  report.close();
  expect(report.take()).toMatchObject([{ kind: 'more-findings', message: expect.stringContaining('2 more findings') }]);
});
