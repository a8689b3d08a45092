// The table in README.md is what users look kinds up in: it must have each of them, as it is.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { KINDS } from './kinds.js';

test('README.md lists every kind with its severity and repair', () => {
  const text = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `([a-z-]+)` +\| (error|warning) +\| (yes|no) +\|/gm)].map(
    ([, kind, severity, repair]) => [kind, { severity, repairable: repair === 'yes' }],
  );
  expect(Object.fromEntries(rows)).toEqual(KINDS);
  expect(rows).toHaveLength(Object.keys(KINDS).length);
});
