// The disk of an ASIF image of which the header, a directory or tables are damaged. A damaged header is made anew as macOS
// and we lay it out; of the two directories the one counts that can be read. Where neither names a table, the first one is
// looked for, which is all that a disk of up to 126 GiB has. What cannot be found is stored nowhere.

import {
  type BlockDevice,
  CorruptError,
  type DeviceExtent,
  type Finding,
  finding,
  ReadOnlyDevice,
  type StoreFile,
} from '@tintype/core';
import { newHeader } from '../asif/create.js';
import { AsifDevice } from '../asif/device.js';
import { readAsifHeader } from '../asif/format.js';
import { ENTRY } from '../asif/structs.js';
import { AsifTables } from '../asif/tables.js';
import { PatchedFile } from './patched-file.js';
import { statedSize } from './stated-size.js';

const SECTOR = 512;
/** High halves of entries of the three states that are there. */
const [FULL, UNMAPPED, PARTIAL] = [0x4000_0000, 0x8000_0000, 0xc000_0000];

/** Null if nothing of an ASIF image is there. @throws UnsupportedError, StoreError */
export function asifRuin(file: StoreFile, findings: Finding[]): BlockDevice | null {
  const add = (kind: string, place: string, message: string): void => {
    findings.push(finding(kind, place, message, { severity: 'warning' }));
  };
  const problem = headerProblem(file);
  const whole = problem === null ? file : withMendedHeader(file);
  if (!whole) return null;
  if (problem !== null) add('asif-header', 'header', `${problem}; it was made anew`);
  const { used, live } = directories(whole);
  const found = used.end === 0 ? withFoundTable(whole) : null;
  if (found) {
    add('asif-directory', 'directory', 'neither names a table; the first one was found');
    return new AsifRuin(new AsifDevice(withSoundDirectory(found, 0), false, 0));
  }
  if (used.directory !== live)
    add('asif-directory', 'directory', 'the one that counts is damaged; that of the commit before was taken');
  if (used.problem !== null) add('asif-entry', 'tables', `${used.problem}; what is not found reads as zeros`);
  return new AsifRuin(new AsifDevice(withSoundDirectory(whole, used.directory), false, used.directory));
}

/** Entries that name no table, or one that an earlier one named, name none: so there are no more tables than chunks. */
function withSoundDirectory(file: StoreFile, directory: 0 | 1): StoreFile {
  const { chunkSize, directories, tables } = readAsifHeader(file);
  const first = directories[directory] + ENTRY;
  const head = new Uint8Array(first + ENTRY * tables);
  file.read(0, head);
  const view = new DataView(head.buffer);
  const chunks = BigInt(Math.floor(file.size() / chunkSize));
  const named = new Set<bigint>();
  for (let at = first; at < head.length; at += ENTRY) {
    const chunk = view.getBigUint64(at);
    if (chunk === 0n) continue;
    if (chunk >= chunks || named.has(chunk)) view.setBigUint64(at, 0n);
    named.add(chunk);
  }
  return new PatchedFile(file, head);
}

function headerProblem(file: StoreFile): string | null {
  try {
    readAsifHeader(file);
    return null;
  } catch (error) {
    if (!(error instanceof CorruptError)) throw error;
    return error.message;
  }
}

/** The size is what the disk itself says, or ends with the last chunk that is there. Null if there is none. */
function withMendedHeader(file: StoreFile): StoreFile | null {
  const headed = (size: number | null) => new PatchedFile(file, newHeader({ size, uuid: new Uint8Array(16) }).bytes);
  const largest = headed(null);
  const named = directories(largest).used;
  const found = named.end === 0 ? withFoundTable(largest) : null;
  const used = found ? directories(found).used : named;
  const disk = new AsifDevice(withSoundDirectory(found ?? largest, used.directory), false, used.directory);
  const stated = statedSize(new AsifRuin(disk));
  const isSane = stated % SECTOR === 0 && stated <= readAsifHeader(largest).maxSize;
  return used.end > 0 ? headed(Math.max(isSane ? stated : 0, used.end)) : null;
}

/** The file with the first table, which was found, in its first directory. Null if none was, or several. */
function withFoundTable(file: StoreFile): StoreFile | null {
  const { chunkSize, directories, groupChunks } = readAsifHeader(file);
  const chunks = Math.ceil(file.size() / chunkSize);
  const group = new DataView(new ArrayBuffer(ENTRY * groupChunks));
  const tables: number[] = [];
  for (const chunk of storedChunks(file, chunkSize, 1, chunks)) {
    const got = file.read(chunk * chunkSize, new Uint8Array(group.buffer));
    if (got === group.byteLength && isGroup(group, chunk, chunks)) tables.push(chunk);
  }
  const [table] = tables;
  if (table === undefined || tables.length > 1) return null;
  const head = new Uint8Array(directories[0] + 2 * ENTRY);
  file.read(0, head);
  new DataView(head.buffer).setBigUint64(directories[0] + ENTRY, BigInt(table));
  return new PatchedFile(file, head);
}

/** Those that are no holes: halved until they are, so that a hole of a petabyte is asked for once. */
function* storedChunks(file: StoreFile, chunkSize: number, first: number, end: number): Generator<number> {
  if (first >= end || file.allocated(first * chunkSize, (end - first) * chunkSize) === 0) return;
  if (end - first === 1) {
    yield first;
    return;
  }
  const middle = Math.floor((first + end) / 2);
  yield* storedChunks(file, chunkSize, first, middle);
  yield* storedChunks(file, chunkSize, middle, end);
}

/** True for entries of which each is one that we know, at least one names a chunk, and no two the same. */
function isGroup(view: DataView, own: number, chunks: number): boolean {
  const named = new Set<number>([0, own]);
  for (let at = 0; at < view.byteLength; at += ENTRY) {
    const [high, low] = [view.getUint32(at), view.getUint32(at + 4)];
    const isEmpty = low === 0 && (high === 0 || high === UNMAPPED);
    if (isEmpty) continue;
    if ((high !== FULL && high !== PARTIAL) || low >= chunks || named.has(low)) return false;
    named.add(low);
  }
  return named.size > 2;
}

interface Directory {
  readonly directory: 0 | 1;
  /** Why not all that it names can be read; null if all can. */
  readonly problem: string | null;
  /** Bytes of the disk up to its last chunk that is stored, as far as can be read. */
  readonly end: number;
}

/** The one to go by, and which of them has the higher number. */
function directories(file: StoreFile): { used: Directory; live: 0 | 1 } {
  const format = readAsifHeader(file);
  const look = (directory: 0 | 1): Directory => {
    let end = 0;
    try {
      for (const { kind, index } of new AsifTables(file, format, directory).used())
        if (kind === 'data' && (index + 1) * format.chunkSize <= format.maxSize) end = (index + 1) * format.chunkSize;
      return { directory, problem: null, end };
    } catch (error) {
      if (!(error instanceof CorruptError)) throw error;
      return { directory, problem: error.message, end };
    }
  };
  const live = liveDirectory(file);
  const [first, second] = [look(live), look(live === 0 ? 1 : 0)];
  // What the other one says is older, and its tables may be holes by now: it only stands in where there is nothing else.
  return { used: first.end === 0 && second.end > 0 ? second : first, live };
}

/** An absurd number is none. */
function liveDirectory(file: StoreFile): 0 | 1 {
  const { directories } = readAsifHeader(file);
  const numbers = directories.map((offset) => {
    const bytes = new Uint8Array(8);
    file.read(offset, bytes);
    const value = new DataView(bytes.buffer).getBigUint64(0);
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? 0n : value;
  }) as [bigint, bigint];
  return numbers[1] > numbers[0] ? 1 : 0;
}

/** Chunks of which the entry, or what it needs, is damaged are stored nowhere. */
class AsifRuin extends ReadOnlyDevice {
  readonly #chunkSize: number;

  constructor(below: AsifDevice) {
    super(below);
    this.#chunkSize = below.chunkSize;
  }
  override read(position: number, target: Uint8Array): void {
    for (let at = 0; at < target.length; ) {
      const left = this.#chunkSize - ((position + at) % this.#chunkSize);
      const part = target.subarray(at, at + left);
      if (!this.#tryRead(position + at, part)) part.fill(0);
      at += part.length;
    }
  }
  override extent(position: number): DeviceExtent {
    try {
      return super.extent(position);
    } catch (error) {
      if (!(error instanceof CorruptError)) throw error;
      // This chunk, or one of those behind it.
      const end = (Math.floor(position / this.#chunkSize) + 1) * this.#chunkSize;
      const isThere = this.#tryRead(position, new Uint8Array(1));
      return { length: Math.min(end, this.size) - position, kind: isThere ? 'data' : 'zero' };
    }
  }
  #tryRead(position: number, target: Uint8Array): boolean {
    try {
      super.read(position, target);
      return true;
    } catch (error) {
      if (!(error instanceof CorruptError)) throw error;
      return false;
    }
  }
}
