// Images of which parts are gone: what of their disks is still there, and what is told to be nowhere.

import { type BlockDevice, MemoryDevice, WindowDevice } from '@tintype/core';
import { MemoryStore, Random } from '@tintype/testkit';
import { beforeEach, expect, test } from 'vitest';
import { holder } from '../containers.testing.js';
import { createImage } from '../create.js';
import { openImage } from '../open.js';
import { partitionMap, writePartitionMap } from '../partitions/map.js';
import { LongerDevice } from './longer-device.js';
import { openRuin, type Ruin } from './open-ruin.js';
import { searchPartitions } from './search.js';
import { statedSize } from './stated-size.js';

const MIB = 1 << 20;
const SIZE = 12 * MIB;
const random = (target: Uint8Array) => new Random(1).fill(target);
const passphrase = () => Buffer.from('open sesame');

let store = new MemoryStore();
let content: Uint8Array = new Uint8Array();

beforeEach(() => {
  store = new MemoryStore();
  content = new Random(5).bytes(SIZE);
});

interface Made {
  readonly format: 'sparsebundle' | 'sparseimage' | 'udrw';
  readonly isEncrypted?: boolean;
}

/** An image full of noise but for its partition map. */
function made(path: string, { format, isEncrypted = false }: Made): void {
  const image = createImage(store, path, {
    format,
    size: SIZE,
    bandSize: MIB,
    holder,
    waitLock: 0,
    ...(isEncrypted ? { encryption: 'aes-128', passphrase: passphrase(), kdfRounds: 1000 } : {}),
  });
  image.device.write(0, content);
  const partition = writePartitionMap(image.device, { scheme: 'gpt', type: 'Apple_HFS', random });
  image.device.read(0, content);
  expect(partition.start).toBe(20_480);
  image.close();
}

/** Equal but for the given ranges. */
function expectContent({ device }: Pick<Ruin, 'device'>, gone: readonly (readonly [number, number])[] = []): void {
  const bytes = new Uint8Array(SIZE);
  device.read(0, bytes);
  const wanted = content.slice();
  for (const [start, length] of gone) {
    wanted.fill(0, start, start + length);
    expect(device.extent(start)).toMatchObject({ kind: 'zero' });
  }
  expect(Buffer.compare(bytes, wanted)).toBe(0);
}

test('a bundle without property lists, with bands gone, too long and unreadable', () => {
  made('a', { format: 'sparsebundle' });
  store.remove('a/Info.plist');
  store.remove('a/Info.bckup');
  store.remove('a/bands/3');
  const long = store.open('a/bands/5', 'write');
  long.write(MIB, new Uint8Array(700).fill(9));
  long.close();
  store.remove('a/bands/7');
  store.makeFolder('a/bands/7');
  const ruin = openRuin(store, 'a');
  expect(ruin.findings.map(({ kind }) => kind)).toEqual(['info-plist']);
  expect(ruin.device.size).toBe(SIZE);
  expectContent(ruin, [
    [3 * MIB, MIB],
    [7 * MIB, MIB],
  ]);
  ruin.close();
});

test('bands from the end are known by the partition map', () => {
  made('a', { format: 'sparsebundle' });
  for (const name of ['Info.plist', 'Info.bckup', 'bands/b', 'bands/a']) store.remove(`a/${name}`);
  const ruin = openRuin(store, 'a');
  expect(ruin.findings.map(({ kind }) => kind)).toEqual(['info-plist', 'disk-cut-off']);
  expectContent(ruin, [[10 * MIB, 2 * MIB]]);
});

test.each([{ format: 'sparsebundle' }, { format: 'udrw' }] as const)('encrypted: %s', ({ format }) => {
  made('a', { format, isEncrypted: true });
  expect(() => openRuin(store, 'a')).toThrow(/passphrase/);
  expect(() => openRuin(store, 'a', Buffer.from('wrong'))).toThrow(/passphrase/);
  if (format === 'sparsebundle') store.remove('a/bands/4');
  const ruin = openRuin(store, 'a', passphrase());
  expectContent(ruin, format === 'sparsebundle' ? [[4 * MIB, MIB]] : []);
});

test('a sparse image without its header, and one whose table is gone, too', () => {
  made('a.sparseimage', { format: 'sparseimage' });
  const file = store.open('a.sparseimage', 'write');
  file.write(0, new Uint8Array(64));
  const ruin = openRuin(store, 'a.sparseimage');
  expect(ruin.format).toBe('sparseimage');
  expectContent(ruin);
  file.write(0, new Random(3).bytes(4096));
  expect(openRuin(store, 'a.sparseimage').format).toBe('udrw');
});

test('a raw image that was cut off ends with what is nowhere', () => {
  made('a.dmg', { format: 'udrw' });
  const file = store.open('a.dmg', 'write');
  file.truncate(5 * MIB);
  file.close();
  expectContent(openRuin(store, 'a.dmg'), [[5 * MIB, SIZE - 5 * MIB]]);
});

test('no lock is asked for: an image that is being written can be read', () => {
  made('a', { format: 'sparsebundle' });
  const writer = openImage(store, 'a', { writable: true, waitLock: 0, holder, allowTimeMachine: false });
  expectContent(openRuin(store, 'a'));
  writer.close();
});

function volumeHeader(blocks: number): Uint8Array {
  const bytes = new Uint8Array(512);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x482b_0004);
  view.setUint32(40, 4096);
  view.setUint32(44, blocks);
  return bytes;
}

test('file systems are found without a map, by either header', () => {
  const disk: BlockDevice = new MemoryDevice(new Uint8Array(8 * MIB));
  disk.write(20_480 + 1024, volumeHeader(256));
  disk.write(20_480 + MIB - 1024, volumeHeader(256));
  disk.write(5 * MIB - 1024, volumeHeader(256));
  const found = searchPartitions(disk);
  expect(found.map(({ start, size, type }) => [start, size, type])).toEqual([
    [20_480, MIB, 'Apple_HFS'],
    [4 * MIB, MIB, 'Apple_HFS'],
  ]);
  expect(partitionMap(new WindowDevice(disk, 0, MIB)).scheme).toBe('none');
});

test('what a disk says of its size is not believed when it cannot be', () => {
  expect(statedSize(new MemoryDevice(new Uint8Array(512)))).toBe(0);
  const head = new Uint8Array(8192);
  head.set(volumeHeader(100), 1024);
  expect(statedSize(new MemoryDevice(head))).toBe(409_600);
  head.set(Buffer.from('EFI PART'), 512);
  head.fill(255, 512 + 32, 512 + 40);
  expect(statedSize(new MemoryDevice(head))).toBe(0);
  const longer = new LongerDevice(new MemoryDevice(head), 10_000);
  const tail = new Uint8Array(2000).fill(1);
  longer.read(8000, tail);
  expect(tail.subarray(192).every((byte) => byte === 0)).toBe(true);
  expect(longer.writable).toBe(false);
  expect(() => longer.write()).toThrow(/read-only/);
});
