import { MemoryStore, Random } from '@tintype/testkit';
import { expect, test, vi } from 'vitest';
import { copyInside } from './copied-range.js';

const LENGTH = 3 << 20;

function made() {
  const file = new MemoryStore().open('a', 'create');
  const dice = new Random(5);
  const source = new Uint8Array(LENGTH);
  // Every third block of 4 KiB, some stretches, and a byte at the end of the first megabyte.
  for (let at = 0; at < 1 << 20; at += 3 * 4096) source.set(dice.bytes(4096), at);
  source[(1 << 20) - 1] = 1;
  source.set(dice.bytes(300_000), (1 << 20) + 70_000);
  file.write(0, source);
  file.truncate(2 * LENGTH);
  return { file, source };
}

function contentOf(file: ReturnType<typeof made>['file'], position: number): Uint8Array {
  const bytes = new Uint8Array(LENGTH);
  file.read(position, bytes);
  return bytes;
}

test('blocks of zeros are not written where the target is clear', () => {
  const { file, source } = made();
  const write = vi.spyOn(file, 'write');
  copyInside(file, { from: 0, to: LENGTH, length: LENGTH, isClear: true });
  expect(Buffer.compare(contentOf(file, LENGTH), source)).toBe(0);
  const written = write.mock.calls.reduce((sum, [, bytes]) => sum + bytes.length, 0);
  // Blocks 0, 3 … 255, of which the last was one of them; 74 for the stretch.
  expect(written).toBe((86 + 74) * 4096);
});

test('all of it is written where the target holds something else', () => {
  const { file, source } = made();
  file.write(LENGTH, new Uint8Array(LENGTH).fill(9));
  copyInside(file, { from: 0, to: LENGTH, length: LENGTH, isClear: false });
  expect(Buffer.compare(contentOf(file, LENGTH), source)).toBe(0);
});

test('what lies behind the end of the file is zeros', () => {
  const { file } = made();
  file.truncate(LENGTH);
  file.write(LENGTH / 2, new Uint8Array(LENGTH / 2).fill(7));
  file.write(0, new Uint8Array(LENGTH / 2).fill(3));
  copyInside(file, { from: LENGTH - 100, to: 0, length: 300, isClear: false });
  const head = contentOf(file, 0);
  expect([head[99], head[100], head[299], head[300]]).toEqual([7, 0, 0, 3]);
});
