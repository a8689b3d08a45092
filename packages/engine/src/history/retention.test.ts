import type { SnapshotEntry } from '@tintype/core';
import { expect, test } from 'vitest';
import { goesForRoom, judgeSnapshots, type KeepRules } from './retention.js';

let xid = 0;
const at = (time: string, name = time): SnapshotEntry => {
  xid += 1;
  return { name, xid, created: BigInt(Date.parse(time)) * 1_000_000n };
};
const kept = (all: readonly SnapshotEntry[], rules: KeepRules, ...pinned: SnapshotEntry[]): string[] =>
  judgeSnapshots(all, rules, new Set(pinned.map((entry) => entry.xid)))
    .filter(({ reasons }) => reasons.length > 0)
    .map(({ entry }) => entry.name);

const all = [
  '2025-12-31T23:59:59Z',
  '2026-01-01T00:00:00Z',
  '2026-01-04T23:00:00Z',
  '2026-01-05T00:00:00Z',
  '2026-01-05T10:00:00Z',
  '2026-01-05T10:59:00Z',
  '2026-01-05T11:00:00Z',
].map((time) => at(time));
const names = (...indexes: number[]) => indexes.map((index) => all[index]?.name);

test.each<[KeepRules, number[]]>([
  [{ last: 2 }, [6, 5]],
  [{ hourly: 2 }, [6, 5]],
  [{ hourly: 3 }, [6, 5, 3]],
  [{ daily: 2 }, [6, 2]],
  [{ daily: 99 }, [6, 2, 1, 0]],
  // 5 January 2026 was a Monday, 29 December 2025 too.
  [{ weekly: 2 }, [6, 2]],
  [{ weekly: 99 }, [6, 2]],
  [{ monthly: 2 }, [6, 0]],
  [{ yearly: 5 }, [6, 0]],
  [{ within: 3600 }, [6, 5, 4]],
  [{ within: 3599 }, [6, 5]],
  [{ daily: 1, monthly: 2 }, [6, 0]],
  [{ daily: 0 }, [6]],
  [{ free: 1 }, [6, 5, 4, 3, 2, 1, 0]],
])('B27: %j keeps %j', (rules, indexes) => {
  expect(kept(all, rules)).toEqual(names(...indexes));
});

test('what is pinned, made by others, or SafetyNet is not counted and stays', () => {
  const mixed = [
    ...all,
    at('2026-01-06T00:00:00Z', 'SafetyNet 2026-01-06 00-00-00'),
    at('2026-01-07T00:00:00Z', 'com.apple.x'),
  ];
  expect(kept(mixed, { daily: 1 }, all[1] as SnapshotEntry)).toEqual([
    'com.apple.x',
    'SafetyNet 2026-01-06 00-00-00',
    ...names(6, 1),
  ]);
});

test('for room go the oldest of those that stay, but none that must', () => {
  const nets = ['2026-01-02T00-00-00', '2026-01-06T00-00-00'].map((time) =>
    at(`${time.slice(0, 10)}T00:00:00Z`, `SafetyNet ${time.replace('T', ' ')}`),
  );
  const judged = judgeSnapshots([...all, ...nets], { daily: 99 }, new Set([all[0]?.xid ?? 0]));
  expect(goesForRoom(judged).map(({ name }) => name)).toEqual([...names(1, 2), nets[0]?.name]);
});

test('rules for nothing keep all, also where there is nothing', () => {
  expect(judgeSnapshots([], { daily: 1 }, new Set())).toEqual([]);
});
