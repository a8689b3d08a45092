import { expect, test } from 'vitest';
import { expiredNetSnapshots, isSafetyNetSnapshot } from './snapshot-net.js';

const DAY = 86_400;
const entry = (name: string, xid: number, seconds: number) => ({
  name,
  xid,
  created: BigInt(seconds) * 1_000_000_000n,
});

test('they are known by their names', () => {
  const names = ['SafetyNet 2027-01-15 08-00-00', 'SafetyNet 2027-01-15 08-00-00 2', 'SafetyNet', 'my SafetyNet 2027'];
  expect(names.map((name) => isSafetyNetSnapshot({ name }))).toEqual([true, true, false, false]);
});

test('B25: those older than the retention go, oldest first; never the newest, none that is pinned, and no others', () => {
  const all = [
    entry('SafetyNet 1970-01-03 00-00-00', 30, 2 * DAY),
    entry('SafetyNet 1970-01-01 00-00-00', 10, 0),
    entry('mine', 11, 0),
    entry('SafetyNet 1970-01-02 00-00-00', 20, DAY),
  ];
  const expired = (keep: number, ...pinned: number[]) =>
    expiredNetSnapshots(all, { keep, now: 9 * DAY, pinned: new Set(pinned) }).map(({ xid }) => xid);
  expect(expired(0)).toEqual([10, 20]);
  expect(expired(8 * DAY)).toEqual([10, 20]);
  expect(expired(8 * DAY + 1)).toEqual([10]);
  expect(expired(0, 10)).toEqual([20]);
  expect(expired(Number.POSITIVE_INFINITY)).toEqual([]);
});
