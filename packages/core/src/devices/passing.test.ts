import { expect, test } from 'vitest';
import type { BlockDevice } from '../block-device.js';
import { PassingDevice } from './passing.js';

test('each call reaches the device below as it was made, and its answer comes back', () => {
  const calls: unknown[][] = [];
  const record =
    (name: string, answer?: unknown) =>
    (...values: unknown[]): unknown => {
      calls.push([name, ...values]);
      return answer;
    };
  const below = {
    size: 8192,
    writable: true,
    blockSize: 4096,
    draft: true,
    ...Object.fromEntries(['read', 'write', 'zero', 'discard', 'flush', 'close'].map((name) => [name, record(name)])),
    extent: record('extent', { length: 5, kind: 'hole' }),
    stored: record('stored', 7),
  } as unknown as BlockDevice;
  const device = new PassingDevice(below);
  expect([device.size, device.writable, device.blockSize, device.draft]).toEqual([8192, true, 4096, true]);

  const bytes = new Uint8Array(3);
  device.read(1, bytes);
  device.write(2, bytes);
  device.zero(3, 4);
  device.discard(5, 6);
  expect(device.extent(7)).toEqual({ length: 5, kind: 'hole' });
  expect(device.stored(8, 9)).toBe(7);
  device.flush();
  device.close();
  expect(calls).toEqual([
    ['read', 1, bytes],
    ['write', 2, bytes],
    ['zero', 3, 4],
    ['discard', 5, 6],
    ['extent', 7],
    ['stored', 8, 9],
    ['flush'],
    ['close'],
  ]);
});
