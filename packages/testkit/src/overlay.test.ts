// What an overlay says of itself: which bytes differ from the device below, and where that is known to be zeros.

import { MemoryDevice, OverlayDevice } from '@tintype/core';
import { expect, test } from 'vitest';
import { SparseDevice } from './sparse-device.js';

test('changes are whole sectors that differ, ascending, neighbours joined', () => {
  const device = new OverlayDevice(new MemoryDevice(new Uint8Array(10_000)));
  device.write(5000, Uint8Array.of(1));
  device.write(100, Uint8Array.of(2));
  device.write(600, Uint8Array.of(3));
  device.write(2000, Uint8Array.of(0));
  device.write(9999, Uint8Array.of(4));
  const changes = [...device.changes()].map(({ position, bytes }) => [position, bytes.length]);
  expect(changes).toEqual([
    [0, 1024],
    [4608, 512],
    [9728, 272],
  ]);
  device.write(9999, Uint8Array.of(0));
  expect([...device.changes()]).toHaveLength(2);
});

test('runs of changes are not longer than 1 MiB', () => {
  const device = new OverlayDevice(new MemoryDevice(new Uint8Array(3 << 20)));
  device.write(512, new Uint8Array(2 << 20).fill(1));
  expect([...device.changes()].map(({ bytes }) => bytes.length)).toEqual([1 << 20, 1 << 20]);
});

test('zeros below stay known but where something was written', () => {
  const below = new SparseDevice(8 << 20);
  const device = new OverlayDevice(below);
  expect(device.extent(0)).toEqual({ length: 8 << 20, kind: 'zero' });
  device.write(3 << 20, Uint8Array.of(1));
  expect(device.extent(4096)).toEqual({ length: (3 << 20) - 4096, kind: 'zero' });
  expect(device.extent(3 << 20).kind).toBe('data');
  expect(device.extent(4 << 20)).toEqual({ length: 4 << 20, kind: 'zero' });
});
