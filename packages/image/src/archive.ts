// New read-only images: of a disk that is there, or of one that is written through the archive's own device. Nothing may
// be at the path; after a failure the caller removes what was made.

import {
  assert,
  type BlockDevice,
  type FileStore,
  LatchedDevice,
  type Range,
  type StoreFile,
  showSize,
  UnsupportedError,
} from '@tintype/core';
import { type Leased, leaseImage } from './claim.js';
import { encryptedFile, parentOf } from './create.js';
import type { ArchiveForm, ArchiveOptions, DraftImage, DraftOptions, Partition, PartitionMap } from './disk-image.js';
import type { Lease } from './lease.js';
import { ARCHIVE_LIMIT } from './limits.js';
import { takeLocks } from './lock.js';
import { volumeTypeAt } from './partitions/gpt.js';
import { partitionMap, writePartitionMap } from './partitions/map.js';
import { SealedSegments } from './sealed-segments.js';
import { bytesToStore } from './udif/disk-plan.js';
import { DraftDevice } from './udif/draft.js';
import { readKoly } from './udif/koly.js';
import { UdifDevice } from './udif/reader.js';
import type { SegmentPlace } from './udif/segment-writer.js';
import { segmentPath } from './udif/segments.js';
import { writeUdif } from './udif/writer.js';

/** The file of clear bytes of a new archive, which nobody else may use. */
interface NewFile {
  readonly clear: StoreFile;
  /** For what is made beside it. */
  readonly store: FileStore;
  readonly lease: Lease | null;
  /** What is not finished is worth nothing, so the lease need not tell of it. */
  release(): void;
}

function newFile(store: FileStore, path: string, form: ArchiveForm): NewFile {
  const { holder, encryption } = form;
  const file = store.open(path, 'create');
  let leased: Leased | null = null;
  let wipe = (): void => {};
  const release = (): void => {
    wipe();
    // Closed first: until then a store whose thread could not write this file refuses all else, the lease's removal too.
    try {
      file.close();
    } finally {
      leased?.lease?.release();
    }
  };
  try {
    takeLocks([file], 'exclusive', 0, path);
    leased = leaseImage(store, path, { holder, waitLock: 0 });
    const fenced = leased.fenced(file);
    if (encryption === undefined) return { clear: fenced, store: leased.store, lease: leased.lease, release };
    const clear = encryptedFile(leased.store, path, fenced, { ...form, format: 'sparseimage', size: 0 });
    wipe = clear.wipe;
    return { clear: clear.file, store: leased.store, lease: leased.lease, release };
  } catch (error) {
    release();
    throw error;
  }
}

/** @throws UnsupportedError if an archive shall store more clear bytes than its tables can have in memory */
export function requireArchiveSize(bytes: number, path: string): void {
  if (bytes > ARCHIVE_LIMIT)
    throw new UnsupportedError(
      `${path} would store ${showSize(bytes)}, and a read-only image holds ${showSize(ARCHIVE_LIMIT)} (4 TiB) at most, since its tables are kept in memory; make a sparse bundle instead`,
      { path },
    );
}

/** A new read-only image of a disk, durable when this returns. @throws StoreError `EEXIST` and others */
export function createArchive(store: FileStore, path: string, disk: BlockDevice, options: ArchiveOptions): void {
  requireArchiveSize(bytesToStore(disk, options.free), path);
  const { clear, release, store: fenced } = newFile(store, path, options);
  const { segmentSize: size, encryption } = options;
  const sealed = size !== undefined && encryption ? new SealedSegments(fenced, path, { form: options, size }) : null;
  try {
    const segments = sealed ?? plainSegments(fenced, path, size);
    const map = typed(partitionMap(disk), volumeTypeAt(disk) ?? '');
    writeUdif(disk, clear, { ...options, map, segments });
  } finally {
    sealed?.wipe();
    release();
  }
  store.syncFolder(parentOf(path));
}

function plainSegments(store: FileStore, path: string, room: number | undefined): SegmentPlace | undefined {
  if (room === undefined) return undefined;
  return { room, open: (number, mode) => store.open(segmentPath(path, number), mode) };
}

/** A read-only image that is written as a disk and appears at `close`. @throws StoreError `EEXIST` and others */
export function createDraft(store: FileStore, path: string, options: DraftOptions): DraftImage {
  const { size, random, format, level, lanes } = options;
  const map = plannedMap(options);
  const file = newFile(store, path, options);
  try {
    const archive = new DraftDevice(file.clear, { size, random, format, level, lanes, map });
    const device = new LatchedDevice(archive);
    const partition = writePartitionMap(device, options);
    return draftImage(store, path, { file, archive, device, partition, options });
  } catch (error) {
    file.release();
    throw error;
  }
}

/** The map that the disk will have, as far as places go: chunks are cut by it before it is written. */
function plannedMap({ size, scheme, type }: DraftOptions): PartitionMap {
  const none: PartitionMap = { scheme: 'none', blockSize: 512, partitions: [], findings: [] };
  const nowhere = new NoFile();
  const sketch = new DraftDevice(nowhere, { size, format: 'udro', map: none, random: () => {} });
  writePartitionMap(sketch, { scheme, type, random: (target) => target.fill(1) });
  return typed(partitionMap(sketch), type);
}

/** A disk without a map has one partition, which nothing but its volume names. */
function typed(map: PartitionMap, type: string): PartitionMap {
  return map.scheme === 'none' ? { ...map, partitions: map.partitions.map((whole) => ({ ...whole, type })) } : map;
}

interface DraftParts {
  readonly file: NewFile;
  readonly archive: DraftDevice;
  readonly device: LatchedDevice;
  readonly options: DraftOptions;
  readonly partition: Partition;
}

function draftImage(store: FileStore, path: string, parts: DraftParts): DraftImage {
  const { file, archive, device, partition, options } = parts;
  const { format, replaces = [], lanes } = options;
  let made: UdifDevice | null = null;
  const finished = (): UdifDevice => {
    const koly = readKoly(file.clear);
    assert(koly !== null, 'an archive is read after it was finished');
    made ??= new UdifDevice(file.clear, koly, { lanes });
    return made;
  };
  return {
    path,
    format,
    device,
    partition,
    ownPaths: [path, ...(file.lease ? [file.lease.path] : []), ...replaces],
    get fileBytes() {
      return file.clear.size();
    },
    // How long it becomes, nobody knows before; one that is too long for its host leaves nothing.
    fileLength: () => null,
    repairWasCut: false,
    mendedAtOpen: [],
    overwrite: () => {
      throw new UnsupportedError('an archive is not repaired while it is written');
    },
    get peakBytes() {
      return Math.max(archive.peakBytes, file.clear.size());
    },
    get supersededBytes() {
      return archive.superseded;
    },
    facts: () => {
      const hostBytes = file.clear.allocated(0, file.clear.size());
      return { format, size: device.size, encryption: null, hostBytes, timeMachine: false };
    },
    finish: (free: Iterable<Range>) => {
      device.change(() => archive.finish(free));
      store.syncFolder(parentOf(path));
    },
    finished,
    verify: () => finished().verify(),
    checked: () => finished().checked(path),
    glance: () => finished().glance(),
    requireChecksums: (check) => finished().requireChecksums(path, check),
    resize: () => {
      throw new UnsupportedError('an archive that is being written keeps its size');
    },
    compact: () => 0,
    close: () => file.release(),
  };
}

/** Of a sketch, which stays in memory. */
class NoFile implements StoreFile {
  readonly path = '';
  size = (): number => 0;
  allocated = (): number => 0;
  read = (): number => 0;
  write(): never {
    throw new UnsupportedError('a sketch has no file');
  }
  allocate = (): never => this.write();
  truncate = (): never => this.write();
  punch = (): boolean => false;
  lock = (): boolean => true;
  sync(): void {}
  close(): void {}
}
