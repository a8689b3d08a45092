// The rules of the lease, on files in memory, with short heartbeats. What needs real processes is tested in testkit.

import { type FileStore, LeaseLostError, LockedError, StoreError } from '@tintype/core';
import { FaultStore, MemoryStore, Random } from '@tintype/testkit';
import { describe, expect, test, vi } from 'vitest';
import type { Holder } from './disk-image.js';
import { Lease, type LeaseOptions, leaseHolder } from './lease.js';
import { LEASE_SIZE, leaseBytes, leaseGenerations, readLease } from './lease-file.js';

const INTERVAL = 20;
const place = { folder: 'image', prefix: 'tintype.lease.' };
let nonces = 0;

function holder(changes: Partial<Holder> = {}): Holder {
  return {
    host: 'here',
    pid: 10,
    boot: 'boot',
    alive: () => true,
    clock: () => performance.now() / 1000,
    random: (target) => {
      nonces += 1;
      new Random(nonces).fill(target);
    },
    ...changes,
  };
}

function options(store: MemoryStore, changes: Partial<Holder> = {}): LeaseOptions {
  return { store, ...place, holder: holder(changes), image: 'image', heartbeat: 0, interval: INTERVAL };
}

function newStore(): MemoryStore {
  const store = new MemoryStore();
  store.makeFolder('image');
  return store;
}

function write(store: MemoryStore, name: string, content: Uint8Array): void {
  const file = store.open(`image/${name}`, store.kind(`image/${name}`) === null ? 'create' : 'write');
  file.write(0, content);
  file.close();
}

const elapsed = (act: () => void): number => {
  const started = performance.now();
  act();
  return performance.now() - started;
};

describe('a lease', () => {
  test('is a file of 512 bytes that names its holder, and is gone after a clean close', () => {
    const store = newStore();
    const lease = Lease.take(options(store));
    expect(lease.path).toBe('image/tintype.lease.1');
    expect(leaseHolder(store, place)).toBe('process 10 on here');
    expect(store.open(lease.path, 'read').size()).toBe(LEASE_SIZE);
    lease.requireHeld();
    lease.release();
    expect(leaseGenerations(store, place)).toEqual([]);
    expect(leaseHolder(store, place)).toBeNull();
  });
  test('of a dead process of the same host and boot is stale at once', () => {
    const store = newStore();
    Lease.take(options(store, { pid: 9 }));
    let taken: Lease | null = null;
    const time = elapsed(() => {
      taken = Lease.take(options(store, { alive: () => false }));
    });
    expect(time).toBeLessThan(INTERVAL);
    expect(taken).toMatchObject({ isTakenOver: true, path: 'image/tintype.lease.2' });
    expect(leaseGenerations(store, place)).toEqual([2]);
  });
  test.each([
    ['another host', { host: 'there' }],
    ['another boot of this host', { boot: 'earlier' }],
    ['a living process of this host that does not beat', { pid: 9 }],
    ['this process itself', {}],
  ] as const)('of %s is broken after three silent heartbeats, and used after one more', (_whose, by) => {
    const store = newStore();
    const before = Lease.take(options(store, by));
    const time = elapsed(() => Lease.take(options(store)));
    expect(time).toBeGreaterThanOrEqual(4 * INTERVAL);
    expect(() => before.requireHeld()).toThrow(LockedError);
  });
  test('that was given up after a failure is stale at once, and says that nobody closed', () => {
    const store = newStore();
    Lease.take(options(store, { host: 'there' })).abandon();
    expect(leaseHolder(store, place)).toBeNull();
    const time = elapsed(() => expect(Lease.take(options(store)).isTakenOver).toBe(true));
    expect(time).toBeLessThan(3 * INTERVAL);
  });
  test.each(['', '{', '{"host":1}', 'x'.repeat(600)])('that cannot be understood (%j) is waited for', (text) => {
    const store = newStore();
    write(store, 'tintype.lease.4', Buffer.from(text));
    const time = elapsed(() => expect(Lease.take(options(store)).path).toBe('image/tintype.lease.5'));
    expect(time).toBeGreaterThanOrEqual(3 * INTERVAL);
  });
  test('that is renewed while it is watched is held', () => {
    const store = newStore();
    const other = { host: 'there', boot: 'b', pid: 3, nonce: 'n', counter: 1 };
    write(store, 'tintype.lease.1', leaseBytes(other));
    const watched = Object.assign(Object.create(store) as MemoryStore, { kind: store.kind.bind(store) });
    let reads = 0;
    for (const name of ['list', 'remove', 'syncFolder', 'facts', 'rename', 'makeFolder'] as const)
      Object.assign(watched, { [name]: store[name].bind(store) });
    Object.assign(watched, {
      open: (path: string, mode: 'read' | 'write' | 'create') => {
        reads += 1;
        if (reads === 3) write(store, 'tintype.lease.1', leaseBytes({ ...other, counter: 2 }));
        return store.open(path, mode);
      },
    });
    expect(() => Lease.take(options(watched))).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/process 3 on there/) }),
    );
    expect(leaseGenerations(store, place)).toEqual([1]);
  });
  test.each([
    ['given back within the wait is then taken', 3],
    ['not given back is an error after the wait', Number.POSITIVE_INFINITY],
  ] as const)('B22: of another host that beats, %s', (_what, givenBackAt) => {
    const store = newStore();
    const other = { host: 'there', boot: 'b', pid: 3, nonce: 'n', counter: 1 };
    write(store, 'tintype.lease.1', leaseBytes(other));
    let [beats, looks] = [1, 0];
    const beating: FileStore = {
      kind: (path) => store.kind(path),
      rename: (from, to) => store.rename(from, to),
      remove: (path) => store.remove(path),
      makeFolder: (path) => store.makeFolder(path),
      link: (from, to) => store.link(from, to),
      syncFolder: (path) => store.syncFolder(path),
      facts: (path) => store.facts(path),
      open: (path, mode) => {
        beats += 1;
        if (looks < givenBackAt) write(store, 'tintype.lease.1', leaseBytes({ ...other, counter: beats }));
        return store.open(path, mode);
      },
      list: (path) => {
        looks += 1;
        if (looks === givenBackAt) store.remove('image/tintype.lease.1');
        return store.list(path);
      },
    };
    const wait = givenBackAt === 3 ? 20_000 : 450;
    const take = () => Lease.take({ ...options(store), store: beating, wait });
    if (givenBackAt === 3) expect(take().isTakenOver).toBe(false);
    else expect(elapsed(() => expect(take).toThrow(LockedError))).toBeGreaterThanOrEqual(wait);
    expect(looks).toBeGreaterThanOrEqual(3);
  });
  test('B22: of another host that beats is broken if that is asked for, and its holder is told so at the next look', () => {
    const store = newStore();
    const beats = Lease.take(options(store, { host: 'there', pid: 3 }));
    const told = vi.fn();
    let taken: Lease | null = null;
    const time = elapsed(() => {
      taken = Lease.take({ ...options(store), breakLock: told });
    });
    // Whoever is robbed may write until its next look, and what it handed on a moment longer.
    expect(time).toBeGreaterThanOrEqual(2 * INTERVAL);
    expect(told.mock.calls).toEqual([['process 3 on there']]);
    expect(taken).toMatchObject({ isTakenOver: true, path: 'image/tintype.lease.2' });
    expect(() => beats.requireHeld()).toThrow('image was taken over by process 10 on here');
  });
  test('of a living process of this host is not broken: it can be ended', () => {
    const store = newStore();
    const other = { host: 'here', boot: 'boot', pid: 9, nonce: 'n', counter: 1 };
    let beats = 1;
    write(store, 'tintype.lease.1', leaseBytes(other));
    const beating = Object.assign(Object.create(store) as MemoryStore, {});
    for (const name of ['kind', 'list', 'remove', 'syncFolder', 'facts', 'rename', 'makeFolder'] as const)
      Object.assign(beating, { [name]: store[name].bind(store) });
    Object.assign(beating, {
      open: (path: string, mode: 'read' | 'write' | 'create') => {
        beats += 1;
        write(store, 'tintype.lease.1', leaseBytes({ ...other, counter: beats }));
        return store.open(path, mode);
      },
    });
    const told = vi.fn();
    const take = () => Lease.take({ ...options(store), store: beating, breakLock: told });
    expect(take).toThrow('process 9 on here');
    expect(told).not.toHaveBeenCalled();
    expect(leaseGenerations(store, place)).toEqual([1]);
  });
  test('names that are no plain numbers are not leases', () => {
    const store = newStore();
    for (const name of ['1e3', '07', ' 5', '0x10', '', '-1', '99999999999999999999'])
      write(store, `tintype.lease.${name}`, Buffer.from('x'));
    expect(leaseGenerations(store, place)).toEqual([]);
    expect(Lease.take(options(store)).path).toBe('image/tintype.lease.1');
  });
});

describe('a holder whose lease was taken over', () => {
  test('finds it out before a barrier and before a write after a gap', () => {
    const store = newStore();
    let now = 0;
    const lease = Lease.take(options(store, { clock: () => now }));
    const other = leaseBytes({ host: 'there', boot: 'b', pid: 3, nonce: 'n', counter: 1 });
    write(store, 'tintype.lease.2', other);
    now = INTERVAL / 1000;
    lease.requireFresh();
    now = INTERVAL / 1000 + 0.001;
    expect(() => lease.requireFresh()).toThrow('image was taken over by process 3 on there');
    store.remove('image/tintype.lease.2');
    expect(() => lease.requireFresh()).toThrow(LockedError);
    expect(() => lease.requireHeld()).toThrow(LeaseLostError);
  });
  test.each(['release', 'abandon'] as const)('does not touch the lease of the other by %s', (end) => {
    const store = newStore();
    const lease = Lease.take(options(store));
    const other = leaseBytes({ host: 'there', boot: 'b', pid: 3, nonce: 'n', counter: 1 });
    store.remove(lease.path);
    write(store, 'tintype.lease.1', other);
    expect(() => lease.requireHeld()).toThrow(LockedError);
    lease[end]();
    expect(readLease(store, 'image/tintype.lease.1')?.content?.nonce).toBe('n');
  });
  test('does not remove what another took since under the same number', () => {
    const store = newStore();
    const lease = Lease.take(options(store));
    const other = leaseBytes({ host: 'there', boot: 'b', pid: 3, nonce: 'n', counter: 1 });
    store.remove(lease.path);
    write(store, 'tintype.lease.1', other);
    lease.release();
    expect(readLease(store, 'image/tintype.lease.1')?.content?.nonce).toBe('n');
  });
  test('cannot read its lease: the failure is passed on, not taken for a loss', () => {
    const store = newStore();
    const fault = new FaultStore(store, { call: 2, kinds: ['read'], code: 'EIO' });
    const lease = Lease.take({ ...options(store), store: fault });
    expect(() => lease.requireHeld()).toThrow(StoreError);
    lease.requireHeld();
  });
});

describe('on a host without room for one more file', () => {
  const full = (): MemoryStore => {
    const store = newStore();
    const givenUp = new Set<string>();
    Lease.take(options(store, { givenUp })).abandon();
    store.limits.capacity -= store.facts('image').free;
    return Object.assign(store, { givenUp });
  };
  test('the one that this process gave up is taken again, under the next number', () => {
    const store = full() as MemoryStore & { givenUp: Set<string> };
    const lease = Lease.take(options(store, { givenUp: store.givenUp }));
    expect(lease).toMatchObject({ isTakenOver: true, path: 'image/tintype.lease.2' });
    expect(leaseGenerations(store, place)).toEqual([2]);
    lease.requireHeld();
    lease.release();
    expect(leaseGenerations(store, place)).toEqual([]);
  });
  test('that of another is left alone, and so is ours where files have one name only', () => {
    const store = full() as MemoryStore & { givenUp: Set<string> };
    expect(() => Lease.take(options(store))).toThrow('ENOSPC');
    store.limits.canLink = false;
    expect(() => Lease.take(options(store, { givenUp: store.givenUp }))).toThrow('ENOSPC');
    expect(leaseGenerations(store, place)).toEqual([1]);
  });
});

test('two who come at the same time do not both get it, though their numbers differ', () => {
  const store = newStore();
  const stale = leaseBytes({ host: 'here', boot: 'boot', pid: 3, nonce: 'n', counter: 1 });
  write(store, 'tintype.lease.1', stale);
  const mine = options(store, { alive: () => false });
  let other: Lease | null = null;
  const slow = Object.assign(Object.create(store) as MemoryStore, {});
  for (const name of ['list', 'kind', 'remove', 'syncFolder', 'facts', 'rename', 'makeFolder'] as const)
    Object.assign(slow, { [name]: store[name].bind(store) });
  Object.assign(slow, {
    open: (path: string, mode: 'read' | 'write' | 'create') => {
      // We found generation 1 dead; before ours is made, two others come: one takes and closes, the next begins anew at 1.
      if (mode === 'create' && !other) {
        Lease.take(mine).release();
        other = Lease.take(mine);
        expect(other.path).toBe('image/tintype.lease.1');
      }
      return store.open(path, mode);
    },
  });
  expect(() => Lease.take({ ...mine, store: slow })).toThrow(LockedError);
  expect(leaseGenerations(store, place)).toEqual([1]);
  (other as unknown as Lease).requireHeld();
});

test('whichever call fails while a lease is taken, the next try gets it', () => {
  for (let call = 1; ; call += 1) {
    const store = newStore();
    const fault = new FaultStore(store, { call, code: 'EIO' });
    try {
      Lease.take({ ...options(store), store: fault });
    } catch (error) {
      expect(error).toBeInstanceOf(StoreError);
    }
    if (!fault.fired) break;
    expect(() => Lease.take(options(store)).requireHeld()).not.toThrow();
  }
});
