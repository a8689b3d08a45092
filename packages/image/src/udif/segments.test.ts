import { zlib } from '@tintype/codec';
import { CorruptError, PassphraseError } from '@tintype/core';
import { MemoryStore, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { encryptedFile } from '../create.js';
import { holder } from '../encryption/encrypted.testing.js';
import { imageFacts, openImage } from '../open.js';
import { passwd } from '../passwd.js';
import { segmentPath, segmentsBeside } from './segments.js';
import { END, forkAndTables, kolyOf, listOf } from './udif.testing.js';

const clear = new Random(6).bytes(64 * 512);
const coded = zlib.encode(clear.subarray(0, 32 * 512));
const { fork, resources } = forkAndTables([
  {
    name: 'disk',
    firstSector: 0,
    sectorCount: 64,
    chunks: [
      { type: 0x8000_0005, firstSector: 0, sectorCount: 32, stored: coded },
      { type: 1, firstSector: 32, sectorCount: 32, stored: clear.subarray(32 * 512) },
      END,
    ],
  },
]);

/** The fork cut at the given places, each part in a file of its own. */
function segmented(cuts: readonly number[], id = 9): MemoryStore {
  const store = new MemoryStore();
  const ends = [...cuts, fork.length];
  const list = listOf(resources);
  for (const [i, end] of ends.entries()) {
    const part = fork.subarray(ends[i - 1] ?? 0, end);
    const file = store.open(i === 0 ? 'big.dmg' : segmentPath('big.dmg', i + 1), 'create');
    const koly = kolyOf({
      segmentNumber: i + 1,
      segmentCount: ends.length,
      segmentId: new Uint8Array(16).fill(id),
      dataForkLength: part.length,
      runningDataForkOffset: ends[i - 1] ?? 0,
      sectorCount: 64,
      ...(i === 0 ? { xmlOffset: part.length, xmlLength: list.length } : {}),
    });
    file.write(0, Buffer.concat([part, ...(i === 0 ? [list] : []), koly]));
    file.close();
  }
  return store;
}

function open(store: MemoryStore, passphrase?: Uint8Array, path = 'big.dmg') {
  return openImage(store, path, { writable: false, waitLock: 0, holder, allowTimeMachine: false, passphrase });
}

const bytesOf = (store: MemoryStore, path: string): Buffer => {
  const file = store.open(path, 'read');
  const bytes = Buffer.alloc(file.size());
  file.read(0, bytes);
  return bytes;
};

/** The same files, each encrypted by itself. */
function encrypted(plain: MemoryStore, passphrases: readonly string[]): MemoryStore {
  const store = new MemoryStore();
  for (const [i, { name }] of plain.list('').entries()) {
    const file = store.open(name, 'create');
    const passphrase = Buffer.from(passphrases[i] ?? '');
    const secret = { encryption: 'aes-256', passphrase, kdfRounds: 1, holder } as const;
    const clear =
      passphrase.length > 0
        ? encryptedFile(store, name, file, { ...secret, format: 'sparseimage', size: 0 })
        : { file };
    clear.file.write(0, bytesOf(plain, name));
    clear.file.sync();
    clear.file.close();
  }
  return store;
}

test('names', () => {
  expect([segmentPath('a/b.dmg', 2), segmentPath('b.DMG', 12), segmentPath('b', 1000)]).toEqual([
    'a/b.002.dmgpart',
    'b.012.dmgpart',
    'b.1000.dmgpart',
  ]);
});

test.each([[[]], [[1000]], [[5, 6, 7]], [[coded.length]], [[300, coded.length + 1, fork.length - 1]]])(
  'cut at %j: chunks go on in the next file',
  (cuts) => {
    const image = open(segmented(cuts));
    const disk = new Uint8Array(image.device.size);
    image.device.read(0, disk);
    expect(Buffer.compare(disk, clear)).toBe(0);
    expect([...image.verify()]).toEqual([]);
    image.close();
  },
);

test('a segment that is missing, of another image, or not the first', () => {
  const missing = segmented([100, 200]);
  missing.remove(segmentPath('big.dmg', 3));
  const problem = expect.objectContaining({
    code: 'segment-missing',
    message: 'big.dmg lacks segment 3 of 3: big.003.dmgpart is not there',
  });
  expect(() => open(missing)).toThrow(problem);
  expect(() => imageFacts(missing, 'big.dmg')).toThrow(problem);
  const mixed = segmented([100]);
  const other = segmented([100], 8).open(segmentPath('big.dmg', 2), 'read');
  const bytes = new Uint8Array(other.size());
  other.read(0, bytes);
  const file = mixed.open(segmentPath('big.dmg', 2), 'write');
  file.write(0, bytes);
  expect(() => open(mixed)).toThrow(CorruptError);
  const short = segmented([100]);
  short.open(segmentPath('big.dmg', 2), 'write').truncate(600);
  expect(() => open(short)).toThrow(CorruptError);
});

test('one that is not the first says which file to open', () => {
  const store = segmented([100, 200]);
  const problem = expect.objectContaining({
    code: 'segment-not-first',
    message: 'big.002.dmgpart is segment 2 of 3 of an image: open the first of its files, big.dmg',
  });
  expect(() => open(store, undefined, 'big.002.dmgpart')).toThrow(problem);
  expect(() => imageFacts(store, 'big.002.dmgpart')).toThrow(problem);
  store.rename('big.003.dmgpart', 'other.dmg');
  expect(() => open(store, undefined, 'other.dmg')).toThrow(/^other\.dmg is segment 3 of 3 .* its files$/);
  const secret = encrypted(segmented([100, 200]), ['x', 'x', 'x']);
  expect(() => open(secret, Buffer.from('x'), 'big.002.dmgpart')).toThrow(problem);
});

test('encrypted, each file by itself: read by one passphrase, and not changed to another', () => {
  const store = encrypted(segmented([300, 900]), ['x', 'x', 'x']);
  const passphrase = Buffer.from('x');
  const image = open(store, passphrase);
  const disk = new Uint8Array(image.device.size);
  image.device.read(0, disk);
  expect(Buffer.compare(disk, clear)).toBe(0);
  expect([image.format, [...image.verify()], image.facts().size]).toEqual(['udzo', [], clear.length]);
  image.close();
  expect(segmentsBeside(store, 'big.dmg').length).toBe(2);
  const whole = ['big.dmg', ...segmentsBeside(store, 'big.dmg')].map((path) => bytesOf(store, path).length);
  expect(imageFacts(store, 'big.dmg').hostBytes).toBeGreaterThan(Math.max(...whole));
  expect(() => open(store, Buffer.from('y'))).toThrow(PassphraseError);
  expect(() => open(store)).toThrow(PassphraseError);
  const change = { holder, waitLock: 0, current: passphrase, next: Buffer.from('z'), kdfRounds: 1 };
  expect(() => passwd(store, 'big.dmg', change)).toThrow(/in several files/);
});

test('a segment that is clear, cut off, or encrypted by another passphrase', () => {
  const passphrase = Buffer.from('x');
  expect(() => open(encrypted(segmented([300, 900]), ['x', '', 'x']), passphrase)).toThrow(
    /is not encrypted as the first/,
  );
  expect(() => open(encrypted(segmented([300, 900]), ['x', 'x', 'y']), passphrase)).toThrow(PassphraseError);
  const cut = encrypted(segmented([300, 900]), ['x', 'x', 'x']);
  const file = cut.open(segmentPath('big.dmg', 2), 'write');
  file.truncate(file.size() - 512);
  expect(() => open(cut, passphrase)).toThrow(CorruptError);
});
