// Images in memory whose free space is full of rubbish, as after years of writing by others who gave nothing back.

import { type FileStore, Progress, WindowDevice, type WritableVolume } from '@tintype/core';
import { imageFacts, openImage, partitionMap } from '@tintype/image';
import { MemoryStore, plainAttributes, snapshotOf, type TreeSnapshot } from '@tintype/testkit';
import { expect } from 'vitest';
import type { EngineEvent } from '../events.js';
import { freeRangesOf } from '../free-ranges.js';
import { hostContext } from '../host-context.js';
import type { CreateOptions, RunContext } from '../operation.js';
import { openStack, probeVolumes } from '../stack.js';
import { createStack } from './create.js';

export const PASSPHRASE = Buffer.from('correct horse');

/** `alive` false: of a later process, the one before has gone. */
export function memoryContext(store: FileStore, events: EngineEvent[] = []): RunContext {
  const { holder, random } = hostContext();
  return {
    store,
    random,
    holder: { ...holder, heartbeat: 0, alive: () => false },
    now: () => 1_800_000_000,
    progress: new Progress(),
    emit: (event) => events.push(event),
  };
}

export interface Wasteful {
  readonly store: MemoryStore;
  /** The file or bundle. */
  readonly image: string;
  /** Host bytes before the rubbish. */
  readonly lean: number;
  readonly tree: TreeSnapshot;
}

/** Folders of files of all sizes, every third file gone again. */
export function plant(volume: WritableVolume, files = 40): void {
  const made = { ...plainAttributes, size: 0, target: '', rdevMajor: 0, rdevMinor: 0 };
  const [folder = 0] = volume.create(volume.root.id, [{ ...made, name: 'folder', kind: 'directory', mode: 0o755 }]);
  for (let i = 0; i < files; i += 1) {
    const size = (i * i * 397) % 300_000;
    const [id = 0] = volume.create(folder, [{ ...made, name: `file-${i}`, kind: 'file', size }]);
    volume.write(id, 0, new Uint8Array(size).fill(i + 1));
  }
  for (let i = 0; i < files; i += 3) volume.remove(folder, `file-${i}`);
}

/** Writes 0xA5 into every block that the image's volume does not use. */
export function spoilFreeSpace(store: FileStore, path: string, passphrase: Uint8Array = PASSPHRASE): void {
  const context = memoryContext(store);
  const { holder } = context;
  const image = openImage(store, path, { passphrase, writable: true, waitLock: 0, holder, allowTimeMachine: false });
  const volumes = probeVolumes(image.device, partitionMap(image.device));
  for (const { start, length } of [...freeRangesOf(image.device, volumes, context)])
    image.device.write(start, new Uint8Array(length).fill(0xa5));
  image.device.flush();
  image.close();
}

/** An image with a tree, and 0xA5 in every free block. */
export function wasteful(options: CreateOptions, canPunch = true): Wasteful {
  const store = new MemoryStore({ limits: { canPunch } });
  const context = memoryContext(store);
  const secret = options.encryption === undefined ? {} : { passphrase: PASSPHRASE, kdfRounds: 1 };
  const stack = createStack({ size: 24 << 20, bandSize: 1 << 20, ...secret, ...options }, context);
  plant(stack.live);
  const tree = snapshotOf(stack.live);
  stack.close();
  const lean = imageFacts(store, options.image).hostBytes;
  spoilFreeSpace(store, options.image);
  return { store, image: options.image, lean, tree };
}

/** The image opens, its file system is sound, and holds the tree. */
export function expectTree(store: FileStore, image: string, tree: TreeSnapshot, description = ''): void {
  const { holder, now, random } = memoryContext(store);
  const stack = openStack(image, { store, holder, now, random, writable: false, passphrase: PASSPHRASE });
  const window = new WindowDevice(stack.image.device, stack.partition.start, stack.partition.size);
  const findings = [...stack.driver.check(window, {})];
  expect(findings, description).toEqual([]);
  expect(snapshotOf(stack.live), description).toEqual(tree);
  stack.abandon();
}

/** Sectors of rubbish that the image's files still hold. */
export function rubbishIn(store: MemoryStore, path: string): number {
  if (store.kind(path) === 'directory')
    return store.list(path).reduce((sum, { name }) => sum + rubbishIn(store, `${path}/${name}`), 0);
  const file = store.open(path, 'read');
  const bytes = new Uint8Array(file.size());
  file.read(0, bytes);
  file.close();
  let sectors = 0;
  for (let at = 0; at < bytes.length; at += 512)
    if (bytes.subarray(at, at + 512).every((byte) => byte === 0xa5)) sectors += 1;
  return sectors;
}
