import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
// The built thread: a worker cannot run from the source.
import { LaneHasher } from '../../dist/checksums/hash-lane.js';
import { SLOT_SIZE } from './hash-ring.js';
import { type ContentHasher, SerialHasher } from './hasher.js';

const MIB = SLOT_SIZE;

async function readyLane(): Promise<ContentHasher> {
  const lane = new LaneHasher(0);
  lane.begin(0);
  await pause(500);
  return lane;
}

/** As one that reads does it: in parts, whatever room there is. */
function fill(hasher: ContentHasher, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    const space = hasher.space(bytes.length - at);
    const part = bytes.subarray(at, at + Math.max(1, space.length - (at % 3)));
    space.set(part);
    hasher.filled(part.length);
    at += part.length;
  }
}

/** Files of many sizes, some of them dropped half-way, some with zeros in the middle. */
function hashFiles(hasher: ContentHasher, seed: number): { readonly found: string[]; readonly expected: string[] } {
  const random = new Random(seed);
  const found: string[] = [];
  const expected: string[] = [];
  for (let i = 0; i < 4000; i += 1) {
    const size = random.oneIn(300) ? random.below(3 * MIB) : random.oneIn(8) ? 0 : random.below(3000);
    const bytes = new Uint8Array(size).fill(i).map((value, at) => (at % 97 === 0 ? at >> 5 : value));
    const zeros = random.oneIn(50) ? random.below(200_000) : 0;
    hasher.begin(size + zeros);
    if (random.oneIn(2)) hasher.add(bytes.subarray(0, size >> 1));
    else fill(hasher, bytes.subarray(0, size >> 1));
    if (random.oneIn(20)) continue;
    hasher.addZeros(zeros);
    hasher.add(bytes.subarray(size >> 1));
    hasher.end((digest) => found.push(Buffer.from(digest).toString('hex')));
    const plain = createHash('sha256').update(bytes.subarray(0, size >> 1));
    expected.push(
      plain
        .update(new Uint8Array(zeros))
        .update(bytes.subarray(size >> 1))
        .digest('hex'),
    );
    bytes.fill(255);
  }
  hasher.drain();
  return { found, expected };
}

test('a thread that hashes gives the digests of the serial reference, in order', async () => {
  const lane = await readyLane();
  for (const seed of [1, 2]) {
    const { found, expected } = hashFiles(lane, seed);
    expect(found).toEqual(expected);
  }
  lane.close();
});

test('files are hashed before the thread is up, and without one', () => {
  for (const hasher of [new LaneHasher(MIB), new SerialHasher()]) {
    const { found, expected } = hashFiles(hasher, 3);
    expect(found.toSorted()).toEqual(expected.toSorted());
    hasher.close();
  }
});

test('a long first file waits for the thread; where none comes up, the caller hashes', () => {
  const bytes = new Uint8Array(20 * MIB).map((_, at) => at >> 9);
  const expected = createHash('sha256').update(bytes).digest('hex');
  for (const patience of [60_000, 0]) {
    const lane = new LaneHasher(8 * MIB, patience);
    const found: string[] = [];
    for (let file = 0; file < 2; file += 1) {
      lane.begin(bytes.length);
      for (let at = 0; at < bytes.length; at += MIB) lane.add(bytes.subarray(at, at + MIB));
      lane.end((digest) => found.push(Buffer.from(digest).toString('hex')));
    }
    lane.drain();
    expect(found, `patience ${patience}`).toEqual([expected, expected]);
    lane.close();
  }
});

test('a read finds room for all of a small file, or at least for much of it', async () => {
  const lane = await readyLane();
  const found: string[] = [];
  for (let i = 0; i < 200; i += 1) {
    const size = 9000 * (i % 7) + 5000;
    lane.begin(size);
    for (let at = 0; at < size; ) {
      const space = lane.space(size - at);
      expect(space.length).toBe(size - at);
      space.fill(i);
      lane.filled(space.length);
      at += space.length;
    }
    lane.end((digest) => found.push(Buffer.from(digest).toString('hex')));
  }
  lane.drain();
  lane.close();
  const sizes = Array.from({ length: 200 }, (_, i) => 9000 * (i % 7) + 5000);
  expect(found).toEqual(
    sizes.map((size, i) => createHash('sha256').update(new Uint8Array(size).fill(i)).digest('hex')),
  );
});
