// Repair of whole images: what is mended and what is left, cuts at every call, and that nothing gets worse.

import { type FileStore, type Finding, finding, OverlayDevice, Progress, WindowDevice } from '@tintype/core';
import { type Holder, openImage, partitionMap, undoPath } from '@tintype/image';
import { CrashStore, count, FaultStore, MemoryStore } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { EngineEvent } from '../events.js';
import type { CreateOptions, RunContext } from '../operation.js';
import { create } from './create.js';
import { driverOf } from './partition-driver.js';
import { repair, requireNotWorse } from './repair.js';
import { verify } from './verify.js';

const IMAGE = '/a.image';
const random = (target: Uint8Array): void => {
  target.fill(7);
};
const holder: Holder = { host: 'test', pid: 1, boot: 'b', alive: () => false, clock: () => 0, random, heartbeat: 0 };
const secret = (): Uint8Array => Buffer.from('mend me');

function context(store: FileStore, events: EngineEvent[] = []): RunContext {
  const emit = (event: EngineEvent): void => {
    events.push(event);
  };
  return { store, holder, progress: new Progress(), emit, now: () => 1_800_000_000, random };
}

function made(options: Partial<CreateOptions> = {}): MemoryStore {
  const store = new MemoryStore();
  const format = options.format ?? 'sparsebundle';
  create({ image: IMAGE, size: 8 << 20, bandSize: 1 << 20, fs: 'hfs+', ...options, format }, context(store));
  return store;
}

/** Writes at a byte of the first partition, and of the disk. */
function damage(
  store: FileStore,
  volume: [number, number][],
  disk: [number, number][] = [],
  passphrase?: Uint8Array,
): void {
  const image = openImage(store, IMAGE, { writable: true, waitLock: 0, holder, allowTimeMachine: false, passphrase });
  const start = partitionMap(image.device).partitions[0]?.start ?? 0;
  for (const [at, value] of [...volume.map(([at, value]) => [start + at, value] as const), ...disk])
    image.device.write(at, Uint8Array.of(value));
  image.close();
}

function kindsIn(store: FileStore, passphrase?: Uint8Array): string[] {
  const events: EngineEvent[] = [];
  verify({ image: IMAGE, passphrase }, context(store, events));
  return events.flatMap((event) => (event.type === 'result' ? [(event.value as Finding).kind] : []));
}

/** fileCount and freeBlocks of the volume header, and a byte of the primary partition table. */
const VOLUME: [number, number][] = [
  [1024 + 35, 77],
  [1024 + 51, 99],
];
const DISK: [number, number][] = [[600, 1]];

test('from the outside in: the partition table, then the volume; then there is nothing to do', () => {
  const store = made();
  damage(store, VOLUME, DISK);
  expect(kindsIn(store)).toEqual(['gpt-primary', 'volume-file-count', 'volume-free-blocks']);
  const events: EngineEvent[] = [];
  const summary = repair({ image: IMAGE }, context(store, events));
  expect(summary).toMatchObject({ mended: 3, left: 0, undo: undoPath(IMAGE), problems: [] });
  expect(events.filter(({ type }) => type === 'result')).toHaveLength(3);
  expect(kindsIn(store)).toEqual([]);
  const crash = new CrashStore(store);
  expect(repair({ image: IMAGE }, context(crash))).toMatchObject({ mended: 0, left: 0, undo: null });
  expect(crash.calls.filter(({ kind }) => kind === 'write').length).toBeLessThan(4);
});

test('a dry run says the same and writes nothing', () => {
  const store = made();
  damage(store, VOLUME, DISK);
  const crash = new CrashStore(store);
  expect(repair({ image: IMAGE, dryRun: true }, context(crash))).toMatchObject({ mended: 3, left: 0, undo: null });
  expect(crash.calls).toEqual([]);
});

test.each<[string, Partial<CreateOptions>]>([
  ['a bundle', {}],
  ['a raw image', { format: 'udrw' }],
  ['an encrypted bundle', { encryption: 'aes-256', kdfRounds: 1 }],
])('%s that is cut in its repair is as before, or mended', (_what, options) => {
  const passphrase = options.encryption ? secret : () => undefined;
  const store = made({ ...options, passphrase: passphrase() });
  damage(store, VOLUME, DISK, passphrase());
  const before = kindsIn(store, passphrase());
  expect(before).toHaveLength(3);
  const crash = new CrashStore(store);
  repair({ image: IMAGE, passphrase: passphrase() }, context(crash));
  const seen = new Set<number>();
  const every = count(3, 1);
  const states = [...crash.prefixes()].filter(({ calls }) => calls % every === 0 || calls === crash.calls.length);
  states.push(...crash.randomStates({ seed: 11, count: count(15, 400) }));
  for (const { store: cut, description } of states) {
    const kinds = kindsIn(cut, passphrase()).filter((kind) => kind !== 'repair-cut-off');
    if (kinds.length > 0) expect(kinds, description).toEqual(before);
    seen.add(kinds.length);
    expect(repair({ image: IMAGE, passphrase: passphrase() }, context(cut)), description).toMatchObject({ left: 0 });
    expect(kindsIn(cut, passphrase()), description).toEqual([]);
  }
  expect([...seen].sort()).toEqual([0, 3]);
});

test('a band that is named twice is mended by the run, and listed by the dry run before it', () => {
  const store = made({ format: 'sparseimage' });
  const file = store.open(IMAGE, 'write');
  const band = new Uint8Array(4);
  file.read(64, band);
  const slots = Math.round((file.size() - 4096) / (1 << 20));
  file.truncate(file.size() + (1 << 20));
  file.write(64 + 4 * slots, band);
  file.close();
  expect(kindsIn(store)).toEqual(['sparse-image-double']);
  for (const dryRun of [true, false]) {
    const events: EngineEvent[] = [];
    expect(repair({ image: IMAGE, dryRun }, context(store, events))).toMatchObject({ mended: 1, left: 0 });
    const values = events.flatMap((event) => (event.type === 'result' ? [event.value] : []));
    expect(values).toEqual([{ mended: `cleared slot ${slots}: a lower one holds its band`, place: 'container' }]);
  }
  expect(kindsIn(store)).toEqual([]);
});

test('whichever call of the host fails, the image is as before or mended', () => {
  const store = made();
  damage(store, VOLUME);
  for (let call = 1, hasFired = true; hasFired; call += count(7, 1)) {
    const clone = store.clone();
    const faulty = new FaultStore(clone, { call, code: 'EIO', effect: call % 2 === 0 ? 'half' : 'none' });
    try {
      repair({ image: IMAGE }, context(faulty));
    } catch (error) {
      expect(error, `call ${call}`).toMatchObject({ code: 'EIO' });
    }
    hasFired = faulty.fired;
    const left = kindsIn(clone).filter((kind) => kind !== 'repair-cut-off');
    expect([0, 2], `call ${call}: ${left}`).toContain(left.length);
    expect(repair({ image: IMAGE }, context(clone)), `call ${call}`).toMatchObject({ left: 0 });
  }
});

test('what a driver cannot mend is left, and said to be', () => {
  const store = made({ fs: 'apfs', size: 16 << 20 });
  const image = openImage(store, IMAGE, { writable: false, waitLock: 0, holder, allowTimeMachine: false });
  const start = partitionMap(image.device).partitions[0]?.start ?? 0;
  const driver = driverOf(new WindowDevice(new OverlayDevice(image.device), start, 4 << 20));
  image.close();
  expect(driver?.kind).toBe('apfs');
  damage(store, [[1234, 0xff]]);
  const before = kindsIn(store);
  expect(before.length).toBeGreaterThan(0);
  const { mended, left } = repair({ image: IMAGE }, context(store));
  expect(Number(mended) + Number(left)).toBeGreaterThan(0);
  expect(kindsIn(store)).toHaveLength(Number(left));
});

test('verify says how many of its findings can be mended, and these are', () => {
  const store = made();
  damage(store, VOLUME, DISK);
  expect(verify({ image: IMAGE }, context(store))).toMatchObject({ findings: 3, repairable: 3 });
  expect(repair({ image: IMAGE, dryRun: true }, context(store))).toMatchObject({ mended: 3, left: 0 });
});

test('a disk without a volume is not called sound', () => {
  const store = made();
  damage(store, [
    [1024, 0],
    [1025, 0],
  ]);
  const image = openImage(store, IMAGE, { writable: true, waitLock: 0, holder, allowTimeMachine: false });
  const { start = 0, size = 0 } = partitionMap(image.device).partitions[0] ?? {};
  image.device.zero(start + size - 1024, 512);
  image.close();
  expect(kindsIn(store)).toEqual(['no-volume']);
  expect(repair({ image: IMAGE }, context(store))).toMatchObject({ mended: 0, left: 1 });
});

test('a repair after which anything were worse changes nothing', () => {
  const found = (kind: string) => finding(kind, 'somewhere', 'is wrong');
  expect(() => requireNotWorse('a', [found('x'), found('x')], [found('x')])).not.toThrow();
  expect(() => requireNotWorse('a', [found('x')], [found('x'), found('x')])).toThrow('nothing was changed');
  expect(() => requireNotWorse('a', [found('x')], [found('y')])).toThrow('(y: somewhere: is wrong)');
});
