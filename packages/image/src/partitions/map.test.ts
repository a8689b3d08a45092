// Partition maps: the bytes of new ones against those that macOS wrote, reading of real ones, and hostile ones.

import { type BlockDevice, CorruptError, crc32, MemoryDevice, UnsupportedError } from '@tintype/core';
import { fixture, fixtureBytes, Random, SparseDevice } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { BytesFile } from '../bytes-file.testing.js';
import { readKoly } from '../udif/koly.js';
import { UdifDevice } from '../udif/reader.js';
import { readApm, writeApm } from './apm.js';
import { guidBytes, guidText, readGpt, writeGpt } from './gpt.js';
import { partitionMap, writePartitionMap } from './map.js';
import { GptEntry, GptHeader } from './structs.js';

const MiB = 1 << 20;
const random = (target: Uint8Array): void => new Random(1).fill(target);

function diskOf(name: string): BlockDevice {
  const bytes = fixtureBytes(name);
  const file = new BytesFile(bytes);
  const koly = readKoly(file);
  return koly ? new UdifDevice(file, koly) : new MemoryDevice(bytes);
}

function bytesAt(device: BlockDevice, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  device.read(position, bytes);
  return bytes;
}

describe.each([
  ['apfs/basic-udzo.dmg', 'Apple_APFS'],
  ['hfsplus/basic-udzo.dmg', 'Apple_HFS'],
  ['udif/apfs-empty-zlib.dmg', 'Apple_APFS'],
  ['udif/apfs-empty-lzfse.dmg', 'Apple_APFS'],
  ['apfs/container-udzo.dmg', 'Apple_APFS'],
  ['hfsplus/dfvfs-udzo.dmg', 'Apple_HFS'],
] as const)('%s', (name, type) => {
  const skip = fixture(name).skip;

  test.skipIf(skip)('a new table of the same size has the same bytes', () => {
    const made = diskOf(name);
    const guids = [bytesAt(made, 1024 + 16, 16), bytesAt(made, 512 + 56, 16)];
    const ours = new SparseDevice(made.size);
    const partition = writeGpt(ours, type, (target) => target.set(guids.shift() ?? new Uint8Array(16)));
    const head = 34 * 512;
    const tail = 33 * 512;
    expect(bytesAt(ours, 0, head).equals(bytesAt(made, 0, head))).toBe(true);
    expect(bytesAt(ours, made.size - tail, tail).equals(bytesAt(made, made.size - tail, tail))).toBe(true);
    expect(partitionMap(made)).toEqual({ scheme: 'gpt', blockSize: 512, partitions: [partition], findings: [] });
  });
});

test.skipIf(fixture('hfsplus/apm.img.gz').skip)('an Apple partition map that macOS made is read', () => {
  const disk = diskOf('hfsplus/apm.img.gz');
  const { scheme, partitions, findings } = partitionMap(disk);
  expect([scheme, findings]).toEqual(['apm', []]);
  expect(partitions.map(({ type, name, start }) => [type, name, start])).toEqual([
    ['Apple_partition_map', 'Apple', 512],
    ['Apple_HFS', 'disk image', 64 * 512],
  ]);
  expect(bytesAt(disk, 64 * 512 + 1024, 2).toString()).toBe('H+');
});

test.skipIf(fixture('hfsplus/apm.img.gz').skip)('a new Apple partition map has the bytes of the real one', () => {
  const made = diskOf('hfsplus/apm.img.gz');
  const ours = new SparseDevice(made.size);
  writeApm(ours, 'Apple_HFS');
  expect(bytesAt(ours, 0, 512)).toEqual(bytesAt(made, 0, 512));
  const [own, real] = [bytesAt(ours, 512, 1024), bytesAt(made, 512, 1024)];
  // The real one has no gap at its end: one entry fewer, and a longer volume.
  for (const at of [4, 512 + 4, 512 + 12, 512 + 84]) for (const map of [own, real]) map.writeUInt32BE(0, at);
  expect(own).toEqual(real);
});

test.skipIf(fixture('udif/hfsplus-apm-data-offset.dmg').skip)('a map of 2003 is read', () => {
  const map = readApm(diskOf('udif/hfsplus-apm-data-offset.dmg'));
  expect(map?.partitions.map(({ type }) => type)).toEqual(['Apple_partition_map', 'Apple_HFS', 'Apple_Free']);
  expect(map?.findings).toEqual([]);
});

test.skipIf(fixture('hfsplus/small-nolayout.raw.gz').skip)('a volume without a map is the whole disk', () => {
  for (const name of ['hfsplus/small-nolayout.raw.gz', 'apfs/dfvfs-apfs.raw.gz']) {
    const disk = diskOf(name);
    const whole = { index: 0, type: '', name: '', start: 0, size: disk.size };
    expect(partitionMap(disk)).toMatchObject({ scheme: 'none', partitions: [whole], findings: [] });
  }
});

describe('GUIDs', () => {
  test('the first three fields are little endian', () => {
    const text = '48465300-0000-11AA-AA11-00306543ECAC';
    expect(Buffer.from(guidBytes(text)).toString('hex')).toBe('005346480000aa11aa1100306543ecac');
    expect(guidText(guidBytes(text))).toBe(text);
  });
});

function newDisk(scheme: 'gpt' | 'apm', size = 4 * MiB): Uint8Array {
  const bytes = new Uint8Array(size);
  writePartitionMap(new MemoryDevice(bytes), { scheme, type: 'Apple_HFS', random });
  return bytes;
}

/** Makes the checksums right again, so that a changed field is what is judged. */
function resealed(bytes: Uint8Array, headerAt: number): void {
  const view = new DataView(bytes.buffer);
  const at = headerAt + GptHeader.at.entriesCrc32;
  const entries = Number(view.getBigUint64(headerAt + GptHeader.at.partitionEntryLba, true)) * 512;
  const length = view.getUint32(headerAt + GptHeader.at.numberOfEntries, true) * 128;
  if (entries + length <= bytes.length) view.setUint32(at, crc32(bytes.subarray(entries, entries + length)), true);
  view.setUint32(headerAt + GptHeader.at.headerCrc32, 0, true);
  const size = Math.min(512, view.getUint32(headerAt + GptHeader.at.headerSize, true));
  view.setUint32(headerAt + GptHeader.at.headerCrc32, crc32(bytes.subarray(headerAt, headerAt + size)), true);
}

describe('GUID partition tables that are damaged', () => {
  test('the backup is used where the primary is bad or gone, and that is a finding', () => {
    for (const damage of [512, 512 + 60, 1024 + 3]) {
      const bytes = newDisk('gpt');
      bytes[damage] = (bytes[damage] as number) ^ 0xff;
      const map = partitionMap(new MemoryDevice(bytes));
      expect(map.partitions).toHaveLength(1);
      expect(map.findings.map(({ kind }) => kind)).toEqual(['gpt-primary']);
    }
  });
  test('a bad backup is a warning', () => {
    const bytes = newDisk('gpt');
    bytes[bytes.length - 512] = 0;
    const { partitions, findings } = partitionMap(new MemoryDevice(bytes));
    expect([partitions.length, findings[0]?.kind, findings[0]?.severity]).toEqual([1, 'gpt-backup', 'warning']);
  });
  test('a disk that became larger has no backup at its end', () => {
    const bytes = new Uint8Array(5 * MiB);
    bytes.set(newDisk('gpt'));
    expect(partitionMap(new MemoryDevice(bytes)).findings.map(({ kind }) => kind)).toEqual(['gpt-backup']);
  });
  test('what is left of a table behind a volume without a map means nothing', () => {
    const bytes = newDisk('gpt');
    bytes.fill(0, 0, 40 * 512);
    expect(partitionMap(new MemoryDevice(bytes)).scheme).toBe('gpt');
    bytes.set(Buffer.from('H+\0\x04', 'latin1'), 1024);
    expect(partitionMap(new MemoryDevice(bytes))).toMatchObject({ scheme: 'none', findings: [] });
  });
  const fields: [keyof typeof GptHeader.at, number][] = [
    ['headerSize', 91],
    ['headerSize', 513],
    ['headerSize', 0xffff_ffff],
    ['myLba', 7],
    ['partitionEntryLba', 0xffff_ffff],
    ['numberOfEntries', 0xffff_ffff],
    ['numberOfEntries', 1025],
    ['sizeOfEntry', 0],
    ['sizeOfEntry', 129],
    ['sizeOfEntry', 8192],
  ];
  test.each(fields)('%s %i in both headers is refused with its place', (field, value) => {
    const bytes = newDisk('gpt');
    for (const header of [512, bytes.length - 512]) {
      new DataView(bytes.buffer).setUint32(header + GptHeader.at[field], value, true);
      resealed(bytes, header);
    }
    const open = (): unknown => partitionMap(new MemoryDevice(bytes));
    expect(open).toThrow(CorruptError);
    expect(open).toThrow(expect.objectContaining({ structure: 'GPT header', place: 512 }));
  });
  const entries: [string, [bigint, bigint][]][] = [
    ['ends before it begins', [[50n, 49n]]],
    ['lies outside the disk', [[50n, 1_000_000n]]],
    ['begins at an address of 2^53', [[2n ** 53n, 2n ** 53n + 1n]]],
    ['has addresses of all ones', [[2n ** 64n - 1n, 2n ** 64n - 1n]]],
    [
      'overlaps the next',
      [
        [50n, 60n],
        [60n, 70n],
      ],
    ],
    [
      'lies within another',
      [
        [50n, 90n],
        [60n, 70n],
      ],
    ],
  ];
  test.each(entries)('a partition that %s is refused', (_what, places) => {
    const bytes = newDisk('gpt');
    const view = new DataView(bytes.buffer);
    for (const [header, table] of [
      [512, 1024],
      [bytes.length - 512, bytes.length - 33 * 512],
    ] as const) {
      for (const [i, [first, last]] of places.entries()) {
        const at = table + i * 128;
        bytes.set(guidBytes('48465300-0000-11AA-AA11-00306543ECAC'), at);
        view.setBigUint64(at + GptEntry.at.startingLba, first, true);
        view.setBigUint64(at + GptEntry.at.endingLba, last, true);
      }
      resealed(bytes, header);
    }
    expect(() => partitionMap(new MemoryDevice(bytes))).toThrow(CorruptError);
  });
  test('blocks of 4096 bytes are found', () => {
    const bytes = new Uint8Array(8 * MiB);
    bytes.set(newDisk('gpt').subarray(0, 512));
    const view = new DataView(bytes.buffer);
    const entryTable = new Uint8Array(16_384);
    entryTable.set(newDisk('gpt').subarray(1024, 1024 + 128));
    new DataView(entryTable.buffer).setBigUint64(GptEntry.at.startingLba, 6n, true);
    new DataView(entryTable.buffer).setBigUint64(GptEntry.at.endingLba, 100n, true);
    for (const [own, table] of [
      [1, 2],
      [2047, 2043],
    ] as const) {
      bytes.set(newDisk('gpt').subarray(512, 1024), own * 4096);
      bytes.set(entryTable, table * 4096);
      view.setBigUint64(own * 4096 + GptHeader.at.myLba, BigInt(own), true);
      view.setBigUint64(own * 4096 + GptHeader.at.partitionEntryLba, BigInt(table), true);
      view.setUint32(own * 4096 + GptHeader.at.entriesCrc32, crc32(entryTable), true);
      view.setUint32(own * 4096 + GptHeader.at.headerCrc32, 0, true);
      const sum = crc32(bytes.subarray(own * 4096, own * 4096 + 92));
      view.setUint32(own * 4096 + GptHeader.at.headerCrc32, sum, true);
    }
    expect(partitionMap(new MemoryDevice(bytes))).toMatchObject({
      blockSize: 4096,
      partitions: [{ start: 6 * 4096, size: 95 * 4096 }],
      findings: [],
    });
  });
  test('a disk without room for a table is refused', () => {
    expect(() => writeGpt(new SparseDevice(80 * 512), 'Apple_HFS', random)).toThrow(UnsupportedError);
    const smallest = new SparseDevice(81 * 512);
    expect(writeGpt(smallest, 'Apple_HFS', random)).toMatchObject({ start: 40 * 512, size: 8 * 512 });
    expect(readGpt(smallest)?.findings).toEqual([]);
  });
});

describe('Apple partition maps that are damaged', () => {
  test.each([
    ['counts 4 billion entries', 4, 0xffff_ffff, 3, 2],
    ['has no entries', 4, 0, 0, 0],
    ['has a partition past the end', 512 + 12, 0xffff_ffff, 2, 1],
    ['begins past the end', 512 + 8, 0xffff_ffff, 2, 1],
    ['has an entry without signature', 512, 0, 1, 1],
  ])('one that %s yields the partitions that are there', (_what, at, value, partitions, findings) => {
    const bytes = newDisk('apm');
    new DataView(bytes.buffer).setUint32(512 + at, value);
    const map = partitionMap(new MemoryDevice(bytes));
    expect(map).toMatchObject({ scheme: 'apm' });
    expect(map.partitions).toHaveLength(partitions);
    expect(map.findings).toHaveLength(findings);
  });
  test('a map in blocks of 2048 bytes alone is read in these', () => {
    const bytes = new Uint8Array(4 * MiB);
    const own = newDisk('apm');
    for (let i = 0; i <= 3; i += 1) bytes.set(own.subarray(i * 512, (i + 1) * 512), i * 2048);
    new DataView(bytes.buffer).setUint32(2 * 2048 + 12, 100);
    const map = partitionMap(new MemoryDevice(bytes));
    expect(map.partitions[1]).toMatchObject({ start: 64 * 2048, size: 100 * 2048 });
    expect(map.findings).toMatchObject([{ kind: 'apm-entry', place: 'partition map entry 3' }]);
  });
  test('one with a disk too small or too large is refused', () => {
    expect(() => writeApm(new SparseDevice(74 * 512), 'Apple_HFS')).toThrow(UnsupportedError);
    const options = { scheme: 'apm', type: 'Apple_HFS', random } as const;
    expect(() => writePartitionMap(new SparseDevice(2 ** 41 + 512), options)).toThrow(UnsupportedError);
    expect(writePartitionMap(new SparseDevice(2 ** 41), options).size).toBe((2 ** 32 - 74) * 512);
  });
});

describe('master boot records', () => {
  function mbr(...entries: [type: number, start: number, length: number][]): MemoryDevice {
    const bytes = new Uint8Array(MiB);
    bytes.set([0x55, 0xaa], 510);
    const view = new DataView(bytes.buffer);
    for (const [i, [type, start, length]] of entries.entries()) {
      bytes[446 + i * 16 + 4] = type;
      view.setUint32(446 + i * 16 + 8, start, true);
      view.setUint32(446 + i * 16 + 12, length, true);
    }
    return new MemoryDevice(bytes);
  }
  test('partitions are read by their type', () => {
    expect(partitionMap(mbr([0xaf, 1, 100], [0x0c, 200, 10], [0x83, 300, 1]))).toMatchObject({
      scheme: 'mbr',
      partitions: [
        { index: 0, type: 'Apple_HFS', start: 512, size: 51_200 },
        { index: 1, type: 'DOS_FAT_32', start: 102_400 },
        { index: 2, type: '0x83' },
      ],
    });
  });
  test('those that lie outside the disk are not there; without any it is no table', () => {
    const outside: [number, number, number][] = [
      [0xaf, 0xffff_ffff, 0xffff_ffff],
      [0xaf, 0, 100],
      [0xaf, 10, 0],
      [0xaf, 2048, 1],
    ];
    expect(partitionMap(mbr(...outside)).scheme).toBe('none');
    expect(partitionMap(new MemoryDevice(new Uint8Array(512))).scheme).toBe('none');
  });
});
