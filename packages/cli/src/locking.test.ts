import { expect, test } from 'vitest';
import { locking, waiting } from './locking.js';

const parsed = (values: Record<string, string | boolean>) => ({ values, operands: [], filters: [] });

test('what is said about locks: a time to wait, in milliseconds, and whether they are broken', () => {
  expect(locking(parsed({ 'wait-lock': '5m', 'break-lock': true }))).toEqual({ waitLock: 300_000, breakLock: true });
  expect(locking(parsed({}))).toEqual({ waitLock: undefined, breakLock: undefined });
  expect(waiting(parsed({ 'wait-lock': '2s' }))).toEqual({ waitLock: 2000 });
  expect(() => waiting(parsed({ 'wait-lock': 'soon' }))).toThrow('soon');
});
