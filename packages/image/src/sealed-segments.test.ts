import { MemoryDevice, PassphraseError, UnsupportedError } from '@tintype/core';
import { CrashStore, FaultStore, MemoryStore, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { createArchive } from './archive.js';
import { detect } from './detect.js';
import type { ArchiveOptions } from './disk-image.js';
import { NEW_DATA_OFFSET } from './encryption/create.js';
import { holder } from './encryption/encrypted.testing.js';
import { openImage } from './open.js';
import { openRuin } from './rescue/open-ruin.js';
import { namedSegments, segmentPath } from './udif/segments.js';

const SIZE = 400_000 - (400_000 % 512);
const passphrase = Buffer.from('secret');
const TEXT = 'nobody may read this on the disk ';
const disk = Buffer.concat([new Random(7).bytes(SIZE / 2), Buffer.alloc(SIZE / 2, TEXT)]);

function make(store: MemoryStore | CrashStore | FaultStore, options: Partial<ArchiveOptions> = {}): void {
  const secret = { encryption: 'aes-256', passphrase, kdfRounds: 1 } as const;
  const form = { format: 'udro', holder, random: holder.random, free: [], ...secret } as const;
  createArchive(store, 'x.dmg', new MemoryDevice(disk), { ...form, segmentSize: 200_000, ...options });
}

const pathsIn = (store: MemoryStore | CrashStore) => [
  'x.dmg',
  ...namedSegments(store, 'x.dmg').map((number) => segmentPath('x.dmg', number)),
];

function bytesOf(store: MemoryStore, path: string): Buffer {
  const file = store.open(path, 'read');
  const bytes = Buffer.alloc(file.size());
  file.read(0, bytes);
  file.close();
  return bytes;
}

function read(store: MemoryStore | CrashStore, given: Uint8Array | undefined = passphrase): Buffer {
  const options = { writable: false, waitLock: 0, holder, allowTimeMachine: false, passphrase: given };
  const image = openImage(store, 'x.dmg', options);
  try {
    const seen = Buffer.alloc(image.device.size);
    image.device.read(0, seen);
    expect([...image.verify()]).toEqual([]);
    image.requireChecksums?.(() => {});
    return seen;
  } finally {
    image.close();
  }
}

test.each(['udro', 'udzo', 'ulmo'] as const)(
  '%s: each file is encrypted by itself, and no longer than asked for',
  (format) => {
    for (const segmentSize of [140_000, 200_000, 200_001]) {
      const store = new MemoryStore();
      make(store, { format, segmentSize });
      const paths = pathsIn(store);
      expect(paths.length).toBeGreaterThan(1);
      const headers = paths.map((path) => {
        const bytes = bytesOf(store, path);
        expect(bytes.length).toBeLessThanOrEqual(segmentSize);
        expect(detect(store, path)?.kind).toBe('encrypted');
        return bytes.subarray(0, NEW_DATA_OFFSET).toString('hex');
      });
      // No two have salt or keys in common.
      expect(new Set(headers).size).toBe(paths.length);
      expect(read(store).equals(disk)).toBe(true);
    }
  },
);

test('what fits into one file is one', () => {
  const store = new MemoryStore();
  make(store, { segmentSize: 1 << 20 });
  expect([pathsIn(store), read(store).equals(disk)]).toEqual([['x.dmg'], true]);
});

test('another passphrase, or none, opens nothing', () => {
  const store = new MemoryStore();
  make(store);
  for (const given of [Buffer.from('other'), new Uint8Array(0)])
    expect(() => read(store, given)).toThrow(PassphraseError);
});

test('files without room for a header and the tables are refused', () => {
  for (const segmentSize of [1000, NEW_DATA_OFFSET + 700])
    expect(() => make(new MemoryStore(), { segmentSize })).toThrow(UnsupportedError);
});

test('B40: no clear byte is handed to the host, for any of the files', () => {
  const store = new CrashStore();
  make(store);
  const writes = store.calls.flatMap((call) => (call.kind === 'write' ? [Buffer.from(call.bytes)] : []));
  expect(writes.length).toBeGreaterThan(10);
  expect(writes.filter((bytes) => bytes.includes(TEXT.slice(0, 12)) || bytes.includes('koly'))).toEqual([]);
});

test('whichever call fails, it is an error, and what was begun can be removed', () => {
  for (let call = 1; ; call += 1) {
    const below = new MemoryStore();
    const store = new FaultStore(below, { call, code: 'EIO' });
    try {
      make(store, { segmentSize: 350_000 });
    } catch (error) {
      expect(error).toMatchObject({ code: 'EIO' });
    }
    if (!store.fired) return;
    for (const path of pathsIn(below)) if (below.kind(path) !== null) below.remove(path);
  }
});

test('what is left of one is opened for a rescue, all its files by the one passphrase', () => {
  const store = new MemoryStore();
  make(store);
  const ruin = openRuin(store, 'x.dmg', passphrase);
  const seen = Buffer.alloc(ruin.device.size);
  ruin.device.read(0, seen);
  expect([seen.equals(disk), ruin.findings]).toEqual([true, []]);
  ruin.close();
  expect(() => openRuin(store, 'x.dmg', Buffer.from('other'))).toThrow(PassphraseError);
});
