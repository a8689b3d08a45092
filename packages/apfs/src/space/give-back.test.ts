import { MemoryDevice, type NewItem, PassingDevice, type WritableVolume } from '@tintype/core';
import { expect, test } from 'vitest';
import { expectApfsckContent, formatted, mountOptions } from '../container.testing.js';
import { apfs } from '../driver.js';
import { ApfsFileSystem } from '../file-system.js';
import { GiveBack, LEAST_HOLE } from './give-back.js';

const BLOCK = 4096;
const NODES_END = 100;

class DiscardRecorder extends PassingDevice {
  discards: string[] = [];
  /** Behind the last byte that was written. */
  end = 0;
  override write(position: number, source: Uint8Array): void {
    this.end = Math.max(this.end, position + source.length);
    super.write(position, source);
  }
  override discard(position: number, length: number): void {
    this.discards.push(`${position / BLOCK}+${length / BLOCK}`);
    super.discard(position, length);
  }
  take(): string[] {
    const taken = this.discards;
    this.discards = [];
    return taken;
  }
}

function sample(): { device: DiscardRecorder; giveBack: GiveBack; settle: (...free: number[]) => string[] } {
  const device = new DiscardRecorder(new MemoryDevice(new Uint8Array(300 * BLOCK)));
  const giveBack = new GiveBack(device);
  const settle = (...free: number[]): string[] => {
    giveBack.settle({ nodesEnd: NODES_END, isFree: (block) => free.includes(block) }, []);
    return device.take();
  };
  return { device, giveBack, settle };
}
const newFile = (name: string): NewItem => ({
  ...{ name, kind: 'file', size: 0, mode: 0o644, uid: 1, gid: 1, flags: 0, target: '', rdevMajor: 0, rdevMinor: 0 },
  ...{ mtime: 1e9, mtimeNanos: 0, ctime: 1e9, ctimeNanos: 0, btime: 1e9, btimeNanos: 0 },
});
const blocks = (start: number, count: number): number[] => Array.from({ length: count }, (_, i) => start + i);

test('what a transaction frees goes back when the next one is durable, in as few pieces as there are', () => {
  const { giveBack, settle } = sample();
  for (const start of [205, 150, 203, 204, 99]) giveBack.freed({ start, count: 1 });
  giveBack.freed({ start: 100, count: 2 });
  expect(settle()).toEqual([]);
  expect(settle()).toEqual(['99+3', '150+1', '203+3']);
  expect(settle()).toEqual([]);
});

test('short stretches where nodes lie stay stored, long ones do not', () => {
  const { giveBack, settle } = sample();
  for (const block of blocks(10, LEAST_HOLE - 1)) giveBack.freed({ start: block, count: 1 });
  for (const block of blocks(50, LEAST_HOLE)) giveBack.freed({ start: block, count: 1 });
  settle();
  expect(settle()).toEqual([`50+${LEAST_HOLE}`]);
});

test('what was taken again is left alone', () => {
  const { giveBack, settle } = sample();
  giveBack.released({ start: 200, count: 9 });
  giveBack.freed({ start: 250, count: 1 });
  expect(settle(201, 202, 208, 209)).toEqual(['201+2', '208+1']);
  giveBack.releasedBefore();
  expect(settle()).toEqual([]);
});

test('free blocks where nodes lie go back once they make a run worth a hole', () => {
  const { giveBack, settle } = sample();
  giveBack.released({ start: 40, count: 1 });
  expect(settle(...blocks(40, LEAST_HOLE - 1))).toEqual([]);
  giveBack.released({ start: 40, count: 1 });
  giveBack.released({ start: 43, count: 1 });
  const free = blocks(36, LEAST_HOLE);
  expect(settle(...free)).toEqual([`36+${LEAST_HOLE}`]);
});

test('commits that replace nodes make hardly a hole, take the same blocks again, and the image does not grow', () => {
  const recorder = new DiscardRecorder(formatted(600 << 20));
  const run = (change: (fileSystem: ApfsFileSystem) => void): void => {
    const fileSystem = new ApfsFileSystem(recorder, mountOptions);
    change(fileSystem);
    fileSystem.commit();
    fileSystem.close();
  };
  run(({ volumes: [volume] }) => {
    volume?.create(
      volume.root.id,
      Array.from({ length: 6000 }, (_, i) => newFile(`file-${i}`)),
    );
  });
  const touch = (round: number): void =>
    run(({ volumes: [volume] }) => {
      for (let i = round; i < 6000; i += 100) {
        const item = volume?.lookup(volume.root.id, `file-${i}`);
        if (item) volume?.setAttributes(item.id, { mode: 0o600 + round });
      }
    });
  for (let round = 0; round < 4; round += 1) touch(round);
  recorder.take();
  const { end } = recorder;
  for (let round = 4; round < 24; round += 1) touch(round);
  // A run replaces some fifty nodes. Now and then the last of all is one less.
  expect(recorder.take().length).toBeLessThan(20);
  expect(recorder.end).toBeLessThanOrEqual(end + 8 * BLOCK);
});

test('what a last run freed is free when it is closed, unless it is little', () => {
  for (const [size, isFree] of [
    [64 << 20, true],
    [1 << 20, false],
  ] as const) {
    const device = formatted(200 << 20);
    const run = (change: (volume: WritableVolume) => void): number => {
      const fileSystem = new ApfsFileSystem(device, mountOptions);
      change(fileSystem.volumes[0] as WritableVolume);
      fileSystem.close();
      const free = apfs.open(device, mountOptions).freeRanges() ?? [];
      return [...free].reduce((sum, { length }) => sum + length, 0);
    };
    const before = run((volume) => volume.create(volume.root.id, [newFile('kept')]));
    run((volume) => {
      const [id] = volume.create(volume.root.id, [newFile('large')]) as [number];
      volume.write(id, 0, new Uint8Array(size).fill(1));
    });
    const after = run((volume) => volume.remove(volume.root.id, 'large'));
    if (isFree) expect(before - after).toBeLessThan(1 << 20);
    else expect(before - after).toBeGreaterThanOrEqual(size);
    expectApfsckContent(device);
  }
});
