import { expect, test } from 'vitest';
import { parseDuration, parseSize, showDuration, showSize } from './quantities.js';

test.each([
  ['4096', 4096],
  ['0', 0],
  ['512b', 512],
  ['10k', 10_240],
  ['512m', 536_870_912],
  ['10g', 10_737_418_240],
  ['10G', 10_737_418_240],
  ['1.5t', 1_649_267_441_664],
  ['10kb', 10_000],
  ['10gb', 10_000_000_000],
  ['1.5TB', 1_500_000_000_000],
])('the size %s is %d bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(['', 'g', '10x', '-1g', '1e3', '0x10', '10 000', '9999999t', 'NaN'])('%j is no size', (text) => {
  expect(() => parseSize(text)).toThrow('is no size');
});

test.each([
  ['0', 0],
  ['90', 90],
  ['90s', 90],
  ['15m', 900],
  ['12h', 43_200],
  ['1d', 86_400],
  ['2w', 1_209_600],
  ['forever', Number.POSITIVE_INFINITY],
])('the duration %s is %d seconds', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});

test.each(['', 'd', '1y', '-5m', 'never'])('%j is no duration', (text) => {
  expect(() => parseDuration(text)).toThrow('is no duration');
});

test.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1000, '1.00 kB'],
  [999_499, '999 kB'],
  [999_700, '1.00 MB'],
  [1_310_000_000, '1.31 GB'],
  [2e15, '2000 TB'],
])('%d bytes are shown in decimal units', (bytes, text) => {
  expect(showSize(bytes)).toBe(text);
});

test('durations are shown as people say them', () => {
  expect([0.25, 12, 300, 5400].map(showDuration)).toEqual(['0.3 s', '12 s', '5 min', '1 h 30 min']);
});
