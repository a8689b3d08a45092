import { CorruptError, MemoryDevice, UnsupportedError } from '@tintype/core';
import { plainAttributes, Random, SparseDevice } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { sample, sampleNames, sampleTest } from './check/sample.testing.js';
import { hfsplus } from './driver.js';
import { Journal } from './journal.js';
import { readVolumeHeader } from './mounted.js';
import { VolumeHeader } from './structs/volume-header.js';
import { volumeUuid } from './uuid.js';

const MIB = 1 << 20;
const options = {
  volumeName: 'Émile: 1/2',
  caseSensitive: false,
  now: 1_700_000_000,
  random: (target: Uint8Array) => new Random(7).fill(target),
  uid: 501,
  gid: 20,
};
const mount = { writable: true, now: () => 1_700_000_000, random: options.random };

function formatted(caseSensitive = false): SparseDevice {
  const device = new SparseDevice(10 * MIB);
  hfsplus.format(device, { ...options, volumeName: 'Émile: 1', caseSensitive });
  return device;
}

function put32(device: SparseDevice, position: number, value: number): void {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  device.write(position, bytes);
}

describe('probe', () => {
  test.each([false, true])('a new volume, case-sensitive: %s', (caseSensitive) => {
    const device = formatted(caseSensitive);
    const { finderInfo } = readVolumeHeader(device);
    expect(hfsplus.probe(device)).toEqual({
      kind: 'hfs+',
      volumes: [
        {
          name: 'Émile: 1',
          uuid: volumeUuid(finderInfo),
          caseSensitive,
          capacity: 10 * MIB,
          free: readVolumeHeader(device).freeBlocks * 4096,
          files: 0,
          directories: 0,
          writer: '10.0',
          dirty: false,
          isEncrypted: false,
          snapshots: [],
        },
      ],
    });
  });

  sampleTest.each(sampleNames)('of a volume made elsewhere, %s: what a walk finds', (name) => {
    const device = new MemoryDevice(sample(name).bytes);
    const counts = { files: 0, directories: 0 };
    const volume = hfsplus.open(device, { ...mount, writable: false }).volumes[0];
    if (!volume) throw new Error('there is a volume');
    for (const folders = [volume.root.id]; folders.length > 0; ) {
      for (const item of volume.list(folders.pop() ?? 0)) {
        if (item.kind === 'directory') folders.push(item.id);
        counts[item.kind === 'directory' ? 'directories' : 'files'] += 1;
      }
    }
    expect(counts.files).toBeGreaterThan(0);
    const { name: volumeName, uuid } = volume;
    expect(hfsplus.probe(device)?.volumes).toEqual([
      expect.objectContaining({ ...counts, name: volumeName, uuid, dirty: false, caseSensitive: false }),
    ]);
  });

  test('counts what waits in the journal, and calls the volume dirty', () => {
    const device = formatted();
    const fileSystem = hfsplus.open(device, mount);
    const volume = fileSystem.volumes[0];
    volume?.create(volume.root.id, [
      { ...plainAttributes, kind: 'file', name: 'a', size: 0, target: '', rdevMajor: 0, rdevMinor: 0 },
    ]);
    fileSystem.commit();
    fileSystem.abandon();
    expect(hfsplus.probe(device)?.volumes[0]).toMatchObject({ files: 1, dirty: true });
    // As if the power had gone before the header came home.
    const header = readVolumeHeader(device);
    const bytes = new Uint8Array(512);
    VolumeHeader.write(new DataView(bytes.buffer), 0, { ...header, fileCount: 7 });
    Journal.open(device, header)?.commit([{ position: 1024, bytes }]);
    expect(hfsplus.probe(device)?.volumes[0]).toMatchObject({ files: 5, dirty: true });
    expect(hfsplus.recover(device)).toBe(true);
    expect(hfsplus.recover(device)).toBe(false);
    expect(readVolumeHeader(device).fileCount).toBe(7);
  });

  test.each([
    ['an empty disk', (device: SparseDevice) => device.zero(0, device.size)],
    ['half of a signature', (device: SparseDevice) => device.write(1024, Uint8Array.of(0x48, 0x2b, 0, 5))],
  ])('knows nothing of %s', (_what, change) => {
    const device = formatted();
    device.zero(device.size - 1024, 512);
    change(device);
    expect(hfsplus.probe(device)).toBe(null);
  });

  test('of disks smaller than any volume', () => {
    for (const size of [0, 512, 1536, 4095]) expect(hfsplus.probe(new MemoryDevice(new Uint8Array(size)))).toBe(null);
  });

  test('tells a volume by its alternate header, though it cannot be read', () => {
    const device = formatted();
    device.zero(1024, 512);
    expect(() => hfsplus.probe(device)).toThrow(/only the alternate one/);
    put32(device, device.size - 1024 + VolumeHeader.at.totalBlocks, 2000);
    expect(hfsplus.probe(device)).toBe(null);
  });

  test('a volume larger than its disk is damaged', () => {
    const device = formatted();
    put32(device, 1024 + VolumeHeader.at.totalBlocks, 1 << 30);
    expect(() => hfsplus.probe(device)).toThrow(CorruptError);
  });
});

test('what is not text in the name of the last writer is not shown', () => {
  const device = formatted();
  put32(device, 1024 + VolumeHeader.at.lastMountedVersion, 0x1b5b_3241);
  expect(hfsplus.probe(device)?.volumes[0]?.writer).toBe('?[2A');
});

test('a name that cannot be one is refused', () => {
  expect(() => hfsplus.format(new SparseDevice(10 * MIB), options)).toThrow(UnsupportedError);
});
