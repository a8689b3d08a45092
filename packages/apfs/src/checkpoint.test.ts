// Choosing a checkpoint: the newest whole one, and an older one if that is torn.

import { expect, test } from 'vitest';
import { firstSuperblock, openCheckpoint } from './checkpoint.js';
import { formatted, mountOptions } from './container.testing.js';
import { apfs } from './driver.js';
import { NxSuperblock } from './structs/container.js';
import { BlockWriter } from './writing/block-writer.js';
import { Container } from './writing/container.js';

function committed(commits: number) {
  const device = formatted(8 << 20);
  const container = new Container(device, mountOptions);
  for (let i = 0; i < commits; i += 1) {
    for (const volume of container.volumes) volume.changed = true;
    container.commit();
  }
  return device;
}

test('the newest checkpoint is taken, though block 0 is older', () => {
  const checkpoint = openCheckpoint(committed(3));
  expect(checkpoint).toMatchObject({ xid: 4, isDirty: true, discarded: [] });
  expect(checkpoint.objects.length).toBeGreaterThanOrEqual(4);
});

test.each(['superblock', 'map', 'object'] as const)('a torn %s leads to the checkpoint before', (what) => {
  const device = committed(3);
  const { superblock } = openCheckpoint(device);
  const at = NxSuperblock.at;
  const index = superblock.getUint32(at.nx_xp_desc_index, true);
  const data = 1 + superblock.getUint32(at.nx_xp_desc_blocks, true) + superblock.getUint32(at.nx_xp_data_index, true);
  const block = { superblock: 1 + index + 1, map: 1 + index, object: data }[what];
  device.write(block * 4096 + 512, new Uint8Array(512).fill(0xdb));
  const older = openCheckpoint(device);
  expect(older.xid).toBe(3);
  expect(older.discarded).toHaveLength(what === 'superblock' ? 0 : 1);
});

test.each([true, false])(
  'who opens a container to write %j is told of a newest superblock that is damaged',
  (writable) => {
    const device = committed(3);
    apfs.open(device, { ...mountOptions, writable: true }).close();
    const { superblock, xid } = openCheckpoint(device);
    const block = 1 + superblock.getUint32(NxSuperblock.at.nx_xp_desc_index, true) + 1;
    device.write(block * 4096 + 512, new Uint8Array(512).fill(0xdb));
    const told: string[] = [];
    apfs
      .open(device, { ...mountOptions, writable, report: ({ kind, place }) => told.push(`${kind}: ${place}`) })
      .abandon();
    expect(told).toEqual([`checkpoint-discarded: checkpoint ${xid}`]);
  },
);

test('nothing but checkpoints of this container counts', () => {
  const device = committed(1);
  expect(firstSuperblock(device)).not.toBe(null);
  device.zero(4096, 8 * 4096);
  expect(() => openCheckpoint(device)).toThrow(expect.objectContaining({ code: 'corrupt' }));
  device.zero(0, 4096);
  expect(firstSuperblock(device)).toBe(null);
});

test('blocks are written in order, neighbours in one piece', () => {
  const writes: [number, number][] = [];
  const device = { write: (position: number, bytes: Uint8Array) => writes.push([position, bytes.length]) };
  const writer = new BlockWriter(device as unknown as ConstructorParameters<typeof BlockWriter>[0]);
  for (const block of [9, 3, 4, 11, 10]) writer.add(block, new DataView(new ArrayBuffer(4096)));
  writer.write();
  expect(writes).toEqual([
    [3 * 4096, 8192],
    [9 * 4096, 3 * 4096],
  ]);
});
