import { chunkLanes, zlib } from '@tintype/codec';
import { MemoryStore } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { DecodedChunks } from './decoded-chunks.js';
import type { UdifRun } from './runs.js';
import { DataFork } from './segments.js';
import { Koly } from './structs.js';
import { kolyOf } from './udif.testing.js';

const SIZE = 4000;

/** A fork of chunks, each of its own number; the ones in `bad` are no streams. */
function forkOf(count: number, bad: readonly number[], size = SIZE): { fork: DataFork; runs: UdifRun[] } {
  const parts = Array.from({ length: count }, (_, i) => Buffer.from(zlib.encode(new Uint8Array(size).fill(i + 1))));
  for (const i of bad) parts[i]?.fill(0xff);
  const file = new MemoryStore().open('x', 'create');
  file.write(0, Buffer.concat(parts));
  const trailer = kolyOf({ dataForkLength: file.size() });
  const koly = Koly.read(new DataView(trailer.buffer, trailer.byteOffset, trailer.length), 0);
  let offset = 0;
  const runs = parts.map(({ length }, i) => {
    const run = { type: 0x8000_0005, start: i * size, size, offset, length };
    offset += length;
    return run;
  });
  return { fork: new DataFork([{ file, koly }]), runs };
}

test.each([0, 2])('chunks in order and out of order, with %s threads; damage is told where it is read', (count) => {
  const bad = [5, 6];
  const { fork, runs } = forkOf(40, bad);
  const lanes = count > 0 ? chunkLanes(count, 0) : null;
  const decoded = new DecodedChunks(fork, lanes);
  const read = (i: number): number => {
    decoded.expect(runs, i);
    return decoded.get(runs[i] as UdifRun)[SIZE - 1] as number;
  };
  for (const i of [...runs.keys(), 3, 39, 0, 7])
    if (bad.includes(i)) expect(() => read(i)).toThrow('zlib stream');
    else expect(read(i)).toBe(i + 1);
  decoded.expect(runs, 4);
  decoded.clear();
  lanes?.close();
});

test.each([0, 2])('whole chunks and parts of them, with %s threads; damage is told where it is read', (count) => {
  const bad = [5, 6, 21];
  const { fork, runs } = forkOf(40, bad);
  const lanes = count > 0 ? chunkLanes(count, 0) : null;
  const decoded = new DecodedChunks(fork, lanes);
  for (const [i, run] of [...runs, ...runs.slice(18, 23)].entries()) {
    const number = i < runs.length ? i : i - 22;
    const isWhole = number % 7 !== 3;
    const target = new Uint8Array(isWhole ? SIZE : 100);
    decoded.expect(runs, number);
    const read = () => decoded.read(run, isWhole ? 0 : SIZE - 100, target);
    if (bad.includes(number)) expect(read).toThrow('zlib stream');
    else {
      read();
      expect([target[0], target.at(-1)]).toEqual([number + 1, number + 1]);
    }
  }
  decoded.clear();
  lanes?.close();
});

test('a damaged chunk that is read block by block is decoded once', () => {
  const { fork, runs } = forkOf(3, [1]);
  const decoded = new DecodedChunks(fork, null);
  const errors = new Set<unknown>();
  for (let i = 0; i < 5; i += 1)
    try {
      decoded.get(runs[1] as UdifRun);
    } catch (error) {
      errors.add(error);
    }
  expect(errors.size).toBe(1);
  expect(decoded.get(runs[2] as UdifRun)[0]).toBe(3);
});

test.each([0, 2])('chunks that take turns in the same memory stay apart, with %s threads', (count) => {
  const size = 1 << 20;
  const { fork, runs } = forkOf(60, [], size);
  const lanes = count > 0 ? chunkLanes(count, 0) : null;
  const decoded = new DecodedChunks(fork, lanes);
  const memory = new Set<ArrayBufferLike>();
  // Forwards, and back again over what was dropped.
  for (const i of [...runs.keys(), ...[...runs.keys()].reverse()]) {
    decoded.expect(runs, i);
    const clear = decoded.get(runs[i] as UdifRun);
    memory.add(clear.buffer);
    expect([clear.length, clear[0], clear[size >> 1], clear[size - 1]]).toEqual([size, i + 1, i + 1, i + 1]);
  }
  expect(memory.size).toBeLessThanOrEqual(16);
  decoded.clear();
  lanes?.close();
});
