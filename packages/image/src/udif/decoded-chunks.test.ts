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
function forkOf(count: number, bad: readonly number[]): { fork: DataFork; runs: UdifRun[] } {
  const parts = Array.from({ length: count }, (_, i) => Buffer.from(zlib.encode(new Uint8Array(SIZE).fill(i + 1))));
  for (const i of bad) parts[i]?.fill(0xff);
  const file = new MemoryStore().open('x', 'create');
  file.write(0, Buffer.concat(parts));
  const trailer = kolyOf({ dataForkLength: file.size() });
  const koly = Koly.read(new DataView(trailer.buffer, trailer.byteOffset, trailer.length), 0);
  let offset = 0;
  const runs = parts.map(({ length }, i) => {
    const run = { type: 0x8000_0005, start: i * SIZE, size: SIZE, offset, length };
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
