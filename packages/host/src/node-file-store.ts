// The files of this host as a `FileStore`. A last part that is a link is refused, never followed; what is no file or
// block device is refused without blocking on it.

import * as fs from 'node:fs';
import {
  assert,
  type EntryKind,
  type FileStore,
  hostPath,
  type LockKind,
  nameFromBytes,
  type OpenMode,
  type StoreEntry,
  StoreError,
  type StoreFacts,
  type StoreFile,
} from '@tintype/core';
import { attempt, hasCode } from './errno.js';
import { behindFrom } from './limits.js';
import { fallocateFlags, flockFlags, seekData, seekHole } from './linux.js';
import { type NativeLibrary, nativeLibrary } from './native.js';
import { spaceAt } from './space.js';
import { type BehindFile, WriteBehind, type WriteBehindOptions } from './write-behind.js';

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = fs.constants;
// Absent on Windows.
const openGuards = (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0);
const folderFlag = fs.constants.O_DIRECTORY ?? 0;

const openFlags: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY,
  write: O_RDWR,
  create: O_RDWR | O_CREAT | O_EXCL,
};

/** The files of this host, and the end of the threads that write them. */
export interface HostFileStore extends FileStore {
  /** Call before the thread that uses the store ends. */
  rest(): void;
}

/**
 * Files of this host. New files get mode 0666 less the process's umask, as other programs make theirs. With `behind`,
 * long writes are made by a thread of their own (Linux only), and their errors come with a later call.
 */
export function nodeFileStore(behind?: WriteBehindOptions): HostFileStore {
  const writer = behind && nativeLibrary() ? new WriteBehind(behind) : null;
  return {
    open: (path, mode) => openFile(path, mode, writer),
    kind: kindAt,
    list: listFolder,
    rename: (from, to) => attempt('rename', from, () => fs.renameSync(hostPath(from), hostPath(to))),
    link: linkAt,
    remove: removeAt,
    makeFolder: (path) => attempt('mkdir', path, () => fs.mkdirSync(hostPath(path))),
    syncFolder,
    facts: (path): StoreFacts => spaceAt(path),
    rest: () => writer?.rest(),
  };
}

/** What hosts say that have no second names: FAT, many shares, some Android volumes. */
const WITHOUT_LINKS: readonly string[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EACCES'];

function linkAt(from: string, to: string): boolean {
  try {
    attempt('link', to, () => fs.linkSync(hostPath(from), hostPath(to)));
    return true;
  } catch (error) {
    if (error instanceof StoreError && WITHOUT_LINKS.includes(error.code)) return false;
    throw error;
  }
}

function openFile(path: string, mode: OpenMode, writer: WriteBehind | null): StoreFile {
  const handle = attempt('open', path, () => fs.openSync(hostPath(path), openFlags[mode] | openGuards, 0o666));
  try {
    const stats = attempt('stat', path, () => fs.fstatSync(handle));
    if (stats.isDirectory()) throw new StoreError('EISDIR', 'open', path);
    if (!stats.isFile() && !stats.isBlockDevice()) throw new StoreError('EINVAL', 'open', path);
    return new NodeStoreFile(path, handle, stats.isBlockDevice(), writer);
  } catch (error) {
    fs.closeSync(handle);
    throw error;
  }
}

function kindAt(path: string): EntryKind | null {
  try {
    const stats = attempt('stat', path, () => fs.lstatSync(hostPath(path), { throwIfNoEntry: false }));
    return stats ? kindOf(stats) : null;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

function kindOf(entry: fs.Stats | fs.Dirent<Buffer>): EntryKind {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  return entry.isBlockDevice() ? 'device' : 'other';
}

function listFolder(path: string): StoreEntry[] {
  const options = { withFileTypes: true, encoding: 'buffer' } as const;
  const entries = attempt('list', path, () => fs.readdirSync(hostPath(path), options));
  return entries.map((entry) => ({ name: nameFromBytes(entry.name), kind: kindOf(entry) }));
}

function removeAt(path: string): void {
  const place = hostPath(path);
  attempt('remove', path, () => {
    if (fs.lstatSync(place).isDirectory()) fs.rmdirSync(place);
    else fs.unlinkSync(place);
  });
}

function syncFolder(path: string): void {
  // Windows opens no folders; NTFS journals names by itself.
  if (process.platform === 'win32') return;
  const handle = attempt('open', path, () => fs.openSync(hostPath(path), O_RDONLY | folderFlag));
  try {
    attempt('sync', path, () => fs.fsyncSync(handle));
  } catch (error) {
    // SMB and some FUSE file systems do not know the call for folders; there is nothing more that they would do.
    if (!hasCode(error, 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EBADF')) throw error;
  } finally {
    fs.closeSync(handle);
  }
}

class NodeStoreFile implements StoreFile, BehindFile {
  readonly path: string;
  readonly handle: number;
  nextPiece = 0;
  readonly #writer: WriteBehind | null;
  readonly #isDevice: boolean;
  readonly #native: NativeLibrary | null;
  #isOpen = true;

  constructor(path: string, handle: number, isDevice: boolean, writer: WriteBehind | null) {
    this.path = path;
    this.handle = handle;
    this.#writer = writer;
    this.#isDevice = isDevice;
    this.#native = nativeLibrary();
  }

  size(): number {
    this.#writer?.settle(this);
    if (!this.#isDevice) return this.#stat().size;
    if (!this.#native) throw new StoreError('ENOSYS', 'size', this.path);
    return this.#native.check(this.#native.calls.lseek(this.handle, 0, 2), 'size', this.path);
  }

  /** Of a part of a file: reserved space that was never written is not seen, only that of the whole file. */
  allocated(position: number, length: number): number {
    const size = this.size();
    const end = Math.min(position + length, size);
    if (end <= position) return 0;
    if (this.#isDevice) return end - position;
    const isWhole = position === 0 && end === size;
    if (!this.#native || isWhole) return Math.min(end - position, this.#stat().blocks * 512);
    let stored = 0;
    for (let at = position; at < end; ) {
      const data = this.#seek(this.#native, at, seekData);
      if (data < 0 || data >= end) break;
      const hole = this.#seek(this.#native, data, seekHole);
      const stop = hole < 0 ? end : Math.min(hole, end);
      stored += stop - data;
      at = stop;
    }
    return stored;
  }

  /** Where the next data or hole begins, or -1 if there is none. */
  #seek(native: NativeLibrary, position: number, whence: number): number {
    const found = native.calls.lseek(this.handle, position, whence);
    if (found >= 0) return found;
    if (native.errno() === 'ENXIO') return -1;
    throw native.error('seek', this.path);
  }

  read(position: number, target: Uint8Array): number {
    this.#writer?.settle(this, position, target.length);
    // Asked before the first read: a piece that is done meanwhile may have come too late for it.
    let mayGrow = this.#writer?.isUnderWay(this) ?? false;
    let count = 0;
    while (count < target.length) {
      const at = count;
      const got = attempt('read', this.path, () =>
        fs.readSync(this.handle, target, at, target.length - at, position + at),
      );
      count += got;
      if (got > 0) continue;
      if (!mayGrow) break;
      // A piece behind this range lengthens the file: what lies before it reads as zeros then.
      this.#writer?.settle(this);
      mayGrow = false;
    }
    return count;
  }

  write(position: number, source: Uint8Array): void {
    if (source.length >= behindFrom && this.#writer?.write(this, position, source)) return;
    this.#writer?.settle(this, position, source.length);
    for (let at = 0; at < source.length; ) {
      const from = at;
      at += attempt('write', this.path, () =>
        fs.writeSync(this.handle, source, from, source.length - from, position + from),
      );
    }
  }

  allocate(position: number, length: number): void {
    assert(length > 0, 'a range to allocate has a length');
    this.#writer?.settle(this);
    const native = this.#native;
    if (native) {
      if (native.calls.fallocate(this.handle, 0, position, length) === 0) return;
      if (!unsupported.has(native.errno())) throw native.error('allocate', this.path);
    }
    this.#allocateByWriting(position, length);
  }

  /** Where the host cannot reserve: every byte is written as it reads. */
  #allocateByWriting(position: number, length: number): void {
    const buffer = new Uint8Array(Math.min(length, 1 << 20));
    for (let at = position; at < position + length; at += buffer.length) {
      const part = buffer.subarray(0, Math.min(buffer.length, position + length - at));
      part.fill(0, this.read(at, part));
      this.write(at, part);
    }
  }

  truncate(length: number): void {
    this.#writer?.settle(this);
    attempt('truncate', this.path, () => fs.ftruncateSync(this.handle, length));
  }

  punch(position: number, length: number): boolean {
    assert(length > 0, 'a range to punch has a length');
    this.#writer?.settle(this);
    const native = this.#native;
    if (!native) return false;
    const mode = fallocateFlags.keepSize | fallocateFlags.punchHole;
    if (native.calls.fallocate(this.handle, mode, position, length) === 0) return true;
    if (unsupported.has(native.errno())) return false;
    throw native.error('punch', this.path);
  }

  lock(kind: LockKind): boolean {
    // Without native calls there are no locks; `missingCalls` tells the caller.
    if (!this.#native) return true;
    const operation = kind === 'shared' ? flockFlags.shared : flockFlags.exclusive;
    if (this.#native.calls.flock(this.handle, operation | flockFlags.nonBlocking) === 0) return true;
    if (['EAGAIN', 'EWOULDBLOCK'].includes(this.#native.errno())) return false;
    throw this.#native.error('lock', this.path);
  }

  /** On macOS libuv asks for F_FULLFSYNC, which is what survives a power cut there. */
  sync(): void {
    this.#writer?.settle(this);
    attempt('sync', this.path, () => fs.fsyncSync(this.handle));
  }

  close(): void {
    assert(this.#isOpen, 'a file is closed once');
    this.#isOpen = false;
    try {
      this.#writer?.leave(this);
    } finally {
      attempt('close', this.path, () => fs.closeSync(this.handle));
    }
  }

  #stat(): fs.Stats {
    return attempt('stat', this.path, () => fs.fstatSync(this.handle));
  }
}

const unsupported = new Set(['EOPNOTSUPP', 'ENOTSUP', 'ENOSYS', 'EINVAL', 'ENODEV']);
