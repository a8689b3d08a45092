// The system calls that Node lacks, through koffi. Arguments that are memory go as addresses of buffers that never move
// (`NativeMemory`), which costs least: about 0.6 µs above the call itself, less than node:fs.
// Where the library cannot be loaded, or the host is none of those written here, `linuxCalls` answers null and
// `missingCalls` says what is lost; callers then use node:fs with paths.

import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { assert, nameToBytes, StoreError } from '@tintype/core';
import type koffi from 'koffi';
import { errnoName } from './errno.js';
import { maxPathBytes } from './limits.js';

type Koffi = typeof koffi;

/** Bytes whose address is known and stays. */
export interface NativeMemory {
  readonly address: number;
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** One function a system call: numbers in, the call's own answer out (-1: see `NativeLibrary.errno`). */
export interface LinuxCalls {
  openat(folder: number, name: number, flags: number, mode: number): number;
  close(handle: number): number;
  statx(folder: number, name: number, flags: number, mask: number, target: number): number;
  getdents(handle: number, target: number, size: number): number;
  mkdirat(folder: number, name: number, mode: number): number;
  unlinkat(folder: number, name: number, flags: number): number;
  renameat2(folder: number, name: number, toFolder: number, toName: number, flags: number): number;
  symlinkat(target: number, folder: number, name: number): number;
  linkat(folder: number, name: number, toFolder: number, toName: number, flags: number): number;
  mknodat(folder: number, name: number, mode: number, device: number): number;
  readlinkat(folder: number, name: number, target: number, size: number): number;
  utimensat(folder: number, name: number, times: number, flags: number): number;
  futimens(handle: number, times: number): number;
  fchownat(folder: number, name: number, uid: number, gid: number, flags: number): number;
  fchmodat(folder: number, name: number, mode: number, flags: number): number;
  fchmod(handle: number, mode: number): number;
  flistxattr(handle: number, target: number, size: number): number;
  fgetxattr(handle: number, name: number, target: number, size: number): number;
  fsetxattr(handle: number, name: number, value: number, size: number, flags: number): number;
  fremovexattr(handle: number, name: number): number;
  listxattr(path: number, target: number, size: number): number;
  getxattr(path: number, name: number, target: number, size: number): number;
  setxattr(path: number, name: number, value: number, size: number, flags: number): number;
  removexattr(path: number, name: number): number;
  flock(handle: number, operation: number): number;
  fallocate(handle: number, mode: number, position: number, length: number): number;
  lseek(handle: number, position: number, whence: number): number;
  syncfs(handle: number): number;
  syncFileRange(handle: number, position: number, length: number, flags: number): number;
  clockGettime(clock: number, target: number): number;
  exit(status: number): void;
}

const linuxSignatures: Record<keyof LinuxCalls, readonly [returns: string, name: string, ...parameters: string[]]> = {
  openat: ['int', 'openat', 'int', 'uintptr_t', 'int', 'uint32_t'],
  close: ['int', 'close', 'int'],
  statx: ['int', 'statx', 'int', 'uintptr_t', 'int', 'uint32_t', 'uintptr_t'],
  getdents: ['int64_t', 'getdents64', 'int', 'uintptr_t', 'size_t'],
  mkdirat: ['int', 'mkdirat', 'int', 'uintptr_t', 'uint32_t'],
  unlinkat: ['int', 'unlinkat', 'int', 'uintptr_t', 'int'],
  renameat2: ['int', 'renameat2', 'int', 'uintptr_t', 'int', 'uintptr_t', 'uint32_t'],
  symlinkat: ['int', 'symlinkat', 'uintptr_t', 'int', 'uintptr_t'],
  linkat: ['int', 'linkat', 'int', 'uintptr_t', 'int', 'uintptr_t', 'int'],
  mknodat: ['int', 'mknodat', 'int', 'uintptr_t', 'uint32_t', 'uint64_t'],
  readlinkat: ['int64_t', 'readlinkat', 'int', 'uintptr_t', 'uintptr_t', 'size_t'],
  utimensat: ['int', 'utimensat', 'int', 'uintptr_t', 'uintptr_t', 'int'],
  futimens: ['int', 'futimens', 'int', 'uintptr_t'],
  fchownat: ['int', 'fchownat', 'int', 'uintptr_t', 'uint32_t', 'uint32_t', 'int'],
  fchmodat: ['int', 'fchmodat', 'int', 'uintptr_t', 'uint32_t', 'int'],
  fchmod: ['int', 'fchmod', 'int', 'uint32_t'],
  flistxattr: ['int64_t', 'flistxattr', 'int', 'uintptr_t', 'size_t'],
  fgetxattr: ['int64_t', 'fgetxattr', 'int', 'uintptr_t', 'uintptr_t', 'size_t'],
  fsetxattr: ['int', 'fsetxattr', 'int', 'uintptr_t', 'uintptr_t', 'size_t', 'int'],
  fremovexattr: ['int', 'fremovexattr', 'int', 'uintptr_t'],
  listxattr: ['int64_t', 'listxattr', 'uintptr_t', 'uintptr_t', 'size_t'],
  getxattr: ['int64_t', 'getxattr', 'uintptr_t', 'uintptr_t', 'uintptr_t', 'size_t'],
  setxattr: ['int', 'setxattr', 'uintptr_t', 'uintptr_t', 'uintptr_t', 'size_t', 'int'],
  removexattr: ['int', 'removexattr', 'uintptr_t', 'uintptr_t'],
  flock: ['int', 'flock', 'int', 'int'],
  fallocate: ['int', 'fallocate', 'int', 'int', 'int64_t', 'int64_t'],
  lseek: ['int64_t', 'lseek', 'int', 'int64_t', 'int'],
  syncfs: ['int', 'syncfs', 'int'],
  syncFileRange: ['int', 'sync_file_range', 'int', 'int64_t', 'int64_t', 'uint32_t'],
  clockGettime: ['int', 'clock_gettime', 'int', 'uintptr_t'],
  exit: ['void', '_exit', 'int'],
};

const trimSignature = ['int', 'malloc_trim', 'size_t'] as const;

/** The C library of this process, with its last error and its memory. */
export class NativeLibrary {
  readonly calls: LinuxCalls;
  /** Gives free memory back to the host; null where the C library has no such call (musl). */
  readonly #trim: ((keep: number) => number) | null;
  readonly #koffi: Koffi;
  readonly #names: readonly [NativeMemory, NativeMemory];

  constructor(loaded: Koffi) {
    this.#koffi = loaded;
    const library = loaded.load(null);
    const bind = ([returns, name, ...parameters]: readonly string[]): unknown =>
      library.func(name as string, returns as string, parameters);
    this.calls = Object.fromEntries(
      Object.entries(linuxSignatures).map(([key, signature]) => [key, bind(signature)]),
    ) as unknown as LinuxCalls;
    this.#trim = ifThere(() => bind(trimSignature) as (keep: number) => number);
    this.#names = [this.memory(maxPathBytes), this.memory(maxPathBytes)];
  }

  /** New zeroed memory; it stays where it is as long as the answer is referenced: keep that, not the address alone. */
  memory(size: number): NativeMemory {
    const store = new ArrayBuffer(size);
    return { address: this.addressOf(store), bytes: Buffer.from(store), view: new DataView(store) };
  }

  addressOf(buffer: ArrayBuffer | Uint8Array): number {
    return Number(this.#koffi.address(buffer));
  }

  /** The name as a C string in memory that the next call with the same slot uses again. */
  name(name: string, slot: 0 | 1 = 0): number {
    const memory = this.#names[slot];
    // An UTF-16 unit takes at most 3 bytes; only then could the name not fit.
    if (name.length * 3 >= maxPathBytes) throw new StoreError('ENAMETOOLONG', 'open', name);
    if (name.includes('\0')) throw new StoreError('EINVAL', 'open', name);
    let length: number;
    if (name.isWellFormed()) {
      length = memory.bytes.write(name, 'utf8');
    } else {
      const bytes = nameToBytes(name);
      memory.bytes.set(bytes);
      length = bytes.length;
    }
    memory.bytes[length] = 0;
    return memory.address;
  }

  /**
   * Memory that the C library keeps for later goes back to the host, also what lies in pieces between what is in use. Some 20 ms
   * for each 100 MB of it. False if there was none, or if the library cannot be told to.
   */
  trimMemory(): boolean {
    return this.#trim?.(0) === 1;
  }

  /** Name of the last failed call's error. */
  errno(): string {
    return errnoName(this.#koffi.errno());
  }

  error(operation: string, path: string): StoreError {
    return new StoreError(this.errno(), operation, path);
  }

  /** The answer, or what the call failed with. @throws StoreError */
  check(answer: number, operation: string, path: string): number {
    if (answer < 0) throw this.error(operation, path);
    return answer;
  }
}

function ifThere<T>(bind: () => T): T | null {
  try {
    return bind();
  } catch {
    // Nothing depends on it.
    return null;
  }
}

let library: NativeLibrary | null | undefined;

/** The calls of this Linux host, loaded at first use; null elsewhere, and where koffi has no binary. */
export function nativeLibrary(): NativeLibrary | null {
  if (library === undefined) library = process.platform === 'linux' ? load() : null;
  return library;
}

/** For what is only reached where the calls are there. */
export function requireNative(): NativeLibrary {
  const loaded = nativeLibrary();
  assert(loaded !== null, 'the native calls are loaded');
  return loaded;
}

function load(): NativeLibrary | null {
  try {
    return new NativeLibrary(createRequire(import.meta.url)('koffi') as Koffi);
  } catch {
    // No binary for this processor or C library, or one without a call of the list.
    return null;
  }
}

/** What this host lacks for want of native calls, in words for the user; empty where all is there. */
export function missingCalls(): readonly string[] {
  if (nativeLibrary() !== null) return [];
  return [...folderLosses(), 'folders walked by handle', 'locks against other processes', 'hole punching'];
}

/** What folders of this host do not give, and do not keep, for want of native calls; empty where all is there. */
export function folderLosses(): readonly string[] {
  if (nativeLibrary() !== null) return [];
  const modes = process.platform === 'win32' ? ['permissions'] : [];
  return ['extended attributes', 'access lists', 'flags', ...modes];
}

/** Gives memory that is free but still this process's back to the host, where that is possible. */
export function giveMemoryBack(): void {
  nativeLibrary()?.trimMemory();
}

/** Ends the process at once, also while a worker is inside a system call. */
export function exitNow(status: number): never {
  nativeLibrary()?.calls.exit(status);
  process.kill(process.pid, constants.signals.SIGKILL);
  throw new Error('unreachable: the process was killed');
}
