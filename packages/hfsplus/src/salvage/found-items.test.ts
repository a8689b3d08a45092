import { expect, test } from 'vitest';
import { FoundItems, LOST_ID } from './found-items.js';

const item = (id: number, parent: number, more: { isFolder?: boolean; rank?: number; date?: number } = {}) => ({
  id,
  parent,
  record: new Uint8Array(),
  isFolder: false,
  rank: 1,
  date: 0,
  name: null,
  ...more,
});
const shown = () => false;

test('the better record of an item counts, then the newer one', () => {
  const items = new FoundItems();
  for (const each of [
    item(20, 5, { rank: 1, date: 9 }),
    item(20, 2, { rank: 2, date: 1 }),
    item(20, 6, { rank: 2, date: 0 }),
    item(21, 5, { date: 1 }),
    item(21, 2, { date: 2 }),
  ])
    items.add(each);
  items.settle(shown);
  expect(items.children(2)).toEqual([20, 21]);
});

test('folders are completed by threads, or go to the lost folder', () => {
  const items = new FoundItems();
  items.add(item(30, 20));
  items.add(item(31, 21));
  items.addThread({ id: 20, parent: 22, name: 'a', isFolder: true, rank: 1 });
  items.addThread({ id: 22, parent: 2, name: 'b', isFolder: true, rank: 1 });
  items.addThread({ id: 40, parent: 20, name: 'gone', isFolder: false, rank: 1 });
  expect([...items.namesOnly()].map(({ id }) => id)).toEqual([40]);
  items.settle(shown);
  expect(items.pathOf(30, ({ name, id }) => name ?? String(id))).toBe('/b/a/30');
  expect(items.children(LOST_ID)).toEqual([21]);
  expect(items.get(21)).toMatchObject({ isFolder: true, name: 'folder-21' });
});

test('loops end, and what lies in a file is lost and found', () => {
  const items = new FoundItems();
  for (const [id, parent] of [
    [20, 21],
    [21, 22],
    [22, 20],
    [23, 21],
  ] as const)
    items.add(item(id, parent, { isFolder: true }));
  items.add(item(24, 25));
  items.add(item(25, 2));
  items.add(item(26, 1));
  items.addThread({ id: 50, parent: 50, name: 'in itself', isFolder: true, rank: 1 });
  items.add(item(51, 50));
  items.settle(shown);
  const reached = new Set<number>();
  for (const waiting = [2, LOST_ID]; waiting.length > 0; )
    for (const id of items.children(waiting.pop() as number)) {
      expect(reached.has(id)).toBe(false);
      reached.add(id);
      waiting.push(id);
    }
  expect([...reached].sort()).toEqual([20, 21, 22, 23, 24, 25, 26, 50, 51]);
});
