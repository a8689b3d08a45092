import { expect, test } from 'vitest';
import { imageGrows, startupDisk } from './startup-disk.js';

const risky = { onStartupDisk: true, scheduled: true, imageGrows: true, sourceUsed: 40e9 };

test.each([
  [{ hostFree: 41e9 }, 'run', 41e9],
  [{ hostFree: 41e9 - 1 }, 'refuse', 41e9],
  [{ hostFree: 0, imageGrows: false }, 'run', 0],
  [{ hostFree: 0, scheduled: false }, 'run', 0],
  [{ hostFree: 0, onStartupDisk: false }, 'run', 0],
] as const)('B42 B43 a growing image on the startup disk, %j: %s', (changes, verdict, needed) => {
  expect(startupDisk({ ...risky, ...changes })).toEqual({ verdict, needed });
});

test('B44 a raw image that is allocated as a whole does not grow, every other one does', () => {
  expect(imageGrows({ format: 'udrw', size: 1e9, hostBytes: 1e9 })).toBe(false);
  expect(imageGrows({ format: 'udrw', size: 1e9, hostBytes: 1e9 - 4096 })).toBe(true);
  expect(imageGrows({ format: 'sparsebundle', size: 1e9, hostBytes: 1e9 })).toBe(true);
});
