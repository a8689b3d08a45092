import { type FileStore, Progress, TintypeError, WindowDevice } from '@tintype/core';
import { hfsplus } from '@tintype/hfsplus';
import { createImage, openImage, writePartitionMap } from '@tintype/image';
import { CrashStore, count, FaultStore, MemoryStore, Random } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import type { EngineEvent } from '../events.js';
import { hostContext } from '../host-context.js';
import type { ConvertOptions, RunContext } from '../operation.js';
import { convert } from './convert.js';

const SIZE = 2 << 20;
const holder = { ...hostContext().holder, heartbeat: 0 };
const random = (target: Uint8Array) => new Random(5).fill(target);

function contextOf(store: FileStore, progress = new Progress()): RunContext {
  return { ...hostContext(), store, holder, random, progress, emit: () => {} };
}

/** An empty volume, with something left in a block that it does not use. */
function made(): MemoryStore {
  const store = new MemoryStore();
  store.makeFolder('f');
  const image = createImage(store, 'f/a.dmg', { format: 'udrw', size: SIZE, waitLock: 0, holder });
  const { start, size } = writePartitionMap(image.device, { scheme: 'gpt', type: 'Apple_HFS', random });
  const options = { volumeName: 'v', caseSensitive: false, now: 1_700_000_000, random, uid: 0, gid: 0 };
  hfsplus.format(new WindowDevice(image.device, start, size), options);
  image.device.write(SIZE - (256 << 10), Buffer.from('left over from a file that is gone'));
  image.close();
  return store;
}

function diskOf(store: FileStore, path: string, passphrase?: Uint8Array): Buffer {
  const image = openImage(store, path, { writable: false, waitLock: 0, holder, allowTimeMachine: false, passphrase });
  const disk = Buffer.alloc(image.device.size);
  image.device.read(0, disk);
  expect([...image.verify()]).toEqual([]);
  image.close();
  return disk;
}

const run = (store: FileStore, change: Partial<ConvertOptions> = {}) =>
  convert({ image: 'f/a.dmg', out: 'f/b.dmg', ...change }, contextOf(store));
const FORMATS = ['udzo', 'udro', 'udrw', 'sparsebundle', 'sparseimage', 'asif'];

describe.each(FORMATS)('%s', (format) => {
  test('what the volume does not use is left out, all else is there', () => {
    const store = made();
    run(store, { format });
    const expected = diskOf(store, 'f/a.dmg');
    const at = SIZE - (256 << 10);
    expected.fill(0, at, at + 64);
    expect(diskOf(store, 'f/b.dmg').equals(expected)).toBe(true);
    expect(
      store
        .list('f')
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['a.dmg', 'b.dmg']);
  });

  test('after a cut anywhere there is no new image, or a whole one', () => {
    const crash = new CrashStore(made());
    run(crash, { format });
    const whole = diskOf(crash, 'f/b.dmg');
    let found = 0;
    for (const { store, description } of crash.randomStates({ seed: 3, count: count(25, 400) })) {
      if (store.kind('f/b.dmg') === null) continue;
      found += 1;
      expect(diskOf(store, 'f/b.dmg').equals(whole), description).toBe(true);
    }
    const end = [...crash.prefixes({ from: crash.calls.length })].at(-1);
    expect(end && diskOf(end.store, 'f/b.dmg').equals(whole)).toBe(true);
    expect(found).toBeLessThan(count(25, 400));
  });
});

test('whichever call of the host fails, nothing is left under the new name, and the image is untouched', () => {
  const before = diskOf(made(), 'f/a.dmg');
  for (let call = 1; call < 2000; call += 5) {
    const store = made();
    const fault = new FaultStore(store, { call, code: 'EIO' });
    try {
      run(fault);
    } catch (error) {
      expect(error).toBeInstanceOf(TintypeError);
    }
    if (store.kind('f/b.dmg') !== null) diskOf(store.clone(), 'f/b.dmg');
    expect(diskOf(store.clone(), 'f/a.dmg').equals(before)).toBe(true);
    if (!fault.fired) return;
  }
});

test.each([
  ['asif', ['experimental']],
  ['sparseimage', ['legacy-sparseimage']],
  ['sparsebundle', []],
  ['udzo', []],
])('B10: to %s, what should be known of the format is said, as of any new image: %j', (format, codes) => {
  const events: EngineEvent[] = [];
  const emit = (event: EngineEvent) => events.push(event);
  convert({ image: 'f/a.dmg', out: 'f/b.dmg', format }, { ...contextOf(made()), emit });
  expect(events.flatMap((event) => (event.type === 'warning' ? [event.code] : []))).toEqual(codes);
});

test('to a raw image: zeros are not written, and what lies between them is written at once', () => {
  const store = made();
  const piece = 64 << 10;
  const source = createImage(store, 'f/c.img', { format: 'udrw', size: 64 * piece, waitLock: 0, holder });
  writePartitionMap(source.device, { scheme: 'gpt', type: 'Apple_HFS', random });
  for (const [from, to] of [
    [2, 5],
    [6, 7],
    [58, 61],
  ] as const)
    source.device.write(from * piece, new Uint8Array((to - from) * piece).fill(from));
  source.close();
  const crash = new CrashStore(store);
  convert({ image: 'f/c.img', out: 'f/d.img', format: 'udrw' }, contextOf(crash));
  const writes = crash.calls.flatMap((call) =>
    call.kind === 'write' && call.path.includes('d.img') ? [[call.position / piece, call.bytes.length / piece]] : [],
  );
  // The first is that of whoever makes the file.
  expect(writes.shift()).toEqual([0, 512 / piece]);
  // The partition map lies in the first piece and in the last.
  expect(writes).toEqual([
    [0, 1],
    [2, 3],
    [6, 1],
    [58, 3],
    [63, 1],
  ]);
  expect(bytesOf(crash, 'f/d.img').equals(bytesOf(store, 'f/c.img'))).toBe(true);
});

test('asked to stop, it stops and leaves nothing', () => {
  const store = made();
  const progress = new Progress();
  progress.cancel();
  for (const format of FORMATS)
    expect(() => convert({ image: 'f/a.dmg', out: 'f/b.dmg', format }, contextOf(store, progress))).toThrow(
      expect.objectContaining({ code: 'cancelled' }),
    );
  expect(store.list('f').map(({ name }) => name)).toEqual(['a.dmg']);
});

test.each([...FORMATS, 'encrypted'])('%s, changed on the disk before it is checked, does not take the name', (kind) => {
  const store = made();
  const secret = { encryption: 'aes-256', newPassphrase: Buffer.from('p'), kdfRounds: 1 };
  let checks = 0;
  const emit = (event: EngineEvent): void => {
    if (event.type !== 'phase' || event.name !== 'verify') return;
    checks += 1;
    flipHeader(store, 'f/.b.dmg.tintype.new');
  };
  const options = kind === 'encrypted' ? secret : { format: kind };
  expect(() => convert({ image: 'f/a.dmg', out: 'f/b.dmg', ...options }, { ...contextOf(store), emit })).toThrow(
    TintypeError,
  );
  expect([checks, store.list('f').map(({ name }) => name)]).toEqual([1, ['a.dmg']]);
});

test.each(['udro', 'udrw', 'sparsebundle'])(
  'to %s, an image whose checksums are wrong is refused, unless told',
  (format) => {
    const store = made();
    run(store, { format: 'udro' });
    // One bit of the volume's name in the stored bytes: it decodes, but is not what was stored.
    const bytes = bytesOf(store, 'f/b.dmg');
    const file = store.open('f/b.dmg', 'write');
    const at = bytes.indexOf('H+') + 200;
    file.write(at, Uint8Array.of((bytes[at] as number) ^ 1));
    file.close();
    const bad = { image: 'f/b.dmg', out: 'f/c.dmg', format } as const;
    expect(() => run(store, bad)).toThrow(expect.objectContaining({ code: 'checksum' }));
    expect(
      store
        .list('f')
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['a.dmg', 'b.dmg']);
    run(store, { ...bad, ignoreChecksums: true });
    expect(store.kind('f/c.dmg')).not.toBe(null);
  },
);

describe('in segments', () => {
  const namesOf = (store: FileStore) =>
    store
      .list('f')
      .map(({ name }) => name)
      .sort();

  test('cut into files that are no longer than asked for, and joined again: the same disk', () => {
    const store = made();
    const summary = run(store, { format: 'udro', segmentSize: 20_000 });
    const names = namesOf(store).filter((name) => name.startsWith('b.'));
    expect(names.length).toBeGreaterThan(2);
    expect(summary).toMatchObject({ format: 'udro', segments: names.length });
    for (const name of names) expect(bytesOf(store, `f/${name}`).length).toBeLessThanOrEqual(20_000);
    expect(run(store, { image: 'f/b.dmg', out: 'f/c.dmg', format: 'udro' })).toMatchObject({ segments: 1 });
    expect(diskOf(store, 'f/c.dmg').equals(diskOf(store, 'f/b.dmg'))).toBe(true);
    run(store, { out: 'f/d.dmg', format: 'udro' });
    expect(diskOf(store, 'f/c.dmg').equals(diskOf(store, 'f/d.dmg'))).toBe(true);
  });

  test('after a cut anywhere there is no new image, or a whole one, and the next run leaves no other file', () => {
    const crash = new CrashStore(made());
    run(crash, { format: 'udro', segmentSize: 20_000 });
    const whole = diskOf(crash, 'f/b.dmg');
    const names = namesOf(crash);
    let found = 0;
    const late = crash.prefixes({ from: crash.calls.length - 12 });
    for (const { store, description } of [...crash.randomStates({ seed: 3, count: count(20, 400) }), ...late]) {
      if (store.kind('f/b.dmg') !== null) {
        found += 1;
        expect(diskOf(store, 'f/b.dmg').equals(whole), description).toBe(true);
      } else {
        run(store, { format: 'udro', segmentSize: 20_000 });
        expect(namesOf(store), description).toEqual(names);
      }
    }
    expect(found).toBeGreaterThan(0);
  });

  test('encrypted: each file by the one passphrase, which joins them again; another opens nothing', () => {
    const store = made();
    const [passphrase, other] = [Buffer.from('p'), Buffer.from('q')];
    const secret = { encryption: 'aes-256', newPassphrase: passphrase, kdfRounds: 1 };
    run(store, { format: 'udro', segmentSize: 150_000, ...secret });
    const names = namesOf(store).filter((name) => name.startsWith('b.'));
    expect(names.length).toBeGreaterThan(2);
    for (const name of names) {
      const bytes = bytesOf(store, `f/${name}`);
      expect([bytes.length <= 150_000, bytes.subarray(0, 8).toString('latin1')]).toEqual([true, 'encrcdsa']);
    }
    const joined = { image: 'f/b.dmg', out: 'f/c.dmg', format: 'udro', encryption: 'none' };
    expect(() => run(store, { ...joined, passphrase: other })).toThrow(
      expect.objectContaining({ code: 'passphrase-wrong' }),
    );
    expect(() => run(store, joined)).toThrow(expect.objectContaining({ code: 'passphrase-missing' }));
    expect(namesOf(store)).toEqual(['a.dmg', ...names].sort());
    expect(run(store, { ...joined, passphrase })).toMatchObject({ segments: 1 });
    run(store, { out: 'f/d.dmg', format: 'udro' });
    expect(diskOf(store, 'f/c.dmg').equals(diskOf(store, 'f/d.dmg'))).toBe(true);
  });

  test('encrypted, cut anywhere: no new image, or a whole one, and the next run leaves no other file', () => {
    const passphrase = Buffer.from('p');
    const secret = { encryption: 'aes-128', newPassphrase: passphrase, kdfRounds: 1, segmentSize: 190_000 };
    const crash = new CrashStore(made());
    run(crash, { ...secret, format: 'udro' });
    const whole = diskOf(crash, 'f/b.dmg', passphrase);
    const names = namesOf(crash);
    let found = 0;
    const late = crash.prefixes({ from: crash.calls.length - 12 });
    for (const { store, description } of [...crash.randomStates({ seed: 3, count: count(15, 300) }), ...late]) {
      if (store.kind('f/b.dmg') !== null) {
        found += 1;
        expect(diskOf(store, 'f/b.dmg', passphrase).equals(whole), description).toBe(true);
      } else {
        run(store, { ...secret, format: 'udro' });
        expect(namesOf(store), description).toEqual(names);
      }
    }
    expect(found).toBeGreaterThan(0);
  });

  test('a file of that name is not replaced unasked; other formats have none', () => {
    const store = made();
    store.open('f/b.003.dmgpart', 'create').close();
    const before = namesOf(store);
    expect(() => run(store, { segmentSize: 20_000 })).toThrow('f/b.003.dmgpart exists already');
    expect(() => run(store, { out: 'f/c.dmg', format: 'udrw', segmentSize: 20_000 })).toThrow('has no segments');
    expect(() => run(store, { out: 'f/c.dmg', segmentSize: 3000 })).toThrow('no room');
    expect(namesOf(store)).toEqual(before);
    run(store);
    expect(namesOf(store)).toEqual(['a.dmg', 'b.003.dmgpart', 'b.dmg']);
  });
});

/** One bit of the new volume's header, or of what stands for it. */
function flipHeader(store: FileStore, path: string): void {
  for (const name of filesBelow(store, path).filter((found) => !/Info\.|token/.test(found))) {
    const bytes = bytesOf(store, name);
    const at = Math.max(bytes.indexOf('H+'), 0) || (bytes.length < 200_000 ? 100 : 122_368 + 100);
    const file = store.open(name, 'write');
    file.write(at, Uint8Array.of((bytes[at] as number) ^ 1));
    file.close();
  }
}

function filesBelow(store: FileStore, path: string): string[] {
  if (store.kind(path) !== 'directory') return [path];
  return store.list(path).flatMap(({ name }) => filesBelow(store, `${path}/${name}`));
}

function bytesOf(store: FileStore, path: string): Buffer {
  const file = store.open(path, 'read');
  const bytes = Buffer.alloc(file.size());
  file.read(0, bytes);
  file.close();
  return bytes;
}
