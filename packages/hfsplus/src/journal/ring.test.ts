import { AssertionFailure, MemoryDevice } from '@tintype/core';
import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { Ring } from './ring.js';

const FIRST = 512;
const SIZE = 4096;
const OFFSET = 1000;

function ring(): { ring: Ring; device: MemoryDevice } {
  const device = new MemoryDevice(new Uint8Array(8192).fill(7));
  return { ring: new Ring(device, { offset: OFFSET, first: FIRST, size: SIZE }), device };
}

test('what is written is read, wherever the end of the ring falls', () => {
  const random = new Random(1);
  const { ring: subject, device } = ring();
  for (let round = 0; round < 500; round += 1) {
    const bytes = random.bytes(random.between(0, SIZE - FIRST));
    const place = random.between(FIRST, SIZE - 1);
    const behind = subject.write(place, bytes);
    expect(behind).toBe(FIRST + ((place - FIRST + bytes.length) % (SIZE - FIRST)));
    const read = new Uint8Array(bytes.length);
    subject.read(place, read);
    expect(Buffer.compare(read, bytes)).toBe(0);
  }
  expect(device.bytes.subarray(0, OFFSET + FIRST).every((byte) => byte === 7)).toBe(true);
  expect(device.bytes.subarray(OFFSET + SIZE).every((byte) => byte === 7)).toBe(true);
});

test('places and distances go round', () => {
  const { ring: subject } = ring();
  expect(subject.room).toBe(3584);
  expect(subject.after(4000, 96)).toBe(FIRST);
  expect(subject.distance(4000, 600)).toBe(184);
  expect(subject.distance(600, 600)).toBe(0);
});

test('more than the ring holds is our own mistake', () => {
  const { ring: subject } = ring();
  expect(() => subject.read(FIRST, new Uint8Array(SIZE))).toThrow(AssertionFailure);
  expect(() => subject.write(0, new Uint8Array(16))).toThrow(AssertionFailure);
});
