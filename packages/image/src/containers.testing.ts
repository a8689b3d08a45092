// The containers that can be written, each made and opened over any store: what the tests of all of them run over.

import type { BlockDevice, FileStore, Finding } from '@tintype/core';
import { type AsifShape, writeNewAsif } from './asif/create.js';
import { createImage } from './create.js';
import type { Holder } from './disk-image.js';
import type { HeldLock } from './lock.js';
import { fileContainer, type Opened, openBundle, openFile } from './open.js';

export interface OpenContainer {
  readonly device: BlockDevice;
  verify(): Iterable<Finding>;
  resize(size: number): void;
  /** Packs the file; nothing where its format has no need of that. */
  compact(): void;
  /** What is called after a writer that did not close. */
  distrust(): void;
  /** Flushes nothing. */
  close(): void;
}

export interface Container {
  readonly name: string;
  readonly size: number;
  /** Positions where files or bands meet. */
  readonly seams: readonly number[];
  readonly knowsZeros: boolean;
  /** True if a write that ends within a sector leaves a mixture there: what is encrypted as one. */
  readonly isChunked?: boolean;
  /** True if its file is packed by `compact`. */
  readonly isPacked?: boolean;
  make(store: FileStore): void;
  open(store: FileStore, writable: boolean): OpenContainer;
}

export const holder: Holder = {
  host: 'test',
  pid: 1,
  boot: 'boot',
  alive: () => false,
  clock: () => 0,
  random: (target) => {
    target.fill(7);
  },
  heartbeat: 0,
};

const MiB = 1 << 20;
const options = { waitLock: 0, holder } as const;
const seamsOf = (bandSize: number, size: number): number[] =>
  [1, 2, Math.floor(size / bandSize)].map((band) => band * bandSize);

function fileAt(
  store: FileStore,
  path: string,
  kind: 'raw' | 'sparseimage' | 'asif',
  writable: boolean,
): OpenContainer {
  return openContainer(fileContainer(store.open(path, writable ? 'write' : 'read'), kind, writable));
}

function openContainer(opened: Omit<Opened, 'lock'> & { readonly lock?: HeldLock }): OpenContainer {
  const { device, verify } = opened;
  return {
    device,
    verify,
    resize: (size) => opened.resize?.(size),
    compact: () => {
      opened.compact?.(() => {});
    },
    distrust: () => opened.distrust?.(),
    close: () => {
      device.close();
      opened.lock?.release();
    },
  };
}

function bundle(bandSize: number, size: number): Container {
  return {
    name: `a sparse bundle with bands of ${bandSize} bytes`,
    size,
    seams: seamsOf(bandSize, size),
    knowsZeros: true,
    make: (store) =>
      createImage(store, 'a.sparsebundle', { ...options, format: 'sparsebundle', size, bandSize }).close(),
    open: (store, writable) => openContainer(openBundle(store, 'a.sparsebundle', writable, 0)),
  };
}

function sparseImage(bandSize: number, size: number): Container {
  return {
    name: `a sparse image with bands of ${bandSize} bytes`,
    size,
    seams: seamsOf(bandSize, size),
    knowsZeros: true,
    isPacked: true,
    make: (store) => createImage(store, 'a.sparseimage', { ...options, format: 'sparseimage', size, bandSize }).close(),
    open: (store, writable) => fileAt(store, 'a.sparseimage', 'sparseimage', writable),
  };
}

const passphrase = Buffer.from('all of them');
const secret = { encryption: 'aes-128', passphrase, kdfRounds: 1 } as const;

/** In encrypted chunks of 512 bytes. */
function encrypted(format: 'sparsebundle' | 'sparseimage' | 'udrw', bandSize: number, size: number): Container {
  return {
    name: `an encrypted ${format} with bands of ${bandSize} bytes`,
    size,
    seams: format === 'udrw' ? [4096] : seamsOf(bandSize, size),
    knowsZeros: format !== 'udrw',
    isChunked: true,
    isPacked: format === 'sparseimage',
    make: (store) => createImage(store, 'a', { ...options, ...secret, format, size, bandSize }).close(),
    open: (store, writable) =>
      openContainer(
        format === 'sparsebundle'
          ? openBundle(store, 'a', writable, 0, passphrase)
          : openFile(store, 'a', 'encrypted', { writable, waitLock: 0, passphrase }),
      ),
  };
}

function raw(size: number): Container {
  return {
    name: 'a raw image',
    size,
    seams: [],
    knowsZeros: false,
    make: (store) => createImage(store, 'a.dmg', { ...options, format: 'udrw', size }).close(),
    open: (store, writable) => fileAt(store, 'a.dmg', 'raw', writable),
  };
}

function asif(shape: AsifShape, size: number): Container {
  return {
    name: `an ASIF image with chunks of ${shape.chunkSize} bytes`,
    size,
    seams: seamsOf(shape.chunkSize, size),
    knowsZeros: true,
    isPacked: true,
    make: (store) => {
      const file = store.open('a.asif', 'create');
      writeNewAsif(file, { size, random: holder.random, shape });
      file.close();
    },
    open: (store, writable) => fileAt(store, 'a.asif', 'asif', writable),
  };
}

/** Sizes that no band divides, bands that are no power of two, and small ones: those of a sparse image need index nodes. */
export const containers: readonly Container[] = [
  raw(8 * MiB + 1536),
  bundle(MiB, 8 * MiB + 512),
  bundle(4096, 6 * MiB + 2560),
  bundle(3 * 35 * 512, 5 * MiB),
  bundle(8 * MiB, 40 * MiB - 512),
  sparseImage(MiB, 8 * MiB + 512),
  sparseImage(512, 3 * MiB),
  sparseImage(4096, 12 * MiB + 512),
  sparseImage(8 * MiB, 40 * MiB),
  encrypted('sparsebundle', MiB, 6 * MiB + 512),
  encrypted('sparsebundle', 4096, 3 * MiB + 2560),
  encrypted('sparseimage', MiB, 6 * MiB + 512),
  encrypted('sparseimage', 4096, 2 * MiB),
  encrypted('udrw', 0, 4 * MiB + 1536),
  asif({ chunkSize: 33 * 512, blockSize: 512, reach: 33 * 512 * 10_000 }, 40 * MiB + 1024),
  asif({ chunkSize: 1 << 18, blockSize: 4096, reach: 2 ** 40 }, 6 * MiB + 4096),
];
