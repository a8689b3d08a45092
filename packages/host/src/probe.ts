// What a destination really does, measured in a folder of its own that is removed again (B2).

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type FileStore, hostPath, type StoreFacts, type StoreFile } from '@tintype/core';
import { nativeLibrary } from './native.js';
import { nodeFileStore } from './node-file-store.js';

/** What was measured of a folder of the host. Sizes in bytes. */
export interface PathProbe extends StoreFacts {
  /** False if a sync fails, or returns sooner than any storage could answer. */
  readonly syncHonoured: boolean;
  /** Mean time of a sync after 4 KiB were written, in seconds. */
  readonly syncSeconds: number;
  /** A rename over an existing file replaces it in one step, and an open handle keeps the old content. */
  readonly renameReplaces: boolean;
  /** A second process is refused what this one holds; null if no second process could be asked. */
  readonly lockHolds: boolean | null;
  /** The longest file that could be made, in bytes. */
  readonly largestFile: number;
  /** Space of a punched range really comes back. */
  readonly punches: boolean;
  /** Bytes a second, 16 MiB with a sync behind. */
  readonly writeRate: number;
}

const rateLength = 16 << 20;
const syncRounds = 8;
/** No disk, and no server, answers a flush faster; memory does. */
const fastestSync = 20e-6;

/** Measures the file system that holds the folder `path`. @throws StoreError where it is none, or nothing can be written there */
export function probePath(path: string): PathProbe {
  const store = nodeFileStore();
  const folder = `${path}/.tintype-probe-${randomBytes(6).toString('hex')}`;
  store.makeFolder(folder);
  try {
    return measure(store, folder);
  } finally {
    rmSync(hostPath(folder), { recursive: true, force: true });
  }
}

function measure(store: FileStore, folder: string): PathProbe {
  const facts = store.facts(folder);
  const inFile = <T>(name: string, use: (file: StoreFile) => T): T => {
    const file = store.open(`${folder}/${name}`, 'create');
    try {
      return use(file);
    } finally {
      file.close();
    }
  };
  const syncSeconds = inFile('sync', secondsOfSync);
  return {
    ...facts,
    syncHonoured: syncSeconds >= fastestSync && facts.kind !== 'tmpfs',
    syncSeconds,
    renameReplaces: replaces(store, folder),
    lockHolds: inFile('lock', holdsAgainstOthers),
    largestFile: facts.fileSizeLimit ?? inFile('large', longestLength),
    punches: inFile('punch', givesBack),
    writeRate: inFile('rate', rateOf),
  };
}

function seconds(call: () => void): number {
  const start = process.hrtime.bigint();
  call();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

/** 0 if it fails. */
function secondsOfSync(file: StoreFile): number {
  const block = randomBytes(4096);
  let sum = 0;
  try {
    for (let round = 0; round < syncRounds; round++) {
      file.write(round * block.length, block);
      sum += seconds(() => file.sync());
    }
  } catch {
    return 0;
  }
  return sum / syncRounds;
}

function replaces(store: FileStore, folder: string): boolean {
  const write = (name: string, byte: number): void => {
    const file = store.open(`${folder}/${name}`, 'create');
    file.write(0, Uint8Array.of(byte));
    file.close();
  };
  write('old', 1);
  write('new', 2);
  const held = store.open(`${folder}/old`, 'read');
  try {
    store.rename(`${folder}/new`, `${folder}/old`);
    const replaced = store.open(`${folder}/old`, 'read');
    const [before, after] = [firstByte(held), firstByte(replaced)];
    replaced.close();
    return before === 1 && after === 2 && store.kind(`${folder}/new`) === null;
  } catch {
    return false;
  } finally {
    held.close();
  }
}

function firstByte(file: StoreFile): number | undefined {
  const target = new Uint8Array(1);
  return file.read(0, target) === 1 ? target[0] : undefined;
}

/** The second process: status 0 if it got the lock, 3 if it was refused. */
const lockScript = `
const koffi = require(process.argv[1]);
const flock = koffi.load(null).func('int flock(int, int)');
process.exit(flock(require('fs').openSync(process.argv[2], 'r+'), 2 | 4) === 0 ? 0 : 3);
`;

function holdsAgainstOthers(file: StoreFile): boolean | null {
  if (!nativeLibrary() || !file.lock('exclusive')) return null;
  const koffi = createRequire(import.meta.url).resolve('koffi');
  const { status } = spawnSync(process.execPath, ['-e', lockScript, koffi, file.path], {
    stdio: 'ignore',
    timeout: 20_000,
  });
  return status === 0 ? false : status === 3 ? true : null;
}

/** By halving: the host takes a length, or refuses it, without writing anything. */
function longestLength(file: StoreFile): number {
  let fits = 0;
  let tooLong = Number.MAX_SAFE_INTEGER;
  while (tooLong - fits > 1) {
    const middle = fits + Math.floor((tooLong - fits) / 2);
    if (takesLength(file, middle)) fits = middle;
    else tooLong = middle;
  }
  file.truncate(0);
  return fits;
}

function takesLength(file: StoreFile, length: number): boolean {
  try {
    file.truncate(length);
    return true;
  } catch {
    return false;
  }
}

function givesBack(file: StoreFile): boolean {
  const length = 1 << 20;
  file.write(0, randomBytes(length));
  file.sync();
  const before = file.allocated(0, length);
  if (!file.punch(0, length / 2)) return false;
  file.sync();
  return file.allocated(0, length) < before && firstByte(file) === 0;
}

function rateOf(file: StoreFile): number {
  const part = randomBytes(1 << 20);
  const taken = seconds(() => {
    for (let position = 0; position < rateLength; position += part.length) file.write(position, part);
    file.sync();
  });
  return rateLength / taken;
}
