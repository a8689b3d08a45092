// Containers with blocks of all sizes, laid out by code that shares nothing with what reads them: no system makes such disks,
// but for 4096. Those of 4096 are there to try the layout itself, which apfsck judges.

import { CorruptError, UnsupportedError } from '@tintype/core';
import { SparseDevice, snapshotOf, withOracle } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { expectApfsckContent, mountOptions } from '../container.testing.js';
import { apfs } from '../driver.js';
import { isMissing, PASSPHRASE } from '../sample.testing.js';
import { type Assembled, assemble } from './container.testing.js';
import { bytesOf, finish, put64 } from './objects.testing.js';
import { encryptedSample, kindsOf, sampleOf, treeOf, volumesOf } from './samples.testing.js';

const BYTES = 96 << 20;
const REFUSED = [8192, 16_384, 32_768, 65_536];
const SIZES = [4096, ...REFUSED];

function difficult(blockSize: number, most?: number): Assembled {
  const { source } = sampleOf('difficult');
  const volumes = [{ source, snapshot: 'kept' }];
  return assemble({ blockSize, bytes: BYTES, longestExtent: 2, volumes, ...(most === undefined ? {} : { most }) });
}
/** The same, but whoever writes to it fails. */
function fixed({ device }: Assembled): SparseDevice {
  return new SparseDevice(device.bytes, { writable: false });
}

describe.each(SIZES)('a container with blocks of %i bytes', (blockSize) => {
  test.skipIf(isMissing('basic'))('reads as macOS wrote it', () => {
    const { source, tree } = sampleOf('macos');
    const { device } = assemble({ blockSize, bytes: BYTES, volumes: [{ source }] });
    expect(treeOf(device)).toEqual(tree);
    expect(kindsOf(device)).toEqual([]);
  });
  test.each([undefined, 7])('holds hundreds of files, in nodes of %s entries', (most) => {
    const { tree } = sampleOf('difficult');
    const { device, volumes } = difficult(blockSize, most);
    expect(volumes[0]?.files.level).toBeGreaterThan(most === undefined ? 0 : 2);
    expect(treeOf(device)).toEqual(tree);
    expect(kindsOf(device)).toEqual([]);
    const [volume] = volumesOf(device);
    const [kept] = volume?.snapshots ?? [];
    expect(kept?.name).toBe('kept');
    expect(volume && snapshotOf(volume.openSnapshot(kept?.xid ?? 0))).toEqual(tree);
  });
  test.skipIf(isMissing('filevault'))('is read where its volume is encrypted', () => {
    const { draft, tree } = encryptedSample();
    const { device, volumes } = assemble({ blockSize, bytes: BYTES, longestExtent: 2, most: 7, ...draft });
    const [volume] = volumesOf(device, PASSPHRASE);
    expect(volume && snapshotOf(volume)).toEqual(tree);
    expect(kindsOf(device, PASSPHRASE)).toEqual([]);
    expect(kindsOf(device)).toEqual(['volume-locked']);
    for (const { block } of volumes[0]?.omap.nodes ?? []) device.zero(block * blockSize, blockSize);
    const [found] = apfs.salvage(device, { passphrase: PASSPHRASE });
    expect(found && snapshotOf(found.volume)).toEqual(tree);
  });
  test('counts its space in these blocks', () => {
    const { device, layout } = difficult(blockSize);
    const fileSystem = apfs.open(device, { ...mountOptions, writable: false });
    expect(fileSystem.blockSize).toBe(blockSize);
    expect(fileSystem.capacity).toBe(layout.count * blockSize);
    const free = [...(fileSystem.freeRanges() ?? [])].reduce((sum, { length }) => sum + length, 0);
    expect(free).toBe(fileSystem.free);
    expect(apfs.probe(device)?.volumes[0]).toMatchObject({ free, files: 351, dirty: false });
    const [volume] = fileSystem.volumes;
    const item = volume?.lookup(volume.root.id, 'clone');
    expect(item?.allocated).toBe(blockSize * Math.ceil(1_000_000 / blockSize));
  });
  test('is salvaged whole, also without its first block', () => {
    const { device } = difficult(blockSize);
    device.zero(0, blockSize);
    const [found] = apfs.salvage(device, {});
    expect(found && snapshotOf(found.volume)).toEqual(sampleOf('difficult').tree);
  });
  test('is salvaged from its nodes where the map of its objects is gone', () => {
    const { device, volumes } = difficult(blockSize);
    for (const { block } of volumes[0]?.omap.nodes ?? []) device.zero(block * blockSize, blockSize);
    expect(() => treeOf(device)).toThrow(CorruptError);
    const [found] = apfs.salvage(device, {});
    expect(found && snapshotOf(found.volume)).toEqual(sampleOf('difficult').tree);
  });
  test('that lost a node of its files says so, wherever it is read', () => {
    const { device, volumes } = difficult(blockSize);
    const block = volumes[0]?.files.nodes[1]?.block ?? 0;
    device.zero(block * blockSize + blockSize - 100, 1);
    device.write(block * blockSize + blockSize - 100, Buffer.from([0x77]));
    expect(() => treeOf(device)).toThrow(/checksum/);
    expect(kindsOf(device)).toContain('tree-node');
  });
  test('whose bitmap forgets blocks gets them back', () => {
    const { device, layout } = difficult(blockSize);
    const place = layout.pool.start * blockSize + (layout.first >>> 3);
    device.write(place, Buffer.from([0]));
    expect(kindsOf(device)).toEqual(expect.arrayContaining(['bitmap-missing', 'chunk-free-count']));
    expect(apfs.repair(device, { now: 0 }).length).toBeGreaterThan(0);
    expect(kindsOf(device)).toEqual([]);
  });
  test('gets its first block back', () => {
    const { device } = difficult(blockSize);
    device.zero(0, blockSize);
    expect(kindsOf(device)).toEqual(['copy-damaged']);
    expect(apfs.repair(device, { now: 0 })).toEqual(['wrote block 0 anew from the newest superblock']);
    expect(kindsOf(device)).toEqual([]);
  });
  test('shows its structures', () => {
    const { device, volumes } = difficult(blockSize);
    for (const place of ['superblock', 'copy', 'checkpoint', 'spaceman', 'omap', 'volume:0', 'omap:0', 'root:0'])
      expect([...apfs.inspect(device, place)].join('\n')).not.toContain('checksum does not hold');
    const leaf = volumes[0]?.files.nodes.at(-1)?.block ?? 0;
    expect([...apfs.inspect(device, `block:${leaf}`)].join('\n')).toContain('btree_node_phys');
  });
});

describe.each(REFUSED)('writing in blocks of %i bytes', (blockSize) => {
  test('is refused by name, and nothing is written', () => {
    const device = fixed(difficult(blockSize));
    const sentence = `containers with blocks of ${blockSize} bytes are only read`;
    expect(() => apfs.open(device, mountOptions)).toThrow(new UnsupportedError(sentence));
  });
  test('is what a repair of counts needs', () => {
    const container = difficult(blockSize);
    const head = new DataView(new ArrayBuffer(blockSize));
    const place = (container.volumes[0]?.superblock ?? 0) * blockSize;
    container.device.read(place, bytesOf(head));
    put64(head, 0xb8, 1);
    container.device.write(place, finish(head));
    const device = fixed(container);
    expect(kindsOf(device)).toEqual(['volume-count']);
    expect(() => apfs.repair(device, { now: 0 })).toThrow(/are only read/);
  });
});

test.skipIf(withOracle('apfsck').skip)('apfsck finds nothing wrong with the layout', () => {
  expectApfsckContent(difficult(4096).device);
  expectApfsckContent(difficult(4096, 7).device);
});
