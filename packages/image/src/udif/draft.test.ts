import { chunkLanes } from '@tintype/codec';
import { MemoryDevice, type Range } from '@tintype/core';
import { count, MemoryStore, Random } from '@tintype/testkit';
import { blockDeviceContract } from '@tintype/testkit/contracts';
import { expect, test } from 'vitest';
import type { Partition, PartitionMap } from '../disk-image.js';
import { writePartitionMap } from '../partitions/map.js';
import { DraftDevice, type DraftOptions } from './draft.js';
import { CHUNK, ForkWriter } from './fork-writer.js';
import { readKoly } from './koly.js';
import { UdifDevice } from './reader.js';

const SIZE = 9 << 20;
const MAP: PartitionMap = {
  scheme: 'gpt',
  blockSize: 512,
  partitions: [{ index: 0, type: 'Apple_HFS', name: 'disk image', start: 20_480, size: SIZE - 40_960 }],
  findings: [],
};

function made(options: Partial<DraftOptions> = {}) {
  const file = new MemoryStore().open('x', 'create');
  const random = (target: Uint8Array) => void target.fill(7);
  const draft = new DraftDevice(file, { size: SIZE, format: 'udzo', map: MAP, random, openChunks: 3, ...options });
  const read = () => {
    const koly = readKoly(file);
    if (!koly) throw new Error('has no trailer');
    const device = new UdifDevice(file, koly);
    expect([...device.verify()]).toEqual([]);
    return device;
  };
  return { draft, file, read };
}

const seams = [512, 1024, 17_408, 20_480, 20_480 + CHUNK, 20_480 + 2 * CHUNK];
blockDeviceContract('a draft', () => ({ device: made().draft }), { seams, knowsZeros: true, operations: 80 });
blockDeviceContract('an uncompressed draft', () => ({ device: made({ format: 'udro' }).draft }), {
  seams,
  operations: 80,
  seeds: [4],
});

/** Writes of every kind, to the draft and to plain bytes. */
function scribble(draft: DraftDevice, model: Buffer, random: Random, steps: number): void {
  for (let i = 0; i < steps; i += 1) {
    const length = 1 + random.below(random.oneIn(4) ? 2 * CHUNK : 9000);
    const position = random.below(SIZE - length);
    const bytes = random.oneIn(3) ? random.bytes(length) : Buffer.alloc(length, `text ${i} `);
    if (random.oneIn(8)) {
      draft.zero(position, length);
      model.fill(0, position, position + length);
    } else {
      draft.write(position, bytes);
      bytes.forEach((byte, at) => {
        model[position + at] = byte;
      });
    }
  }
}

test.each(['udro', 'udzo', 'ulfo'] as const)(
  '%s: blocks out of order, again and again, and all checksums hold',
  (format) => {
    const { draft, file, read } = made({ format });
    const model = Buffer.alloc(SIZE);
    scribble(draft, model, new Random(5), 60);
    draft.finish([]);
    const disk = Buffer.alloc(SIZE);
    read().read(0, disk);
    expect(disk.equals(model)).toBe(true);
    expect(draft.peakBytes).toBeLessThanOrEqual(SIZE + CHUNK);
    expect(draft.superseded).toBeLessThanOrEqual(file.size() * 0.01);
    expect(() => draft.write(0, disk)).toThrow();
  },
);

test('udro: zeros of 64 KiB within a chunk are not stored, also where it is written again', () => {
  const { draft, file, read } = made({ format: 'udro' });
  const model = Buffer.alloc(SIZE);
  const put = (position: number, bytes: Uint8Array): void => {
    draft.write(position, bytes);
    model.set(bytes, position);
  };
  const random = new Random(7);
  const PIECE = 1 << 16;
  for (const round of [1, 2, 3])
    for (let chunk = 0; chunk < 8; chunk += 1)
      for (const piece of [round, 9 - round, 12])
        put(20_480 + chunk * CHUNK + piece * PIECE, random.bytes(PIECE - 100 * round));
  const zeros = Buffer.alloc(CHUNK);
  put(20_480 + 3 * CHUNK, zeros);
  put(20_480 + 5 * CHUNK, zeros.subarray(0, 10 * PIECE));
  const seen = Buffer.alloc(SIZE);
  draft.read(0, seen);
  expect(seen.equals(model)).toBe(true);
  draft.finish([]);
  expect(file.size()).toBeLessThan((6 * 7 + 1) * PIECE * 1.01 + 20_000);
  read().read(0, seen);
  expect(seen.equals(model)).toBe(true);
});

test('B35: chunks that are written again and again take the room of those that they supersede', () => {
  const size = 48 << 20;
  const map: PartitionMap = { ...MAP, partitions: [{ ...MAP.partitions[0], size: size - 40_960 }] as Partition[] };
  const { draft, file, read } = made({ size, map });
  const random = new Random(8);
  const start = 20_480;
  const last = Buffer.alloc(40 * CHUNK);
  for (let round = 0; round < count(4, 40); round += 1)
    for (let chunk = 0; chunk < 40; chunk += 1) {
      // What does not shrink, of another length each time.
      const bytes = random.bytes(CHUNK / 8 + random.below(CHUNK / 64));
      last.set(bytes, chunk * CHUNK);
      draft.write(start + chunk * CHUNK, bytes);
    }
  draft.finish([]);
  expect(draft.peakBytes).toBeLessThanOrEqual(file.size() * 1.04);
  const disk = Buffer.alloc(last.length);
  read().read(start, disk);
  expect(disk.equals(last)).toBe(true);
});

test('with threads, the same bytes as without', () => {
  const lanes = chunkLanes(2, 0);
  const [serial, threaded] = [{}, { lanes }].map((options) => {
    const { draft, file } = made(options);
    scribble(draft, Buffer.alloc(SIZE), new Random(6), 40);
    draft.finish([]);
    const bytes = Buffer.alloc(file.size());
    file.read(0, bytes);
    return bytes;
  });
  expect(threaded?.equals(serial ?? Buffer.alloc(0))).toBe(true);
  lanes.close();
});

test('what is free at the end, or zero, is not stored; a full chunk is stored at once', () => {
  const { draft, read } = made({ openChunks: 8 });
  const start = 20_480;
  const text = Buffer.alloc(CHUNK, 'all work and no play ');
  draft.write(start, text.subarray(0, CHUNK / 2));
  expect(draft.storedBytes).toBe(0);
  draft.write(start + CHUNK / 2, text.subarray(CHUNK / 2));
  const one = draft.storedBytes;
  expect(one).toBeGreaterThan(0);
  draft.write(start + CHUNK, new Uint8Array(CHUNK));
  draft.write(start + 2 * CHUNK, text);
  draft.write(start + 3 * CHUNK, text.subarray(0, 99));
  draft.write(start + 5 * CHUNK, text.subarray(0, 99));
  expect([draft.storedBytes, draft.stored(start, CHUNK)]).toEqual([2 * one, one]);
  const free: Range = { start: start + 2 * CHUNK - 512, length: 2 * CHUNK + 1024 };
  draft.finish([free]);
  expect(draft.superseded).toBe(0);
  const device = read();
  expect(device.extent(start + CHUNK)).toEqual({ kind: 'zero', length: CHUNK });
  const disk = Buffer.alloc(6 * CHUNK);
  device.read(start, disk);
  const expected = Buffer.alloc(6 * CHUNK);
  text.copy(expected);
  text.copy(expected, 5 * CHUNK, 0, 99);
  expect(disk.equals(expected)).toBe(true);
});

test('a file that loses what was written to it is an error', () => {
  const { draft, file } = made();
  draft.write(20_480, Buffer.alloc(CHUNK, 'all work '));
  file.truncate(100);
  expect(() => draft.read(20_480, new Uint8Array(10))).toThrow('shorter');
  expect(new ForkWriter(file, { format: 'udzo' }).length).toBe(0);
});

test('the map that is written to it is one of its tables', () => {
  const { draft, read } = made();
  writePartitionMap(draft, { scheme: 'gpt', type: 'Apple_HFS', random: (target) => void target.fill(1) });
  draft.finish([]);
  const plain = new MemoryDevice(new Uint8Array(SIZE));
  writePartitionMap(plain, { scheme: 'gpt', type: 'Apple_HFS', random: (target) => void target.fill(1) });
  const [seen, expected] = [read(), plain].map((device) => {
    const bytes = Buffer.alloc(SIZE);
    device.read(0, bytes);
    return bytes;
  });
  expect(seen?.equals(expected ?? Buffer.alloc(0))).toBe(true);
});
