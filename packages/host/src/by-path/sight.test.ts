import { execFileSync } from 'node:child_process';
import { type BigIntStats, lstatSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { temporaryFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { LargeNumbers, PathSight } from './sight.js';

test('what lstat shows becomes an item', () => {
  const folder = temporaryFolder();
  mkdirSync(`${folder}/d`);
  writeFileSync(`${folder}/f`, 'abc', { mode: 0o640 });
  symlinkSync('abcde', `${folder}/l`);
  execFileSync('mkfifo', [`${folder}/p`]);
  const numbers = new LargeNumbers();
  const items = ['d', 'f', 'l', 'p'].map((name) =>
    new PathSight(lstatSync(`${folder}/${name}`, { bigint: true }), numbers).item(7, name, false),
  );
  expect(items.map(({ kind, size }) => [kind, size])).toEqual([
    ['directory', 0],
    ['file', 3],
    ['symlink', 5],
    ['fifo', 0],
  ]);
  expect(items[1]).toMatchObject({ id: 7, name: 'f', mode: 0o640, nlink: 1, inode: lstatSync(`${folder}/f`).ino });
  rmSync(folder, { recursive: true });
});

test('inode numbers of 64 bits stay apart, and the same one stays the same', () => {
  const numbers = new LargeNumbers();
  const large = 0x8000_0000_0000_0001n;
  expect(numbers.of(5n)).toBe(5);
  expect(numbers.of(large)).toBe(numbers.of(large));
  expect(numbers.of(large)).not.toBe(numbers.of(large + 1n));
  expect(Number.isSafeInteger(numbers.of(large + 1n))).toBe(true);
});

test('a time before 1970 has nanoseconds that count upwards', () => {
  const stats = Object.assign(lstatSync('.', { bigint: true }), {
    mtimeNs: -1_500_000_000n,
    birthtimeNs: 0n,
  }) as BigIntStats;
  expect(new PathSight(stats, new LargeNumbers()).item(1, '', false)).toMatchObject({
    mtime: -2,
    mtimeNanos: 500_000_000,
    btime: -2,
  });
});
