import { type FileStore, LeaseLostError } from '@tintype/core';
import { MemoryStore } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { holder } from './containers.testing.js';
import { createImage } from './create.js';
import { FencedDevice } from './fenced-device.js';
import { FencedFile, FencedStore } from './fenced-store.js';
import { Lease } from './lease.js';
import { openImage } from './open.js';
import { RawDevice } from './raw.js';

function leased() {
  const store = new MemoryStore();
  store.makeFolder('b');
  const time = { now: 0 };
  const who = { ...holder, clock: () => time.now };
  const lease = Lease.take({ store, folder: 'b', prefix: 'l.', image: 'b', heartbeat: 0, holder: who });
  return { store, time, lease };
}

test('nothing is done to a file whose lease is lost, whatever is asked', () => {
  const { store, time, lease } = leased();
  const file = store.open('b/disk', 'create');
  file.truncate(4096);
  const fenced = new FencedFile(file, lease);
  const device = new FencedDevice(new RawDevice(fenced, 0, 4096, true), lease);
  device.write(0, Uint8Array.of(1));
  device.flush();
  store.open('b/l.2', 'create').close();
  // Between two looks it may still write: the one who took it over waits for that long.
  device.write(1, Uint8Array.of(2));
  time.now = 5.001;
  const bytes = Uint8Array.of(9);
  for (const act of [
    () => device.write(2, bytes),
    () => device.zero(0, 512),
    () => device.discard(0, 512),
    () => device.read(0, bytes),
    () => device.flush(),
    () => fenced.allocate(0, 8192),
    () => fenced.truncate(0),
  ])
    expect(act).toThrow(LeaseLostError);
  const seen = new Uint8Array(4);
  file.read(0, seen);
  expect([...seen]).toEqual([1, 2, 0, 0]);
  expect([device.size, device.writable, fenced.size(), fenced.path]).toEqual([4096, true, 4096, 'b/disk']);
});

test('no name is changed by a store whose lease is lost', () => {
  const { store, time, lease } = leased();
  store.open('b/disk', 'create').close();
  const fenced: FileStore = new FencedStore(store, lease);
  store.open('b/l.2', 'create').close();
  time.now = 5.001;
  for (const act of [
    () => fenced.remove('b/disk'),
    () => fenced.rename('b/disk', 'b/other'),
    () => fenced.makeFolder('b/folder'),
    () => fenced.open('b/new', 'create'),
  ])
    expect(act).toThrow(LeaseLostError);
  expect(fenced.list('b').map(({ name }) => name)).toEqual(['l.1', 'disk', 'l.2']);
  expect(fenced.kind('b/disk')).toBe('file');
});

/** All files but leases, with their bytes. */
function stored(store: MemoryStore, folder = '.'): string[] {
  return store.list(folder).flatMap(({ name, kind }) => {
    const path = folder === '.' ? name : `${folder}/${name}`;
    if (kind === 'directory') return stored(store, path);
    if (name.includes('tintype.lease')) return [];
    const file = store.open(path, 'read');
    const bytes = Buffer.alloc(file.size());
    file.read(0, bytes);
    file.close();
    return [`${path} ${bytes.toString('latin1')}`];
  });
}

test.each([
  ['a', 'sparsebundle', 'a/tintype.lease.2'],
  ['a', 'sparseimage', '.a.tintype.lease.2'],
] as const)('one long change of %s (%s), stopped anywhere within it, goes no further', (path, format, taken) => {
  const band = 1 << 16;
  const made = new MemoryStore();
  const image = createImage(made, path, { format, size: 16 * band, bandSize: band, waitLock: 0, holder });
  image.device.write(0, new Uint8Array(16 * band).fill(1));
  image.close();
  for (const change of ['write', 'discard', 'zero'] as const)
    for (let stopAt = 1; ; stopAt += 3) {
      const store = made.clone();
      let [looks, now] = [Number.NEGATIVE_INFINITY, 0];
      let before: string[] | null = null;
      const clock = () => {
        looks += 1;
        if (looks === stopAt) {
          before = stored(store);
          store.open(taken, 'create').close();
          now = 60;
        }
        return now;
      };
      const opened = openImage(store, path, {
        writable: true,
        waitLock: 0,
        holder: { ...holder, clock },
        allowTimeMachine: false,
      });
      looks = 0;
      const act = () => {
        if (change === 'write') opened.device.write(0, new Uint8Array(16 * band).fill(2));
        else opened.device[change](0, 16 * band);
        opened.device.flush();
      };
      let failure: unknown = null;
      try {
        act();
      } catch (error) {
        failure = error;
      }
      if (before === null) {
        expect(failure).toBeNull();
        expect(stopAt).toBeGreaterThan(3);
        break;
      }
      opened.close();
      expect(failure, `${change} ${stopAt}`).toBeInstanceOf(LeaseLostError);
      expect(stored(store), `${change} ${stopAt}`).toEqual(before);
    }
});
