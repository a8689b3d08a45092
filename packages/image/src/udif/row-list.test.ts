import { expect, test } from 'vitest';
import { RowList } from './row-list.js';

test('rows follow each other on the disk, and keep what was stored for them, whenever that is told', () => {
  const rows = new RowList(4096);
  const count = 40_000;
  for (let i = 0; i < count; i += 1) expect(rows.add(i % 3, 512 * (1 + (i % 5)))).toBe(i);
  // Sizes of 2 TiB and more, and places behind 4 GiB.
  rows.add(2, 2 ** 44);
  for (let i = count - 1; i >= 0; i -= 7)
    rows.store(i, { type: 0x8000_0005, offset: 2 ** 41 + i, length: i + 1, crc: 0xffff_ffff - i });
  let start = 4096;
  let seen = 0;
  for (const row of rows) {
    const i = seen;
    const size = i === count ? 2 ** 44 : 512 * (1 + (i % 5));
    const isStored = i < count && (count - 1 - i) % 7 === 0;
    const plain = { type: i === count ? 2 : i % 3, start, size, offset: 0, length: 0, crc: 0 };
    const told = { type: 0x8000_0005, offset: 2 ** 41 + i, length: i + 1, crc: 0xffff_ffff - i };
    expect(row).toEqual(isStored ? { ...plain, ...told } : plain);
    start += size;
    seen += 1;
  }
  expect([seen, rows.length]).toEqual([count + 1, count + 1]);
  expect(() => rows.store(count + 1, { type: 1, offset: 0, length: 0, crc: 0 })).toThrow();
});
