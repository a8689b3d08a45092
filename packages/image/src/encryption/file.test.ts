import { CorruptError } from '@tintype/core';
import { MemoryStore, Random } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { ChunkCipher } from './chunk-cipher.js';
import { blockSizeOf, discardRange, EncryptedFile } from './file.js';
import { ImageKeys } from './unlock.js';

const random = new Random(21);
const cipherOf = (chunkSize: number) =>
  new ChunkCipher(new ImageKeys(Buffer.alloc(16, 3), Buffer.alloc(20, 4)), chunkSize);

function make(chunkSize: number, dataOffset: number, clearSize: number | null) {
  const store = new MemoryStore();
  const file = store.open('image', 'create');
  file.truncate(dataOffset);
  const kept: number[] = [];
  const keepSize = (size: number) => kept.push(size);
  const cipher = cipherOf(chunkSize);
  const open = (size: number | null) =>
    new EncryptedFile(store.open('image', 'write'), cipher, { dataOffset, clearSize: size, keepSize });
  return { store, file, kept, open, clear: open(clearSize) };
}

function bytesOf(file: EncryptedFile): Buffer {
  const bytes = Buffer.alloc(file.size() + 10, 0xee);
  expect(file.read(0, bytes)).toBe(file.size());
  return bytes.subarray(0, file.size());
}

describe.each([
  ['a single file, chunks of 512', 512, 122_368, 0],
  ['a single file, chunks of 4096', 4096, 122_880, 0],
  ['a band, chunks of 512', 512, 0, null],
  ['a band, chunks of 4096', 4096, 0, null],
])('%s', (_what, chunkSize, dataOffset, clearSize) => {
  test('random writes and cuts, against plain bytes; whole chunks in the file', () => {
    const { file, open, clear } = make(chunkSize, dataOffset, clearSize);
    let model = Buffer.alloc(0);
    for (let round = 0; round < 300; round += 1) {
      const position = random.below(random.pick([100, 5000, 700_000]));
      if (random.oneIn(6)) {
        const length = random.oneIn(2) ? position : Math.min(model.length, position);
        clear.truncate(length);
        model = Buffer.concat([model.subarray(0, length), Buffer.alloc(Math.max(0, length - model.length))]);
      } else {
        const bytes = random.bytes(random.pick([1, 16, 511, 512, 513, 4096, 5000, 300_000]));
        clear.write(position, bytes);
        const longer = Buffer.alloc(Math.max(model.length, position + bytes.length));
        longer.set(model);
        longer.set(bytes, position);
        model = longer;
      }
      expect(clear.size()).toBe(model.length);
      expect((file.size() - dataOffset) % chunkSize).toBe(0);
      const at = random.below(model.length + 1);
      const part = Buffer.alloc(random.below(9000));
      const got = clear.read(at, part);
      expect(part.subarray(0, got).equals(model.subarray(at, at + part.length))).toBe(true);
    }
    expect(bytesOf(clear).equals(model)).toBe(true);
    const again = open(clearSize === null ? null : model.length);
    expect(bytesOf(again).subarray(0, model.length).equals(model)).toBe(true);
    // What a chunk has behind the end is zero.
    expect(
      bytesOf(again)
        .subarray(model.length)
        .every((byte) => byte === 0),
    ).toBe(true);
  });
});

test('equal bands are stored equally; equal chunks of one are not', () => {
  const cipher = cipherOf(512);
  const store = new MemoryStore();
  const bands = ['0', '1'].map((name) => {
    const file = store.open(name, 'create');
    new EncryptedFile(file, cipher, { dataOffset: 0, clearSize: null }).write(0, Buffer.alloc(1024, 7));
    const bytes = Buffer.alloc(1024);
    file.read(0, bytes);
    return bytes;
  });
  expect(bands[0]?.equals(bands[1] as Buffer)).toBe(true);
  expect(bands[0]?.subarray(0, 512).equals(bands[0].subarray(512))).toBe(false);
});

test('a clear size is kept with the first sync after it changed, not before', () => {
  const { kept, clear } = make(512, 1024, 0);
  clear.write(0, Buffer.alloc(700));
  expect(kept).toEqual([]);
  clear.sync();
  clear.sync();
  clear.write(100, Buffer.alloc(100));
  clear.sync();
  expect(kept).toEqual([700]);
});

test('a discarded range gives whole chunks back; a punched one would be noise', () => {
  const { file, clear } = make(512, 0, null);
  clear.write(0, random.bytes(1 << 16));
  const before = file.allocated(0, 1 << 16);
  expect(clear.punch()).toBe(false);
  discardRange(clear, 100, 60_000);
  expect(file.allocated(0, 1 << 16)).toBeLessThan(before - 50_000);
  const head = Buffer.alloc(512);
  clear.read(0, head);
  expect(blockSizeOf(clear)).toBe(512);
  expect(blockSizeOf(file)).toBe(512);
});

test('a chunk that is cut off is told, those before it are read', () => {
  const { file, open, clear } = make(512, 1024, 0);
  clear.write(0, Buffer.alloc(5 * 512, 1));
  file.truncate(1024 + 2 * 512 + 77);
  const cut = open(5 * 512);
  const part = Buffer.alloc(1024);
  expect(cut.read(0, part)).toBe(1024);
  expect(part.every((byte) => byte === 1)).toBe(true);
  expect(() => cut.read(1024, part)).toThrow(CorruptError);
});
