import { LatchedDevice, MemoryDevice, WindowDevice } from '@tintype/core';
import { expect, test } from 'vitest';
import { blockDeviceContract } from './contracts/block-device.js';
import { CrashDevice } from './crash-device.js';
import { FaultDevice } from './fault-device.js';
import { RecordingDevice } from './recording-device.js';
import { SparseDevice } from './sparse-device.js';

const SIZE = 8 << 20;

blockDeviceContract(
  'a sparse device',
  () => {
    const device = new SparseDevice(1e12 - (1e12 % 512));
    return { device, reopen: () => device };
  },
  { knowsZeros: true },
);
blockDeviceContract('a device in memory', () => ({ device: new MemoryDevice(new Uint8Array(SIZE)) }));
blockDeviceContract('a window', () => ({ device: new WindowDevice(new SparseDevice(SIZE * 2), 1024, SIZE) }));
blockDeviceContract('a latched device', () => ({ device: new LatchedDevice(new SparseDevice(SIZE)) }));
blockDeviceContract('a recording device', () => ({ device: new RecordingDevice(new SparseDevice(SIZE)) }));
blockDeviceContract('a crash device', () => {
  const device = new CrashDevice(SIZE);
  return { device, reopen: () => device };
});
blockDeviceContract('a fault device', () => ({
  device: new FaultDevice(new SparseDevice(SIZE), { call: 1e9, code: 'EIO' }),
}));

const start = (device: { read(position: number, target: Uint8Array): void }): string => {
  const bytes = new Uint8Array(1024);
  device.read(0, bytes);
  return `${bytes[0]}${bytes[512]}`;
};

test('a flush is a barrier: what came before is there, what came after may be', () => {
  const crash = new CrashDevice(SIZE);
  crash.write(0, new Uint8Array(512).fill(1));
  crash.flush();
  crash.write(512, new Uint8Array(512).fill(2));
  crash.write(0, new Uint8Array(512).fill(3));
  const seen = new Set([...crash.randomStates({ seed: 1, count: 200, from: 4 })].map(({ device }) => start(device)));
  expect(seen).toEqual(new Set(['10', '12', '30', '32']));
  expect([...crash.prefixes()].map(({ device }) => start(device))).toEqual(['00', '10', '10', '12', '32']);
});

test('what was discarded does not read as before', () => {
  const device = new SparseDevice(SIZE);
  device.write(0, new Uint8Array(8192).fill(1));
  device.discard(0, 4096);
  expect(start(device)).toBe('219219');
});

test('calls are written down in order', () => {
  const device = new RecordingDevice(new SparseDevice(SIZE));
  device.write(512, new Uint8Array(10));
  device.flush();
  device.read(0, new Uint8Array(4));
  expect(device.calls).toEqual([
    { kind: 'write', position: 512, length: 10 },
    { kind: 'flush', position: 0, length: 0 },
    { kind: 'read', position: 0, length: 4 },
  ]);
});

test('the n-th call of a fault device fails, after half of a write', () => {
  const below = new SparseDevice(SIZE);
  const device = new FaultDevice(below, { call: 2, kinds: ['write', 'flush'], code: 'EIO', effect: 'half' });
  device.flush();
  expect(() => device.write(0, new Uint8Array(1024).fill(1))).toThrow(expect.objectContaining({ code: 'EIO' }));
  expect(device.fired).toBe(true);
  expect(start(below)).toBe('10');
});
