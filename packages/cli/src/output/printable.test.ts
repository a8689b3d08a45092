import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printable } from './printable.js';

test.each([
  ['plain ünïcødé файл 🙂', 'plain ünïcødé файл 🙂'],
  ['line\nfeed', 'line\\x0afeed'],
  ['\u001b[31mred', '\\x1b[31mred'],
  ['\u009b31m', '\\x9b31m'],
  ['gpj.\u202efdp.exe', 'gpj.\\u{202e}fdp.exe'],
  ['\u2066isolate\u2069', '\\u{2066}isolate\\u{2069}'],
  ['\ufeffmark', '\\u{feff}mark'],
  ['not UTF-8: \udcff', 'not UTF-8: \\xff'],
  ['lone \ud800', 'lone \\u{d800}'],
])('%j is shown as %s', (name, shown) => {
  expect(printable(name)).toBe(shown);
});

test('nothing that is shown can steer a terminal', () => {
  const anyText = fc.string({ unit: 'binary', maxLength: 40 });
  fc.assert(
    fc.property(anyText, (text) => {
      const shown = printable(text);
      expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/);
      expect(shown.isWellFormed()).toBe(true);
    }),
    { seed: 1, numRuns: 500 },
  );
});
