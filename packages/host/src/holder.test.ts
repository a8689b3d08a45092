import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { hostHolder } from './holder.js';

test('the holder is this process on this host', () => {
  const holder = hostHolder();
  expect(holder).toMatchObject({ host: hostname(), pid: process.pid });
  if (process.platform === 'linux') expect(holder.boot).toMatch(/^[0-9a-f-]{36}$/);
});

test('processes that run are alive, others are not', () => {
  const { alive } = hostHolder();
  expect(alive(process.pid)).toBe(true);
  expect(alive(1)).toBe(true);
  expect(alive(spawnSync(process.execPath, ['-e', '']).pid)).toBe(false);
  for (const none of [0, -1, 1.5, Number.NaN]) expect(alive(none)).toBe(false);
});

test('the clock runs forward, and random bytes differ', () => {
  const { clock, random } = hostHolder();
  const before = clock();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  expect(clock() - before).toBeGreaterThanOrEqual(0.02);
  expect(clock() - before).toBeLessThan(5);
  const [first, second] = [new Uint8Array(16), new Uint8Array(16)];
  random(first);
  random(second);
  expect(first).not.toEqual(second);
});
