import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonText } from './json-text.js';
import { printable } from './printable.js';

test('what text for people may not carry, JSON does not carry either', () => {
  expect(jsonText({ path: '/gpj.\u202efdp', bell: '\x07\x9b' })).toBe(
    '{"path":"/gpj.\\u202efdp","bell":"\\u0007\\u009b"}',
  );
  expect(jsonText(['\\\u202e', 'ünïcødé 🙂', '\ud800'])).toBe('["\\\\\\u202e","ünïcødé 🙂","\\ud800"]');
});

test('it reads back as what it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      const shown = jsonText({ [text]: text });
      expect(printable(shown)).toBe(shown);
      expect(JSON.parse(shown)).toEqual({ [text]: text });
    }),
    { seed: 1, numRuns: 500 },
  );
});
