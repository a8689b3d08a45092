// Every writable container on a host that loses power, and on one whose n-th call fails.

import { type FileStore, type OpenMode, StoreError, type StoreFile } from '@tintype/core';
import { CrashStore, count, type FaultKind, FaultStore, MemoryStore, Random } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { type Container, containers } from './containers.testing.js';
import { SectorModel } from './crash.testing.js';

const SPAN = 192 << 10;

function made(container: Container, canPunch: boolean): MemoryStore {
  const store = new MemoryStore({ limits: { canPunch } });
  container.make(store);
  return store;
}

describe.each(containers.map((container) => [container.name, container] as const))('%s', (_name, container) => {
  test.each([1, 2, 3])('after any cut each sector is as flushed, or as written since, seed %i', (seed) => {
    const crash = new CrashStore(made(container, seed !== 2));
    const model = new SectorModel(() => crash.calls.length);
    const random = new Random(seed);
    for (let round = 0; round < 3; round += 1) {
      const opened = container.open(crash, true);
      opened.distrust();
      model.observe(opened.device);
      model.run(opened.device, random, 25, SPAN);
      if (round !== 1) model.flush(opened.device);
      opened.close();
    }
    for (const { store, calls, description } of crash.randomStates({ seed, count: count(60, 1000) })) {
      const opened = container.open(store, true);
      model.expectPossible(opened.device, calls, description);
      expect(
        [...opened.verify()].filter(({ severity }) => severity === 'error'),
        description,
      ).toEqual([]);
      opened.close();
    }
  });

  test.each([1, 2, 3])('another size is the old or the new one after any cut, seed %i', (seed) => {
    const crash = new CrashStore(made(container, seed !== 2));
    const model = new SectorModel(() => crash.calls.length);
    const random = new Random(seed);
    let opened = container.open(crash, true);
    const unit = opened.device.blockSize;
    for (let round = 0; round < 7; round += 1) {
      model.run(opened.device, random, 12, SPAN);
      const size = unit * random.between(1, Math.ceil((random.oneIn(2) ? SPAN : container.size) / unit));
      model.resize(opened.device, size, (to) => opened.resize(to));
      expect(opened.device.size).toBe(size);
      model.expectPossible(opened.device, crash.calls.length, 'in place');
      if (random.oneIn(3)) {
        model.flush(opened.device);
        opened.close();
        opened = container.open(crash, true);
      }
    }
    for (const { store, calls, description } of crash.randomStates({ seed, count: count(60, 1000) })) {
      const cut = container.open(store, true);
      model.expectPossible(cut.device, calls, description);
      expect(
        [...cut.verify()].filter(({ severity }) => severity === 'error'),
        description,
      ).toEqual([]);
      cut.close();
    }
  });

  test('after any cut of a shrinking, what lay behind the new end does not come back', () => {
    const crash = new CrashStore(made(container, true));
    const opened = container.open(crash, true);
    const { size, blockSize } = opened.device;
    const smaller = Math.ceil(size / 3 / blockSize) * blockSize;
    // Around the new end, and before the old one.
    const parts = [smaller - SPAN, size - SPAN];
    for (const position of parts) opened.device.write(position, new Uint8Array(SPAN).fill(5));
    opened.device.write(smaller, new Uint8Array(SPAN).fill(5));
    opened.device.flush();
    const from = crash.calls.length;
    opened.resize(smaller);
    let cuts = 0;
    const every = Math.ceil((crash.calls.length - from) / count(12, 200));
    for (const { store, calls, description } of crash.prefixes({ from })) {
      if ((crash.calls.length - calls) % every !== 0 && crash.calls.length - calls > 4) continue;
      cuts += 1;
      const cut = container.open(store, true);
      const end = cut.device.size;
      expect([smaller, size], description).toContain(end);
      cut.resize(2 * size);
      for (const position of [end, ...parts.filter((part) => part >= end)]) {
        const grown = new Uint8Array(SPAN);
        cut.device.read(position, grown);
        expect([description, grown.findIndex((byte) => byte !== 0)]).toEqual([description, -1]);
      }
      cut.close();
    }
    expect(cuts).toBeGreaterThan(0);
  });

  test.skipIf(!container.isPacked).each([1, 2])('packed, cut anywhere, every sector is as it was, seed %i', (seed) => {
    const crash = new CrashStore(made(container, seed !== 2));
    const model = new SectorModel(() => crash.calls.length);
    const random = new Random(seed);
    const opened = container.open(crash, true);
    for (let round = 0; round < 4; round += 1) {
      model.run(opened.device, random, 20, SPAN);
      const [, second = 0] = container.seams;
      const bandSize = second / 2;
      const bands = Math.floor(Math.min(opened.device.size, 4 * SPAN) / bandSize);
      model.zeroBands(opened.device, random, { bandSize, bands, share: 0.5 });
      model.flush(opened.device);
      opened.compact();
      model.expectPossible(opened.device, crash.calls.length, 'in place');
    }
    for (const { store, calls, description } of crash.randomStates({ seed, count: count(40, 1000) })) {
      const cut = container.open(store, true);
      model.expectPossible(cut.device, calls, description);
      expect([...cut.verify()], description).toEqual([]);
      cut.compact();
      model.expectPossible(cut.device, calls, `${description}, packed again`);
      cut.close();
    }
  });

  test('what a cut left is written on as if nothing had been', () => {
    const first = new CrashStore(made(container, true));
    const random = new Random(9);
    const opened = container.open(first, true);
    new SectorModel(() => 0).run(opened.device, random, 40, SPAN);
    opened.close();
    for (const { store } of first.randomStates({ seed: 9, count: count(20, 300) })) {
      const again = container.open(store, true);
      const fresh = new SectorModel(() => 0);
      // Whatever was written before the cut, and never named, must not come back.
      fresh.clear(again.device, SPAN);
      fresh.run(again.device, random, 20, SPAN);
      again.device.flush();
      again.close();
      const seen = container.open(store, false);
      fresh.expectPossible(seen.device, Number.MAX_SAFE_INTEGER, 'after a cut');
      seen.close();
    }
  });

  test.each(['write', 'sync', 'truncate', 'open', 'remove'] satisfies FaultKind[])(
    'after a failing %s the image opens again, and lost nothing that was flushed',
    (kind) => {
      for (let call = 1; call < 400; call += call < 6 ? 1 : 23) {
        const store = made(container, true);
        const effect = call % 2 === 1 && !container.isChunked ? 'half' : 'none';
        const fault = new FaultStore(store, { call, kinds: [kind], code: 'EIO', effect });
        const model = new SectorModel(() => fault.calls);
        if (!failsInTheMiddle(container, fault, model, call)) return;
        const opened = container.open(store.clone(), true);
        model.expectPossible(opened.device, fault.calls, `${kind} ${call} failed`);
        opened.close();
      }
    },
  );
});

function failsInTheMiddle(container: Container, fault: FaultStore, model: SectorModel, seed: number): boolean {
  try {
    const { device } = container.open(fault, true);
    model.run(device, new Random(seed), 60, SPAN);
  } catch (error) {
    if (error instanceof StoreError) return true;
    throw error;
  }
  return fault.fired;
}

test.each(containers.map((container) => [container.name, container] as const))(
  '%s that does not sync would be caught',
  (_name, container) => {
    const crash = new CrashStore(made(container, true));
    const deaf = Object.assign(Object.create(crash) as FileStore, {
      open: (path: string, mode: OpenMode) => without(crash.open(path, mode), 'sync'),
    });
    for (const method of ['kind', 'list', 'rename', 'remove', 'makeFolder', 'syncFolder', 'facts'] as const)
      Object.assign(deaf, { [method]: crash[method].bind(crash) });
    const model = new SectorModel(() => crash.calls.length);
    const { device } = container.open(deaf, true);
    model.run(device, new Random(5), 60, SPAN);
    model.flush(device);
    expect(() => {
      for (const { store, calls } of crash.randomStates({ seed: 5, count: 100 }))
        model.expectPossible(container.open(store, true).device, calls, '');
    }).toThrow();
  },
);

function without(file: StoreFile, method: keyof StoreFile): StoreFile {
  return new Proxy(file, {
    get: (target, name) => {
      if (name === method) return () => {};
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
