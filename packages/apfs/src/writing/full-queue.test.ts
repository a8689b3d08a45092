// More pieces are freed at once than the free queue of so small a container has room for: 142 ranges. It is done in one commit
// all the same, and a cut leaves all of it or none.

import type { NewItem, WritableVolume } from '@tintype/core';
import { CrashDevice, count, plainAttributes, type SparseDevice, snapshotOf } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { check } from '../check/check.js';
import { openCheckpoint } from '../checkpoint.js';
import { expectApfsckContent, formatted, mountOptions } from '../container.testing.js';
import { ApfsFileSystem } from '../file-system.js';
import { readBlock } from '../object.js';
import { ChunkTable } from '../space/chunks.js';
import { neededBefore } from '../space/needed-before.js';
import { Pool } from '../space/pool.js';
import { NxSuperblock } from '../structs/container.js';
import { SpacemanDevice, Spaceman as SpacemanObject } from '../structs/spaceman.js';
import { spaceOf } from './container.js';

const PIECES = 400;
const SIZE = 16 << 20;
const newFile = (name: string): NewItem => ({
  ...plainAttributes,
  kind: 'file',
  name,
  size: 0,
  target: '',
  rdevMajor: 0,
  rdevMinor: 0,
});

function volumeOf(fileSystem: ApfsFileSystem): WritableVolume {
  const [volume] = fileSystem.volumes;
  if (!volume) throw new Error('there is a volume');
  return volume;
}

/** Two files whose blocks take turns. */
function fragmented(): SparseDevice {
  const device = formatted(SIZE);
  const fileSystem = new ApfsFileSystem(device, mountOptions);
  const volume = volumeOf(fileSystem);
  const ids = volume.create(volume.root.id, [newFile('gone'), newFile('kept')]);
  for (let i = 0; i < PIECES; i += 1) {
    for (const id of ids) volume.write(id, i * 4096, new Uint8Array(4096).fill((i % 250) + id));
    if (i % 50 === 0) fileSystem.commit();
  }
  fileSystem.close();
  expectApfsckContent(device);
  return device;
}

const changes: Record<string, (fileSystem: ApfsFileSystem, volume: WritableVolume) => void> = {
  removed: (_, volume) => volume.remove(volume.root.id, 'gone'),
  cut: (_, volume) => volume.truncate(volume.lookup(volume.root.id, 'gone')?.id ?? 0, 100),
  'written anew': (_, volume) => {
    const id = volume.lookup(volume.root.id, 'gone')?.id ?? 0;
    volume.write(id, 0, new Uint8Array(PIECES * 4096).fill(7));
  },
  'renamed over': (_, volume) => {
    const [id = 0] = volume.create(volume.root.id, [newFile('new')]);
    volume.write(id, 0, Buffer.from('in its place'));
    volume.remove(volume.root.id, 'gone');
    volume.rename(volume.root.id, 'new', volume.root.id, 'gone');
  },
};

test.each(Object.keys(changes))('a file of very many pieces is %s in one commit, cut anywhere', (name) => {
  const start = fragmented();
  const before = snapshotOf(volumeOf(new ApfsFileSystem(start.clone(), mountOptions)));
  const crash = new CrashDevice(start);
  const fileSystem = new ApfsFileSystem(crash, mountOptions);
  const volume = volumeOf(fileSystem);
  changes[name]?.(fileSystem, volume);
  const after = snapshotOf(volume);
  fileSystem.commit();
  const committed = crash.calls;
  // Blocks that did not wait are taken again.
  const [id = 0] = volume.create(volume.root.id, [newFile('next')]);
  volume.write(id, 0, new Uint8Array(3 << 20).fill(9));
  const last = snapshotOf(volume);
  fileSystem.commit();
  fileSystem.close();
  const possible = [before, after, last].map((tree) => JSON.stringify(tree));
  const seen = new Set<number>();
  const look = ({ device, description, calls }: { device: SparseDevice; description: string; calls: number }): void => {
    const found = possible.indexOf(JSON.stringify(snapshotOf(volumeOf(new ApfsFileSystem(device, mountOptions)))));
    expect(found, description).toBeGreaterThanOrEqual(calls >= committed ? 1 : 0);
    const findings = [...check(device, {})].filter(({ kind }) => kind !== 'copy-damaged');
    expect(findings, description).toEqual([]);
    if (!seen.has(found)) expectApfsckContent(device, 'open');
    seen.add(found);
  };
  const every = count(Math.ceil(crash.calls / 30), 1);
  for (const state of crash.prefixes()) if (state.calls % every === 0 || state.calls > crash.calls - 3) look(state);
  for (const state of crash.randomStates({ seed: 4, count: count(20, 1000) })) look({ ...state, calls: 0 });
  expect([...seen].sort()).toEqual([0, 1, 2]);
});

const opened = Object.keys(changes).flatMap((name) => [false, true].map((isAnew) => ({ name, isAnew })));

test.each(opened)('the checkpoint before stays whole; $name, opened anew: $isAnew', ({ name, isAnew }) => {
  const device = fragmented();
  let fileSystem = new ApfsFileSystem(device, mountOptions);
  let volume = volumeOf(fileSystem);
  const before = snapshotOf(volume);
  changes[name]?.(fileSystem, volume);
  fileSystem.commit();
  if (isAnew) {
    fileSystem.abandon();
    fileSystem = new ApfsFileSystem(device, mountOptions);
    volume = volumeOf(fileSystem);
  }
  // As much as there is, and cut before the next checkpoint.
  const [id = 0] = volume.create(volume.root.id, [newFile('next')]);
  const room = Math.floor((fileSystem.free - (PIECES + 100) * 4096) / 4096) * 4096;
  for (let at = 0; at < room; at += 1 << 16) volume.write(id, at, new Uint8Array(Math.min(1 << 16, room - at)).fill(9));
  const { superblock, xid } = openCheckpoint(device);
  const newest = 2 + superblock.getUint32(NxSuperblock.at.nx_xp_desc_index, true);
  device.write(newest * 4096, new Uint8Array(4096));
  expect(openCheckpoint(device).xid).toBe(xid - 1);
  expect(snapshotOf(volumeOf(new ApfsFileSystem(device, mountOptions)))).toEqual(before);
  expect([...check(device, {})].filter(({ kind }) => kind !== 'copy-damaged')).toEqual([]);
});

test('what is kept for the checkpoint before is what it needs and the queue has no room for', () => {
  const device = fragmented();
  const fileSystem = new ApfsFileSystem(device, mountOptions);
  volumeOf(fileSystem).remove(volumeOf(fileSystem).root.id, 'gone');
  fileSystem.commit();
  const { superblock, objects, before } = openCheckpoint(device);
  const earlier = before();
  if (!earlier) throw new Error('the one before is whole');
  const now = spaceOf({ superblock, objects });
  const table = new ChunkTable(device, now.view, new Pool(device, now.view, now.read));
  const space = {
    bitmaps: table.bitmaps,
    bitmap: (chunk: number) => readBlock(device, table.bitmaps[chunk] as number),
  };
  const kept = neededBefore(device, spaceOf(earlier), space);
  const sum = kept.reduce((blocks, { count: each }) => blocks + each, 0);
  expect(sum).toBeGreaterThan(PIECES - 142);
  expect(sum).toBeLessThan(PIECES + 20);
  const { view } = spaceOf(earlier);
  view.setUint32(SpacemanObject.at.sm_dev + SpacemanDevice.at.sm_free_count, 1, true);
  expect(neededBefore(device, spaceOf(earlier), space)).toEqual([]);
});

test('a snapshot that alone holds very many pieces is deleted, and reverted to, in one commit', () => {
  for (const act of ['delete', 'revert'] as const) {
    const device = fragmented();
    const fileSystem = new ApfsFileSystem(device, mountOptions);
    const xid = fileSystem.createSnapshot(volumeOf(fileSystem), 'then');
    const then = snapshotOf(volumeOf(fileSystem));
    const [id = 0] = volumeOf(fileSystem).create(volumeOf(fileSystem).root.id, [newFile('a')]);
    const [other = 0] = volumeOf(fileSystem).create(volumeOf(fileSystem).root.id, [newFile('b')]);
    for (let i = 0; i < PIECES / 2; i += 1) {
      for (const each of [id, other]) volumeOf(fileSystem).write(each, i * 4096, new Uint8Array(4096).fill(5));
      if (i % 50 === 0) fileSystem.commit();
    }
    fileSystem.commit();
    volumeOf(fileSystem).remove(volumeOf(fileSystem).root.id, 'gone');
    volumeOf(fileSystem).remove(volumeOf(fileSystem).root.id, 'b');
    fileSystem.commit();
    const now = snapshotOf(volumeOf(fileSystem));
    const free = fileSystem.free;
    if (act === 'delete') fileSystem.deleteSnapshot(volumeOf(fileSystem), xid);
    else fileSystem.revertToSnapshot(volumeOf(fileSystem), xid);
    expect(snapshotOf(volumeOf(fileSystem))).toEqual(act === 'delete' ? now : then);
    fileSystem.close();
    expectApfsckContent(device);
    const again = new ApfsFileSystem(device, mountOptions);
    expect(again.free).toBeGreaterThan(free + (PIECES / 4) * 4096);
    expect(volumeOf(again).snapshots).toHaveLength(act === 'delete' ? 0 : 1);
  }
});
