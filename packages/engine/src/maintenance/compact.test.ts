import { type FileStore, LockedError, type OpenMode, RefusedError, type StoreFile } from '@tintype/core';
import { imageFacts, openImage } from '@tintype/image';
import { CrashStore, count, MemoryStore, plainAttributes } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import type { EngineEvent, SummaryEvent } from '../events.js';
import type { CreateOptions } from '../operation.js';
import { type Compaction, compact } from './compact.js';
import { convert } from './convert.js';
import { createStack } from './create.js';
import { expectTree, memoryContext, PASSPHRASE, rubbishIn, wasteful } from './waste.testing.js';

const only = ({ images }: SummaryEvent): Compaction => (images as Compaction[])[0] as Compaction;
const allowBattery = true;

const CONTAINERS: readonly (Pick<CreateOptions, 'image' | 'format' | 'encryption'> & { readonly bands: boolean })[] = [
  { image: '/a.sparsebundle', bands: true },
  { image: '/a.sparseimage', bands: true },
  { image: '/a.asif', bands: false },
  { image: '/a.dmg', format: 'udrw', bands: false },
  { image: '/s.sparsebundle', encryption: 'aes-128', bands: true },
  { image: '/s.sparseimage', encryption: 'aes-256', bands: true },
  { image: '/s.dmg', format: 'udrw', encryption: 'aes-128', bands: false },
];
const CASES = CONTAINERS.flatMap(({ bands: _, ...container }) =>
  ['hfs+', 'apfs'].map((fs) => ({ ...container, fs, name: `${container.image} with ${fs}` })),
);

describe.each(CASES)('B21 compact $name', ({ name: _, ...options }) => {
  const secret = { passphrase: PASSPHRASE, allowBattery };
  test('B20 gives back all that the volume does not use, and says how much', () => {
    const { store, image, lean, tree } = wasteful(options);
    const events: EngineEvent[] = [];
    const before = imageFacts(store, image).hostBytes;
    expect(before).toBeGreaterThan(lean + (8 << 20));
    const predicted = only(compact({ images: [image], dryRun: true, ...secret }, memoryContext(store)));
    expect(imageFacts(store, image).hostBytes).toBe(before);
    const done = only(compact({ images: [image], ...secret }, memoryContext(store, events)));
    const after = imageFacts(store, image).hostBytes;
    expect(done).toEqual({ image, before, after, givenBack: before - after, interrupted: false });
    expect(events[0]).toEqual({ type: 'phase', name: 'Compacting the destination disk image' });
    if (options.encryption === undefined) expect(rubbishIn(store, image)).toBe(0);
    // The host in memory gives back whole pages of 64 KiB, of bands as of files.
    expect(after - lean).toBeLessThan(5 << 20);
    expect(Math.abs(predicted.givenBack - done.givenBack)).toBeLessThan(4 << 20);
    expectTree(store, image, tree);
    const again = only(compact({ images: [image], ...secret }, memoryContext(store)));
    expect(again.givenBack).toBeLessThan(65_536);
  });
  test('cut at any moment, nothing is lost', () => {
    const { store, image, tree } = wasteful(options);
    const crash = new CrashStore(store);
    compact({ images: [image], ...secret }, memoryContext(crash));
    const every = Math.ceil(crash.calls.length / count(4, 200));
    for (const state of crash.prefixes())
      if (state.calls % every === 0) expectTree(state.store, image, tree, state.description);
    for (const state of crash.randomStates({ seed: 5, count: count(4, 400) })) {
      expectTree(state.store, image, tree, state.description);
      compact({ images: [image], ...secret }, memoryContext(state.store));
      expectTree(state.store, image, tree, `${state.description}, compacted again`);
    }
  });
});

test('where the host cannot punch, whole bands go all the same', () => {
  const { store, image, tree } = wasteful({ image: '/a.sparsebundle', fs: 'hfs+' }, false);
  const { givenBack } = only(compact({ images: [image], allowBattery }, memoryContext(store)));
  expect(givenBack).toBeGreaterThan(8 << 20);
  expectTree(store, image, tree);
});

test('a read-only image is refused', () => {
  const { store, image } = wasteful({ image: '/a.sparsebundle', fs: 'hfs+' });
  const context = memoryContext(store);
  convert({ image, out: '/a.dmg', format: 'udzo' }, context);
  for (const dryRun of [true, false])
    expect(() => compact({ images: ['/a.dmg'], dryRun, allowBattery }, context)).toThrow(RefusedError);
});

test('B22 one in use by someone else is refused, and the others are compacted', () => {
  const { store, image } = wasteful({ image: '/a.sparsebundle', fs: 'hfs+' });
  const context = memoryContext(store);
  convert({ image, out: '/b.sparsebundle' }, context);
  const { holder } = context;
  const other = openImage(store, image, { holder, writable: true, waitLock: 0, allowTimeMachine: false });
  expect(() => compact({ images: [image], allowBattery }, context)).toThrow(LockedError);
  const summary = compact({ images: [image, '/b.sparsebundle'], allowBattery }, context);
  expect(summary.problems).toMatchObject([{ path: image, code: 'locked' }]);
  expect(summary.images).toMatchObject([{ image: '/b.sparsebundle' }]);
  other.close();
});

test('B20 stopped by the user: what was given back by then is, and the next one goes on', () => {
  const { store, image, lean, tree } = wasteful({ image: '/a.sparsebundle', fs: 'apfs' });
  const context = memoryContext(store);
  context.progress.cancel();
  expect(compact({ images: [image, '/not-reached'], allowBattery }, context)).toMatchObject({ interrupted: true });
  expectTree(store, image, tree);
  compact({ images: [image], allowBattery }, memoryContext(store));
  expect(imageFacts(store, image).hostBytes).toBeLessThan(lean + 65_536);
});

/** `store`, and how many bytes of its files were read. */
function readCounter(store: FileStore): { counted: FileStore; bytes: () => number } {
  let bytes = 0;
  const bound = <T extends object>(target: T, own: Partial<T>): T =>
    new Proxy(target, {
      get: (from, name) => {
        const value = Reflect.get(own, name) ?? Reflect.get(from, name, from);
        return typeof value === 'function' ? value.bind(from) : value;
      },
    });
  const file = (path: string, mode: OpenMode): StoreFile => {
    const opened = store.open(path, mode);
    const read = (position: number, target: Uint8Array): number => {
      const got = opened.read(position, target);
      bytes += got;
      return got;
    };
    return bound(opened, { read });
  };
  return { counted: bound(store, { open: file }), bytes: () => bytes };
}

test.each(['hfs+', 'apfs'])('B23 compacting %s reads allocation maps and no data', (fs) => {
  const { store, image } = wasteful({ image: '/a.sparsebundle', fs, size: 64 << 20 });
  const { counted, bytes } = readCounter(store);
  const { givenBack } = only(compact({ images: [image], allowBattery }, memoryContext(counted)));
  expect(givenBack).toBeGreaterThan(50 << 20);
  expect(bytes()).toBeLessThan(1 << 20);
});

test('what no known file system describes is left alone', () => {
  const { store, image, tree } = wasteful({ image: '/a.sparsebundle', fs: 'hfs+' });
  const context = memoryContext(store);
  const { holder } = context;
  const open = () => openImage(store, image, { holder, writable: true, waitLock: 0, allowTimeMachine: false });
  const disk = open();
  // Between the map and the first partition.
  disk.device.write(17_408, new Uint8Array(2048).fill(0x5a));
  disk.close();
  compact({ images: [image], allowBattery }, context);
  const after = open();
  const bytes = new Uint8Array(2048);
  after.device.read(17_408, bytes);
  after.close();
  expect(bytes.every((byte) => byte === 0x5a)).toBe(true);
  expectTree(store, image, tree);
});

test.each(['hfs+', 'apfs'])('B18 what a commit on %s frees goes back right after it: bands vanish', (fs) => {
  const store = new MemoryStore();
  const context = memoryContext(store);
  const stack = createStack({ image: '/a.sparsebundle', size: 32 << 20, bandSize: 1 << 20, fs }, context);
  const { live, fileSystem } = stack;
  const file = { ...plainAttributes, kind: 'file', size: 12 << 20, target: '', rdevMajor: 0, rdevMinor: 0 } as const;
  const bands = () => imageFacts(store, '/a.sparsebundle').bandsPresent ?? 0;
  const before = bands();
  const [id = 0] = live.create(live.root.id, [{ ...file, name: 'large' }]);
  live.write(id, 0, new Uint8Array(12 << 20).fill(1));
  fileSystem.commit();
  expect(bands()).toBeGreaterThanOrEqual(before + 10);
  live.remove(live.root.id, 'large');
  expect(bands()).toBeGreaterThanOrEqual(before + 10);
  fileSystem.commit();
  // APFS: what the last checkpoint holds goes with the next one.
  live.create(live.root.id, [{ ...file, size: 0, name: 'small' }]);
  fileSystem.commit();
  expect(bands()).toBeLessThanOrEqual(before + 2);
  stack.close();
});

test.each(['hfs+', 'apfs'])('B18 and those of an encrypted raw image on %s go back too', (fs) => {
  const store = new MemoryStore();
  const context = memoryContext(store);
  const secret = { encryption: 'aes-256', passphrase: PASSPHRASE, kdfRounds: 1 };
  const stack = createStack({ image: '/s.dmg', format: 'udrw', size: 32 << 20, fs, ...secret }, context);
  const { live, fileSystem } = stack;
  const file = { ...plainAttributes, kind: 'file', size: 12 << 20, target: '', rdevMajor: 0, rdevMinor: 0 } as const;
  const [id = 0] = live.create(live.root.id, [{ ...file, name: 'large' }]);
  live.write(id, 0, new Uint8Array(12 << 20).fill(1));
  fileSystem.commit();
  const full = imageFacts(store, '/s.dmg').hostBytes;
  live.remove(live.root.id, 'large');
  fileSystem.commit();
  live.create(live.root.id, [{ ...file, size: 0, name: 'small' }]);
  fileSystem.commit();
  expect(imageFacts(store, '/s.dmg').hostBytes).toBeLessThan(full - (11 << 20));
  stack.close();
});
