// Streams that share parts of blocks which snapshots took and counted: what the counts must be, whatever apfsck says of them.

import { apfsck, plainAttributes, SparseDevice, withFolder, withOracle } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { expectApfsckContent, FALSE_ALARM, formatOptions, save } from '../container.testing.js';
import { format } from '../format.js';
import { open, volumeOf } from './scattered.testing.js';

const BLOCK = 4096;
const BLOCKS = 8;
const CUT = 3;
const bytes = (blocks: number, value: number) => new Uint8Array(blocks * BLOCK).fill(value);

/** A file and two clones, which share the first and the last of its blocks; snapshots before the first, or before each. */
function shared(snapshots: number): SparseDevice {
  const device = new SparseDevice(64 << 20);
  format(device, formatOptions);
  const fileSystem = open(device);
  const volume = volumeOf(fileSystem);
  const made = { ...plainAttributes, kind: 'file', size: 0, target: '', rdevMajor: 0, rdevMinor: 0 } as const;
  const [a = 0] = volume.create(volume.root.id, [{ ...made, name: 'a' }]);
  volume.write(a, 0, bytes(BLOCKS, 1));
  fileSystem.commit();
  if (snapshots > 0) fileSystem.createSnapshot(volume, 'first');
  const b = volume.clone(volume.root.id, 'b', a);
  volume.write(b, BLOCKS * BLOCK, bytes(1, 2));
  fileSystem.commit();
  if (snapshots > 1) fileSystem.createSnapshot(volume, 'second');
  const c = volume.clone(volume.root.id, 'c', b);
  volume.write(c, 0, bytes(CUT, 3));
  volume.write(b, CUT * BLOCK, bytes(BLOCKS - CUT, 4));
  fileSystem.commit();
  const found = [a, b, c].map((id) => {
    const all = bytes(BLOCKS, 9);
    volume.read(id, 0, all);
    return Array.from({ length: BLOCKS }, (_, i) => all[i * BLOCK]).join('');
  });
  expect(found).toEqual(['11111111', '11144444', '33311111']);
  fileSystem.close();
  return device;
}

function deleteSnapshots(device: SparseDevice): void {
  const fileSystem = open(device);
  for (const { xid } of [...(volumeOf(fileSystem).snapshots ?? [])])
    fileSystem.deleteSnapshot(volumeOf(fileSystem), xid);
  fileSystem.close();
}

test.each([0, 1, 2])('each block is counted as often as streams hold it: snapshots: %i', (snapshots) => {
  const device = shared(snapshots);
  expectApfsckContent(device);
  deleteSnapshots(device);
  expectApfsckContent(device);
});

/** What apfsck says of it. */
const verdictOf = (device: SparseDevice) =>
  withFolder((folder) => {
    save(device, `${folder}/container`);
    return apfsck(`${folder}/container`);
  });

test.skipIf(withOracle('apfsck').skip)(
  'apfsck complains of two snapshots only: should it stop, nothing is let pass',
  () => {
    for (const snapshots of [0, 1, 2]) {
      const device = shared(snapshots);
      const said = snapshots < 2 ? { ok: true, output: '' } : { ok: false, output: FALSE_ALARM };
      expect(verdictOf(device)).toMatchObject(said);
      deleteSnapshots(device);
      expect(verdictOf(device)).toMatchObject(said);
    }
  },
);
