import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { DeadRoom } from './dead-room.js';

test('the shortest stretch that is long enough is taken, of equal ones the first', () => {
  const room = new DeadRoom();
  for (const [start, length] of [
    [100, 30],
    [200, 10],
    [300, 20],
    [400, 20],
  ] as const)
    expect(room.add({ start, length }, 1000)).toBe(1000);
  expect(room.total).toBe(80);
  expect([15, 15, 15, 15, 15, 10].map((length) => room.take(length))).toEqual([300, 400, 100, 115, null, 200]);
  expect(room.ranges).toEqual([
    { start: 315, length: 5 },
    { start: 415, length: 5 },
  ]);
});

test('neighbours become one, what reaches the end is cut, and nothing is given up twice', () => {
  const room = new DeadRoom();
  expect(room.add({ start: 10, length: 10 }, 100)).toBe(100);
  expect(room.add({ start: 30, length: 10 }, 100)).toBe(100);
  expect(room.add({ start: 20, length: 10 }, 100)).toBe(100);
  expect(room.ranges).toEqual([{ start: 10, length: 30 }]);
  expect(() => room.add({ start: 35, length: 10 }, 100)).toThrow('once');
  expect(() => room.add({ start: 5, length: 10 }, 100)).toThrow('once');
  expect(() => room.add({ start: 95, length: 10 }, 100)).toThrow('stored');
  expect(room.add({ start: 60, length: 40 }, 100)).toBe(60);
  expect(room.add({ start: 40, length: 20 }, 60)).toBe(10);
  expect([room.total, room.ranges]).toEqual([0, []]);
  room.add({ start: 2, length: 2 }, 10);
  room.add({ start: 5, length: 2 }, 10);
  room.cut(5);
  expect([room.total, room.ranges]).toEqual([2, [{ start: 2, length: 2 }]]);
});

test('taken and given up at random, as a plain map of bytes says', () => {
  const random = new Random(12);
  const room = new DeadRoom();
  const used: boolean[] = [];
  const held: { readonly start: number; readonly length: number }[] = [];
  for (let step = 0; step < 3000; step += 1) {
    if (random.oneIn(2) && held.length > 0) {
      const [gone] = held.splice(random.below(held.length), 1);
      if (!gone) throw new Error('one was picked');
      used.fill(false, gone.start, gone.start + gone.length);
      const end = room.add(gone, used.length);
      used.length = used.lastIndexOf(true) + 1;
      expect(end).toBe(used.length);
    } else {
      const length = 1 + random.below(12);
      const place = room.take(length);
      const start = place ?? used.length;
      for (let at = start; at < start + length; at += 1) {
        expect(used[at] ?? false).toBe(false);
        used[at] = true;
      }
      held.push({ start, length });
    }
    expect(room.total).toBe(used.filter((isUsed) => !isUsed).length);
    expect(room.ranges.reduce((sum, { length }) => sum + length, 0)).toBe(room.total);
  }
});
