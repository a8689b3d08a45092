import { expect, test } from 'vitest';
import { CorruptError, StoreError } from '../errors.js';
import { CountingDevice } from './counting.js';
import { MemoryDevice } from './memory.js';
import { ReadAheadDevice } from './read-ahead.js';

const BLOCK = 4096;
const RUN = 64 << 10;

/** A device of 2.5 runs whose blocks tell their number. */
function sample(): MemoryDevice {
  const device = new MemoryDevice(new Uint8Array(2.5 * RUN));
  for (let block = 0; block * BLOCK < device.size; block += 1) device.write(block * BLOCK, bytesOf(block));
  return device;
}
const bytesOf = (value: number): Uint8Array => new Uint8Array(BLOCK).fill(value + 1);

function readAt(device: ReadAheadDevice, position: number, length = BLOCK): Uint8Array {
  const target = new Uint8Array(length);
  device.read(position, target);
  return target;
}

test('blocks near each other are read in one call, also at the end of the device', () => {
  const counting = new CountingDevice(sample());
  const device = new ReadAheadDevice(counting);
  for (const block of [3, 4, 0, 15]) expect(readAt(device, block * BLOCK)).toEqual(bytesOf(block));
  expect(counting.bytesRead).toBe(RUN);
  for (const block of [32, 39]) expect(readAt(device, block * BLOCK)).toEqual(bytesOf(block));
  expect(counting.bytesRead).toBe(1.5 * RUN);
});

test('long reads, and short ones over the edge of a run, are made as they are', () => {
  const counting = new CountingDevice(sample());
  const device = new ReadAheadDevice(counting);
  expect(readAt(device, RUN - 2 * BLOCK, 4 * BLOCK)).toEqual(
    Uint8Array.from([14, 15, 16, 17].flatMap((block) => [...bytesOf(block)])),
  );
  expect([...readAt(device, RUN - 1, 2)]).toEqual([16, 17]);
  expect(counting.bytesRead).toBe(4 * BLOCK + 2);
});

test('what is written, zeroed or discarded is read anew', () => {
  const below = sample();
  const device = new ReadAheadDevice(below);
  const look = (): number[] => [2, 17, 33].map((block) => readAt(device, block * BLOCK)[0] as number);
  expect(look()).toEqual([3, 18, 34]);
  device.write(2 * BLOCK + 1, new Uint8Array(RUN).fill(99));
  expect(look()).toEqual([3, 99, 34]);
  expect(readAt(device, 2 * BLOCK)[1]).toBe(99);
  device.zero(17 * BLOCK, RUN + BLOCK);
  expect(look()).toEqual([3, 0, 0]);
  below.write(2 * BLOCK, bytesOf(200));
  device.discard(0, BLOCK);
  expect(look()).toEqual([201, 0, 0]);
});

test('runs of the same place displace each other', () => {
  const below = new MemoryDevice(new Uint8Array(513 * RUN));
  below.write(0, bytesOf(1));
  below.write(512 * RUN, bytesOf(2));
  const device = new ReadAheadDevice(below);
  for (let turn = 0; turn < 2; turn += 1) {
    expect(readAt(device, 0)).toEqual(bytesOf(1));
    expect(readAt(device, 512 * RUN)).toEqual(bytesOf(2));
  }
  // More at once than there are places.
  expect(readAt(device, 3 * RUN)).toEqual(new Uint8Array(BLOCK));
  device.zero(0, below.size);
  expect(readAt(device, 512 * RUN)).toEqual(new Uint8Array(BLOCK));
  below.write(3 * RUN, bytesOf(3));
  expect(readAt(device, 3 * RUN)).toEqual(bytesOf(3));
});

class BrokenDevice extends CountingDevice {
  constructor(
    below: MemoryDevice,
    private readonly failure: Error,
  ) {
    super(below);
  }
  override read(position: number, target: Uint8Array): void {
    super.read(position, target);
    if (position <= 5 * BLOCK && position + target.length > 5 * BLOCK) throw this.failure;
  }
}

test.each([new StoreError('EIO', 'read', 'disk'), new CorruptError('band', 'length', 0, 'is longer')])(
  'a part that cannot be read hides nothing around it: %s',
  (failure) => {
    const broken = new BrokenDevice(sample(), failure);
    const device = new ReadAheadDevice(broken);
    expect(readAt(device, 4 * BLOCK)).toEqual(bytesOf(4));
    expect(() => readAt(device, 5 * BLOCK)).toThrow(failure);
    expect(readAt(device, 6 * BLOCK)).toEqual(bytesOf(6));
    // The run was tried once.
    expect(broken.bytesRead).toBe(RUN + 3 * BLOCK);
  },
);

test('a mistake of ours is told at once', () => {
  const broken = new BrokenDevice(sample(), new Error('assertion'));
  expect(() => readAt(new ReadAheadDevice(broken), 4 * BLOCK)).toThrow('assertion');
});
