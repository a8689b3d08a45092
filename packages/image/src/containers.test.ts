// One suite for every container that can be written: random operations against plain bytes, on hosts that can punch
// holes and on those that cannot.

import type { BlockDevice } from '@tintype/core';
import { MemoryStore } from '@tintype/testkit';
import { blockDeviceContract } from '@tintype/testkit/contracts';
import { expect, test } from 'vitest';
import { containers, type OpenContainer } from './containers.testing.js';

/** The container's device, whose `close` flushes and gives up the locks as an image's does. */
function closedWhole(opened: OpenContainer): BlockDevice {
  return new Proxy(opened.device, {
    get: (target, key) => {
      if (key === 'close')
        return () => {
          target.flush();
          opened.close();
        };
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

for (const canPunch of [true, false])
  for (const { name, size, seams, knowsZeros, make, open } of containers)
    blockDeviceContract(
      `${name}, on a host that ${canPunch ? 'punches holes' : 'cannot punch'}`,
      () => {
        const store = new MemoryStore({ limits: { canPunch } });
        make(store);
        const reopen = (): BlockDevice => closedWhole(open(store, true));
        return { device: reopen(), reopen };
      },
      { seams: [...seams, size], knowsZeros, operations: 150, seeds: [1, 2] },
    );

test.each(containers.map((container) => [container.name, container] as const))(
  '%s is sound after it was written, and read without writing',
  (_name, { make, open, size }) => {
    const store = new MemoryStore();
    make(store);
    const written = open(store, true);
    const bytes = new Uint8Array(2048).fill(3);
    written.device.write(size - 2048, bytes);
    written.device.write(0, bytes);
    written.device.flush();
    written.close();
    const reading = open(store, false);
    expect([...reading.verify()]).toEqual([]);
    expect(reading.device.writable).toBe(false);
    const seen = new Uint8Array(2048);
    reading.device.read(size - 2048, seen);
    expect(seen).toEqual(bytes);
    reading.close();
  },
);
