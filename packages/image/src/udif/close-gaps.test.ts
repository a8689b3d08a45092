import { crc32 } from '@tintype/core';
import { MemoryStore, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { ChunkPlaces } from './chunk-places.js';
import { closeGaps } from './close-gaps.js';
import { DeadRoom } from './dead-room.js';

/** A fork of chunks of these lengths, of which some are dead. */
function forkOf(lengths: readonly number[], isDead: (chunk: number) => boolean) {
  const file = new MemoryStore().open('x', 'create');
  const places = new ChunkPlaces(lengths.length, 0x8000_0005);
  const dead = new DeadRoom();
  const random = new Random(14);
  const contents: Buffer[] = [];
  const end = lengths.reduce((sum, length) => sum + length, 0);
  let offset = 0;
  for (const [chunk, length] of lengths.entries()) {
    const bytes = Buffer.from(random.bytes(length));
    file.write(offset, bytes);
    if (isDead(chunk)) dead.add({ start: offset, length }, end);
    else places.put(chunk, { type: 1, offset, length, crc: 0, storedCrc: crc32(bytes) });
    contents.push(bytes);
    offset += length;
  }
  const ordered = Uint32Array.from(lengths.keys()).filter((chunk) => !isDead(chunk));
  const close = () => closeGaps({ file, dead, places, ordered, end });
  /** That every chunk is where it is said to be, and that the sum is that of the fork's bytes. */
  const requireWhole = (length: number): void => {
    for (const chunk of ordered) {
      const range = places.range(chunk);
      const bytes = Buffer.alloc(range.length);
      file.read(range.start, bytes);
      expect(bytes.equals(contents[chunk] as Buffer)).toBe(true);
    }
    const fork = Buffer.alloc(length);
    file.read(0, fork);
    expect(places.sum(ordered, length)).toBe(crc32(fork));
  };
  return { dead, places, close, requireWhole };
}

test('what lies behind the dead room moves down, over itself too', () => {
  const fork = forkOf([500, 30, 900, 900, 70, 10], (chunk) => chunk === 1 || chunk === 4);
  const length = fork.close();
  expect([length, fork.dead.total]).toEqual([2310, 0]);
  expect([0, 2, 3, 5].map((chunk) => fork.places.range(chunk).start)).toEqual([0, 500, 1400, 2300]);
  fork.requireWhole(length);
});

test('a hundredth may stay, in front, and reads as zeros', () => {
  const fork = forkOf([1000, 9, 70_000, 500, 30_000, 800, 1000], (chunk) => chunk % 2 === 1);
  const length = fork.close();
  expect([length, fork.dead.ranges]).toEqual([
    102_509,
    [
      { start: 1000, length: 9 },
      { start: 71_009, length: 500 },
    ],
  ]);
  expect([0, 2, 4, 6].map((chunk) => fork.places.range(chunk).start)).toEqual([0, 1009, 71_509, 101_509]);
  fork.requireWhole(length);
  const none = forkOf([5, 6], () => false);
  expect(none.close()).toBe(11);
  none.requireWhole(11);
});
