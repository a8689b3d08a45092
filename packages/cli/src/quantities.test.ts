import { expect, test } from 'vitest';
import { parseDuration, parseSize, showDuration } from './quantities.js';

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

test.each(['', 'g', '10x', '-1g', '1e3', '0x10', '10 000', 'NaN'])('%j is no size', (text) => {
  expect(() => parseSize(text)).toThrow('is no size');
});

test.each(['8p', '9999999t', '9007199254740992'])('%j is a size, but too large', (text) => {
  expect(() => parseSize(text)).toThrow('is too large: the most is 7p');
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

test('durations are shown as people say them', () => {
  expect([0.25, 12, 300, 5400].map(showDuration)).toEqual(['0.3 s', '12 s', '5 min', '1 h 30 min']);
});
