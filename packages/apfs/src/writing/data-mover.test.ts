import { plainAttributes, snapshotOf } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { expectApfsckContent, formatted, mountOptions } from '../container.testing.js';
import { StreamRecords } from '../records/stream-records.js';
import { Catalog } from './catalog.js';
import { Container } from './container.js';
import { copyBlocks, DataMover } from './data-mover.js';
import type { Extent } from './extent.js';
import { open, volumeOf } from './scattered.testing.js';

const MIB = 1 << 20;

function containerOn(device: ReturnType<typeof formatted>): { container: Container; extents(id: number): Extent[] } {
  const container = new Container(device, mountOptions);
  const [volume] = container.volumes;
  if (!volume) throw new Error('there is a volume');
  return { container, extents: (id) => new StreamRecords(volume, new Catalog(volume)).extents(id) };
}

test('of an extent across the limit the part before stays, holes stay holes, and what lies before is left alone', () => {
  const device = formatted(40 * MIB);
  const fileSystem = open(device);
  const volume = volumeOf(fileSystem);
  const item = { ...plainAttributes, kind: 'file', size: 0, target: '', rdevMajor: 0, rdevMinor: 0 } as const;
  const [small = 0, gone = 0, large = 0] = volume.create(
    volume.root.id,
    ['small', 'gone', 'large'].map((name) => ({ ...item, name })),
  );
  volume.write(small, 0, new Uint8Array(50_000).fill(1));
  volume.write(gone, 0, new Uint8Array(9 * MIB).fill(2));
  volume.write(large, 0, new Uint8Array(8 * MIB).fill(3));
  volume.write(large, 9 * MIB, new Uint8Array(2 * MIB).fill(4));
  fileSystem.commit();
  volume.remove(volume.root.id, 'gone');
  fileSystem.close();
  const tree = snapshotOf(volumeOf(open(device)));

  const { container, extents } = containerOn(device);
  const before = { small: extents(small), large: extents(large) };
  const [first, hole, last] = before.large;
  expect(before.large.map(({ count }) => count * 4096)).toEqual([8 * MIB, MIB, 2 * MIB]);
  const limit = (first?.start ?? 0) + 1000;
  expect(last?.start).toBeGreaterThan(limit);
  container.spaceman.confine({ limit, kept: [] });
  let records = 0;
  for (const volume of container.volumes)
    new DataMover(volume, limit).run(
      () => {
        records += 1;
      },
      () => container.commit(),
    );
  container.unmount();
  expect(records).toBe(2);
  const after = extents(large);
  expect(after[0]).toEqual({ start: first?.start, count: 1000 });
  expect(after.filter(({ start }) => start === 0)).toEqual([hole]);
  for (const { start, count } of after) expect(start + count).toBeLessThanOrEqual(limit);
  expect(extents(small)).toEqual(before.small);
  expectApfsckContent(device);
  expect(snapshotOf(volumeOf(open(device)))).toEqual(tree);
});

test('blocks are copied whole, more than fit in memory at once too', () => {
  const device = formatted(16 * MIB);
  const bytes = new Uint8Array(3 * MIB + 4096);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = i % 251;
  device.write(1000 * 4096, bytes);
  copyBlocks(device, { start: 1000, count: bytes.length / 4096 }, 2000);
  const copy = new Uint8Array(bytes.length);
  device.read(2000 * 4096, copy);
  expect(Buffer.compare(copy, bytes)).toBe(0);
});
