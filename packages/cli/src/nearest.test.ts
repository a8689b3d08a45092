import { expect, test } from 'vitest';
import { distance, nearest } from './nearest.js';

test.each([
  ['backup', 'backup', 0],
  ['bakcup', 'backup', 1],
  ['bckup', 'backup', 1],
  ['restorre', 'restore', 1],
  ['', 'ls', 2],
  ['mount', 'info', 5],
])('%j becomes %j by %d changes', (a, b, changes) => {
  expect(distance(a, b)).toBe(changes);
});

test('the nearest word is proposed, and none where all are far away', () => {
  const words = ['backup', 'restore', 'ls', 'cat'];
  expect(nearest('bakup', words)).toBe('backup');
  expect(nearest('cta', words)).toBe('cat');
  expect(nearest('mount', words)).toBeNull();
  expect(nearest('zz', words)).toBeNull();
});
