import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fixture, fixtureBytes, MemoryStore, unpackFixture, withFolder } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { holder } from './containers.testing.js';
import { createImage } from './create.js';
import { detect } from './detect.js';
import { inspectImage } from './inspect.js';
import { imageFacts } from './open.js';
import { formatInfoPlist } from './sparsebundle/info-plist.js';
import { isZero } from './zeros.js';

function storeOf(files: Readonly<Record<string, Uint8Array>>): MemoryStore {
  const store = new MemoryStore();
  for (const [name, bytes] of Object.entries(files)) {
    const folders = name.split('/').slice(0, -1);
    for (let depth = 1; depth <= folders.length; depth += 1) {
      const folder = folders.slice(0, depth).join('/');
      if (store.kind(folder) === null) store.makeFolder(folder);
    }
    store.open(name, 'create').write(0, bytes);
  }
  return store;
}

const kindOf = (bytes: Uint8Array): string | null => detect(storeOf({ a: bytes }), 'a')?.kind ?? null;

describe('files, by their content', () => {
  test.each([
    ['udif/apfs-empty-zlib.dmg', 'udif'],
    ['udif/hfsplus-apm-data-offset.dmg', 'udif'],
    ['hfsplus/apm.img.gz', 'raw'],
    ['hfsplus/small-nolayout.raw.gz', 'raw'],
    ['apfs/dfvfs-apfs.raw.gz', 'raw'],
    ['encrypted/raw-aes128-v2.dmg', 'encrypted'],
    ['encrypted/raw-aes128-v1.dmg', 'encrypted'],
    ['encrypted/sparseimage-aes128-v2.sparseimage.gz', 'encrypted'],
    ['encrypted/udzo-hfsplus.dmg', 'encrypted'],
  ])('%s is %s', (name, kind) => {
    if (!fixture(name).skip) expect(kindOf(fixtureBytes(name))).toBe(kind);
  });
  test.each(['sparseimage', 'asif'] as const)('a new %s', (format) => {
    const store = new MemoryStore();
    createImage(store, 'x.txt', { format, size: 1 << 20, waitLock: 0, holder }).close();
    expect(detect(store, 'x.txt')).toEqual({ kind: format, writable: true, timeMachine: false });
  });
  test.each([
    ['nothing', 0, ''],
    ['text', 0, 'hello'],
    ['zeros', 100_000, ''],
    ['the letters of a signature elsewhere', 8, 'sprs'],
  ])('%s is no image', (_what, at, text) => {
    const bytes = new Uint8Array(at + text.length);
    bytes.set(Buffer.from(text), at);
    expect(kindOf(bytes)).toBeNull();
  });
  test('a raw image that ends like a UDIF, but has no list, stays raw', () => {
    const bytes = Buffer.alloc(8192);
    bytes.write('H+', 1024);
    bytes.write('koly', 8192 - 512);
    expect(kindOf(bytes)).toBe('raw');
    bytes.writeUInt32BE(100, 8192 - 512 + 228);
    expect(kindOf(bytes)).toBe('udif');
  });
});

describe('folders', () => {
  const list = Buffer.from(formatInfoPlist({ bandSize: 1 << 20, size: 1 << 30 }));
  test('a bundle is one by its property list, or the copy of it, under any name', () => {
    for (const name of ['Info.plist', 'Info.bckup'])
      expect(detect(storeOf({ [`x/${name}`]: list }), 'x')).toMatchObject({ kind: 'sparsebundle', writable: true });
    expect(detect(storeOf({ 'x.sparsebundle/a': list }), 'x.sparsebundle')).toBeNull();
    expect(detect(storeOf({ 'x/Info.plist': Buffer.from('<plist><dict/></plist>') }), 'x')).toBeNull();
  });
  test('one whose list is damaged is still a bundle: opening tells what is wrong', () => {
    expect(detect(storeOf({ 'x/Info.plist': list.subarray(0, list.length - 20) }), 'x')?.kind).toBe('sparsebundle');
  });
  test('a token says that it is encrypted, a list of machines that it is Time Machine’s', () => {
    const files = { 'x/Info.plist': list, 'x/com.apple.TimeMachine.MachineID.plist': list };
    expect(detect(storeOf(files), 'x')).toMatchObject({ kind: 'sparsebundle', timeMachine: true });
    expect(detect(storeOf({ ...files, 'x/token': Buffer.from('encrcdsa') }), 'x')?.kind).toBe('encrypted');
    expect(detect(storeOf({ ...files, 'x/token': Buffer.alloc(0) }), 'x')?.kind).toBe('sparsebundle');
  });
  test('a list that is too long is none', () => {
    expect(detect(storeOf({ 'x/Info.plist': Buffer.concat([list, Buffer.alloc(70_000, 0x20)]) }), 'x')).toBeNull();
  });
});

test.skipIf(fixture('sparse/bundle.zip').skip)('facts of a real bundle are those of its files', () => {
  withFolder((folder) => {
    unpackFixture('sparse/bundle.zip', folder);
    const real = path.join(folder, 'aj_bundle.sparsebundle');
    const files = Object.fromEntries(
      readdirSync(real, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.join(entry.parentPath, entry.name))
        .map((file) => [`b/${path.relative(real, file)}`, readFileSync(file)]),
    );
    expect(imageFacts(storeOf(files), 'b')).toMatchObject({
      format: 'sparsebundle',
      size: 40_960_000,
      bandSize: 8 << 20,
      bandsPresent: 3,
      encryption: null,
    });
  });
});

describe('structures as text', () => {
  const store = new MemoryStore();
  const options = { size: 8 << 20, waitLock: 0, holder } as const;
  for (const format of ['sparsebundle', 'sparseimage', 'asif'] as const) {
    const image = createImage(store, format, { ...options, format });
    image.device.write(0, Uint8Array.of(1));
    image.close();
  }
  test.each([
    ['sparsebundle', 'plist', /band-size/],
    ['sparsebundle', 'band:0', /^band 0: 4096 bytes|^band 0: 1 bytes/],
    ['sparsebundle', 'band:1', /absent/],
    ['sparseimage', 'sprs', /sectorsPerBand: 2048/],
    ['asif', 'shdw', /chunkSize: 1048576/],
    ['sparseimage', 'koly', /koly at byte 0/],
    ['sparsebundle', null, /sparsebundle; places/],
  ])('%s %s', (name, place, text) => {
    expect([...inspectImage(store, name, place)].join('\n')).toMatch(text);
  });
});

test('zeros are told from the rest at any length and place', () => {
  const buffer = new Uint8Array(64);
  for (let start = 0; start < 9; start += 1)
    for (let length = 0; length < 20; length += 1) {
      const part = buffer.subarray(start, start + length);
      expect(isZero(part)).toBe(true);
      for (let at = 0; at < length; at += 1) {
        part[at] = 128;
        expect(isZero(part)).toBe(false);
        part[at] = 0;
      }
    }
});
