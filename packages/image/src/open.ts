// Opens any image: finds its format, takes lock and lease, and puts a latch over its device.

import {
  assert,
  type BlockDevice,
  CorruptError,
  type FileStore,
  type Finding,
  finding,
  LatchedDevice,
  RefusedError,
  StoreError,
  type StoreFile,
  TintypeError,
  UnsupportedError,
} from '@tintype/core';
import { AsifDevice } from './asif/device.js';
import { detect } from './detect.js';
import type {
  ContainerFacts,
  DetectedKind,
  DiskImage,
  EncryptionFacts,
  ImageFormat,
  OpenImageOptions,
} from './disk-image.js';
import { FencedDevice } from './fenced-device.js';
import { HEARTBEAT_MS, Lease, leaseHolder } from './lease.js';
import type { LeasePlace } from './lease-file.js';
import { type HeldLock, lockBundle, takeLocks } from './lock.js';
import { RawDevice } from './raw.js';
import { Bands } from './sparsebundle/bands.js';
import { BundleDevice } from './sparsebundle/device.js';
import { parseInfoPlist, readBundleInfo, readSmallFile } from './sparsebundle/info-plist.js';
import { resizeBundle } from './sparsebundle/resize.js';
import { SparseImageDevice } from './sparseimage/device.js';
import { readKoly, UdifDevice } from './udif/reader.js';

/** A container that is open, before the lease. */
export interface Opened {
  readonly device: BlockDevice;
  readonly format: ImageFormat;
  readonly lock: HeldLock;
  readonly bandSize?: number;
  verify(): Iterable<Finding>;
  /** Durable when it returns; absent where the disk's size is fixed. */
  resize?(size: number): void;
  /** The largest that the disk can become, where the format says so. */
  readonly maxSize?: number;
  /** Packs the file, asking `check` before each step; answers by how many bytes it became shorter. */
  compact?(check: () => void): number;
  /** Called before use if the last writer did not close the image. */
  distrust?(): void;
}

/** Folder and name of an image's files: where its lease lies. */
export function leasePlace(path: string, isBundle: boolean): LeasePlace {
  if (isBundle) return { folder: path, prefix: 'tintype.lease.' };
  const slash = path.lastIndexOf('/');
  return { folder: slash < 0 ? '.' : path.slice(0, slash) || '/', prefix: `.${path.slice(slash + 1)}.tintype.lease.` };
}

export function openImage(store: FileStore, path: string, options: OpenImageOptions): DiskImage {
  const detected = detect(store, path);
  if (!detected)
    throw new UnsupportedError(store.kind(path) === null ? `there is nothing at ${path}` : `${path} is no disk image`);
  if (detected.timeMachine && options.writable && !options.allowTimeMachine)
    throw new RefusedError('time-machine', `${path} belongs to Time Machine`, { path });
  const opened = openContainer(store, path, detected.kind, options);
  return holdImage(store, path, opened, options);
}

/** Puts lease, fence and latch around an open container. */
export function holdImage(
  store: FileStore,
  path: string,
  opened: Opened,
  options: Omit<OpenImageOptions, 'allowTimeMachine'>,
): DiskImage {
  const isBundle = opened.format === 'sparsebundle';
  let lease: Lease | null = null;
  try {
    if (options.writable && store.kind(path) !== 'device') {
      const heartbeat = options.holder.heartbeat ?? HEARTBEAT_MS;
      lease = Lease.take({
        store,
        ...leasePlace(path, isBundle),
        holder: options.holder,
        image: path,
        heartbeat,
        onLost: options.onLeaseLost,
      });
      if (lease.isTakenOver) opened.distrust?.();
    }
  } catch (error) {
    try {
      opened.device.close();
    } finally {
      opened.lock.release();
    }
    throw error;
  }
  const device = new LatchedDevice(lease ? new FencedDevice(opened.device, lease) : opened.device);
  return {
    path,
    format: opened.format,
    device,
    ownPaths: lease ? [path, lease.path] : [path],
    facts: () => imageFacts(store, path),
    verify: () => opened.verify(),
    resize: (size) => {
      const { resize } = opened;
      if (!resize || !device.writable || store.kind(path) === 'device')
        throw new UnsupportedError(`the size of the disk in ${path} cannot be changed`);
      assert(size > 0 && size % device.blockSize === 0, 'a disk is made of whole blocks');
      const { maxSize = Number.MAX_SAFE_INTEGER } = opened;
      if (size > maxSize) throw new UnsupportedError(`the disk in ${path} can have ${maxSize} bytes at most`);
      device.flush();
      device.change(() => resize(size));
    },
    compact: () => {
      assert(device.writable, 'an image that is packed is open for writing');
      device.flush();
      let freed = 0;
      device.change(() => {
        freed = opened.compact?.(() => lease?.requireHeld()) ?? 0;
      });
      return freed;
    },
    close: () => {
      closeAll(device, lease, opened.lock);
    },
  };
}

/** After a failure the lease's file stays: it tells the next one that this image was not closed. */
function closeAll(device: LatchedDevice, lease: Lease | null, lock: HeldLock): void {
  try {
    if (device.writable && device.failure === null) device.flush();
    device.close();
  } finally {
    try {
      if (device.failure === null) lease?.release();
      else lease?.abandon();
    } finally {
      lock.release();
    }
  }
}

function openContainer(store: FileStore, path: string, kind: DetectedKind, options: OpenImageOptions): Opened {
  switch (kind) {
    case 'sparsebundle':
      return openBundle(store, path, options.writable, options.waitLock);
    case 'encrypted':
      throw new UnsupportedError(`${path} is encrypted, which cannot be opened yet`, { path });
    default:
      return openFile(store, path, kind, options);
  }
}

export function openBundle(store: FileStore, path: string, writable: boolean, wait: number): Opened {
  const info = readBundleInfo(store, path);
  const lock = lockBundle(store, path, writable, wait);
  const bands = new Bands(store, `${path}/bands`, info.bandSize, writable);
  const device = new BundleDevice(bands, info, writable);
  return {
    device,
    format: 'sparsebundle',
    lock,
    bandSize: info.bandSize,
    verify: () => verifyBundle(store, path),
    distrust: () => bands.distrust(),
    resize: (size) => resizeBundle({ store, path, bands, device }, size),
  };
}

function openFile(
  store: FileStore,
  path: string,
  kind: DetectedKind,
  { writable, waitLock }: OpenImageOptions,
): Opened {
  if (writable && kind === 'udif') throw new RefusedError('read-only-image', `${path} is a read-only image`, { path });
  const file = store.open(path, writable ? 'write' : 'read');
  try {
    takeFileLock(file, writable, waitLock, path);
    return { ...fileContainer(file, kind, writable), lock: { release: () => {} } };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** A file that cannot be locked for reading is read all the same, unless someone writes it. */
function takeFileLock(file: StoreFile, writable: boolean, wait: number, path: string): void {
  takeLocks([file], writable ? 'exclusive' : 'shared', wait, path);
}

export function fileContainer(file: StoreFile, kind: DetectedKind, writable: boolean): Omit<Opened, 'lock'> {
  if (kind === 'sparseimage') {
    const device = new SparseImageDevice(file, writable);
    const compact = (check: () => void): number => device.compact(check);
    const resize = (size: number): void => device.resize(size);
    return { device, format: 'sparseimage', bandSize: device.bandSize, verify: () => device.verify(), resize, compact };
  }
  if (kind === 'asif') {
    const device = new AsifDevice(file, writable);
    const resize = (size: number): void => device.resize(size);
    return { device, format: 'asif', verify: () => device.verify(), resize, maxSize: device.maxSize };
  }
  const koly = readKoly(file);
  if (kind === 'udif' && koly) {
    const device = new UdifDevice(file, koly);
    return { device, format: udifFormat(device.codecs), verify: () => device.verify() };
  }
  // An old raw image may end with a trailer that has no property list: the disk is its data fork.
  const [start, size] = koly ? [koly.dataForkOffset, koly.dataForkLength] : [0, file.size()];
  const device = new RawDevice(file, start, size, writable);
  return { device, format: 'udrw', verify: () => [], resize: (to) => device.resize(to) };
}

function udifFormat(codecs: readonly string[]): ImageFormat {
  const formats: Readonly<Record<string, ImageFormat>> = {
    ADC: 'udco',
    zlib: 'udzo',
    bzip2: 'udbz',
    LZFSE: 'ulfo',
    LZMA: 'ulmo',
  };
  return formats[codecs[0] ?? ''] ?? 'udro';
}

/** Band files that are too long, or are no files; bands beyond the disk's end. Here the folder is listed. */
function* verifyBundle(store: FileStore, path: string): Generator<Finding> {
  yield* verifyInfoPlist(store, path);
  const { bandSize, size } = readBundleInfo(store, path);
  const count = Math.ceil(size / bandSize);
  for (const { name, kind } of store.list(`${path}/bands`)) {
    if (!/^(0|[1-9a-f][0-9a-f]*)$/.test(name)) continue;
    const index = Number.parseInt(name, 16);
    if (kind !== 'file') yield finding('band-kind', `band ${name}`, `is no file, but ${kind}`);
    else if (index >= count)
      yield finding('band-beyond-end', `band ${name}`, `lies behind the end of the disk (${count} bands)`, {
        severity: 'warning',
      });
    else yield* verifyBand(store, `${path}/bands/${name}`, name, bandSize);
  }
}

/** A bundle opens by the copy of its property list; then the list itself is what is wrong. */
function* verifyInfoPlist(store: FileStore, path: string): Generator<Finding> {
  try {
    parseInfoPlist(readSmallFile(store, `${path}/Info.plist`));
  } catch (error) {
    if (!(error instanceof CorruptError) && !(error instanceof StoreError)) throw error;
    yield finding('info-plist', 'Info.plist', error.message, { repairable: true });
  }
}

function* verifyBand(store: FileStore, path: string, name: string, bandSize: number): Generator<Finding> {
  try {
    const file = store.open(path, 'read');
    const length = file.size();
    file.close();
    if (length > bandSize)
      yield finding(
        'band-length',
        `band ${name}`,
        `is ${length - bandSize} bytes longer than the band size (${bandSize})`,
        { repairable: true },
      );
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    yield finding('band-unreadable', `band ${name}`, error.message);
  }
}

/** What is known of an image without opening it for use: locks do not matter, nor a missing passphrase. */
export function imageFacts(store: FileStore, path: string): ContainerFacts {
  const detected = detect(store, path);
  if (!detected) throw new UnsupportedError(`${path} is no disk image`);
  const { timeMachine } = detected;
  if (store.kind(path) === 'directory') {
    const { bandSize, size } = readBundleInfo(store, path);
    const bands = store.list(`${path}/bands`).filter(({ name }) => /^(0|[1-9a-f][0-9a-f]*)$/.test(name));
    let hostBytes = 0;
    for (const { name } of bands) hostBytes += storedBytes(store, `${path}/bands/${name}`);
    const encryption = detected.kind === 'encrypted' ? encryptionFacts(store, `${path}/token`) : null;
    return { format: 'sparsebundle', size, bandSize, bandsPresent: bands.length, encryption, hostBytes, timeMachine };
  }
  const file = store.open(path, 'read');
  try {
    const hostBytes = file.allocated(0, file.size());
    if (detected.kind === 'encrypted')
      return { format: 'udrw', size: file.size(), encryption: encryptionFacts(store, path), hostBytes, timeMachine };
    const { device, format } = fileContainer(file, detected.kind, false);
    const bands =
      device instanceof SparseImageDevice ? { bandSize: device.bandSize, bandsPresent: device.bandsPresent } : {};
    return { format, size: device.size, ...bands, encryption: null, hostBytes, timeMachine };
  } finally {
    file.close();
  }
}

function storedBytes(store: FileStore, path: string): number {
  try {
    const file = store.open(path, 'read');
    const bytes = file.allocated(0, file.size());
    file.close();
    return bytes;
  } catch (error) {
    if (error instanceof TintypeError) return 0;
    throw error;
  }
}

/** Algorithm, key bits and rounds of an encryption header: version 2 in front, version 1 behind. */
function encryptionFacts(store: FileStore, path: string): EncryptionFacts {
  const file = store.open(path, 'read');
  try {
    const size = file.size();
    const head = Buffer.alloc(512);
    file.read(0, head);
    if (head.toString('latin1', 0, 8) === 'encrcdsa')
      return { algorithm: 'AES', keyBits: head.readUInt32BE(24), iterations: iterationsOf(file, head) };
    const tail = Buffer.alloc(1276);
    file.read(Math.max(0, size - 1276), tail);
    return { algorithm: 'AES', keyBits: tail.readUInt32BE(100), iterations: tail.readUInt32BE(48) };
  } finally {
    file.close();
  }
}

function iterationsOf(file: StoreFile, head: Buffer): number {
  const blob = Buffer.alloc(12);
  const offset = Number(head.readBigUInt64BE(80));
  return Number.isSafeInteger(offset) && file.read(offset, blob) === blob.length ? blob.readUInt32BE(8) : 0;
}

/** Who holds the image for writing, or null. */
export function lockHolder(store: FileStore, path: string): string | null {
  return leaseHolder(store, leasePlace(path, store.kind(path) === 'directory'));
}
