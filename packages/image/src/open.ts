// Opens any image: finds its format, takes lock and lease, and puts a latch over its device.

import {
  assert,
  type BlockDevice,
  CorruptError,
  type FileStore,
  type Finding,
  finding,
  type Lanes,
  LatchedDevice,
  RefusedError,
  type StoreFile,
  showSize,
  TintypeError,
  UnsupportedError,
} from '@tintype/core';
import { AsifDevice } from './asif/device.js';
import { type Leased, leaseImage, lockImage, unleased, waitingFrom } from './claim.js';
import { detect, detectFile } from './detect.js';
import type {
  CheckedDisk,
  ContainerFacts,
  DetectedKind,
  DiskImage,
  EncryptionFacts,
  ImageFormat,
  OpenImageOptions,
} from './disk-image.js';
import type { ChunkCipher } from './encryption/chunk-cipher.js';
import { EncryptedFile } from './encryption/file.js';
import { readEncryptionHeader } from './encryption/header.js';
import { type Access, openEncryptedFile, openToken } from './encryption/open.js';
import { FencedDevice } from './fenced-device.js';
import type { Lease } from './lease.js';
import { type HeldLock, lockBundle } from './lock.js';
import { overwrite, type Settled, settleUndo, type UndoPlace } from './overwrite.js';
import { RawDevice } from './raw.js';
import { Bands } from './sparsebundle/bands.js';
import { BundleDevice } from './sparsebundle/device.js';
import { readBundleInfo } from './sparsebundle/info-plist.js';
import { resizeBundle } from './sparsebundle/resize.js';
import { verifyBundle } from './sparsebundle/verify.js';
import { SparseImageDevice } from './sparseimage/device.js';
import { wrongChecksum } from './udif/checksums.js';
import { ClearSegments } from './udif/clear-segments.js';
import { type KolyFields, readKoly } from './udif/koly.js';
import { UdifDevice } from './udif/reader.js';
import { isLaterSegment, notFirst, openSegments, type SegmentsPlace, segmentsBeside } from './udif/segments.js';
import { type Seal, undoPath } from './undo-file.js';

const SECTOR = 512;

/** A container that is open, before the lease. */
export interface Opened {
  readonly device: BlockDevice;
  readonly format: ImageFormat;
  readonly lock: HeldLock;
  readonly bandSize?: number;
  verify(): Iterable<Finding>;
  /** Absent: the container has no checksums. */
  checked?(path: string): CheckedDisk;
  /** As of `DiskImage`; absent: nothing can be told, there are no checksums. */
  glance?(): readonly Finding[];
  requireChecksums?(path: string, check: () => void): void;
  /** Durable when it returns; absent where the disk's size is fixed. */
  resize?(size: number): void;
  /** What its size is a multiple of; absent: the device's blocks. */
  readonly sizeUnit?: number;
  /** The largest that the disk can become, where the format says so. */
  readonly maxSize?: number;
  /** Packs the file, asking `check` before each step; answers by how many bytes it became shorter. */
  compact?(check: () => void): number;
  /** Bytes of the file, where it grows as the disk is written. */
  fileLength?(): number;
  /** Of an encrypted one: a file beside it with the same keys. */
  readonly seal?: Seal;
  /** As of `DiskImage`. */
  readonly mendedAtOpen?: readonly string[];
  /** Called before use if the last writer did not close the image. */
  distrust?(): void;
}

/** Why nothing was detected at a path. */
export function noImage(store: FileStore, path: string): TintypeError {
  if (store.kind(path) === null) return new RefusedError('no-source', `there is nothing at ${path}`, { path });
  return laterSegment(store, path) ?? new UnsupportedError(`${path} is no disk image`, { path });
}

/** Null if the file is none of an image's further ones. */
function laterSegment(store: FileStore, path: string): RefusedError | null {
  if (store.kind(path) !== 'file') return null;
  const file = store.open(path, 'read');
  try {
    const koly = readKoly(file);
    return koly && isLaterSegment(koly) ? notFirst(path, koly) : null;
  } catch (error) {
    if (error instanceof CorruptError) return null;
    throw error;
  } finally {
    file.close();
  }
}

/** Opens any image. @throws CorruptError, LockedError, PassphraseError, RefusedError, StoreError, UnsupportedError */
export function openImage(store: FileStore, path: string, options: OpenImageOptions): DiskImage {
  const detected = detect(store, path);
  if (!detected) throw noImage(store, path);
  if (detected.timeMachine && options.writable && !options.allowTimeMachine)
    throw new RefusedError('time-machine', `${path} belongs to Time Machine`, { path });
  if (detected.kind === 'udif' && options.writable) throw readOnly(path);
  const left = waitingFrom(options.waitLock);
  const lock = lockImage(store, path, options);
  return holdImage(store, path, lock, { ...options, waitLock: left() }, (leased) =>
    lock.file
      ? fileOpened(leased.store, path, leased.fenced(lock.file), detected.kind, options)
      : bundleOpened(leased.store, path, lock, options),
  );
}

/**
 * Takes the lease of an image that is locked, and puts fence and latch around what `open` then makes of its files. If
 * that fails, the image is given up as it was found.
 */
export function holdImage(
  store: FileStore,
  path: string,
  lock: HeldLock,
  options: Omit<OpenImageOptions, 'allowTimeMachine'>,
  open: (leased: Leased) => Opened,
): DiskImage {
  let lease: Lease | null = null;
  let opened: Opened;
  let settled: Settled;
  let place: UndoPlace;
  try {
    const leased = options.writable ? leaseImage(store, path, options) : unleased(store);
    lease = leased.lease;
    opened = open(leased);
    if (lease?.isTakenOver) opened.distrust?.();
    place = { store: leased.store, path, seal: opened.seal };
    settled = settleUndo(opened.device, place);
  } catch (error) {
    try {
      lease?.handOn();
    } finally {
      lock.release();
    }
    throw error;
  }
  return diskImage(place, settled, opened, { store, lease });
}

function diskImage(
  place: UndoPlace,
  settled: Settled,
  opened: Opened,
  { store, lease }: { readonly store: FileStore; readonly lease: Lease | null },
): DiskImage {
  const { path } = place;
  const device = new LatchedDevice(lease ? new FencedDevice(settled.device, lease) : settled.device);
  return {
    path,
    format: opened.format,
    device,
    ownPaths: lease ? [path, lease.path] : [path],
    facts: () => openFacts(store, path, opened),
    fileLength: () => opened.fileLength?.() ?? null,
    repairWasCut: settled.wasCut,
    mendedAtOpen: opened.mendedAtOpen ?? [],
    *verify() {
      if (settled.wasCut && !device.writable) yield cutRepair(path);
      yield* opened.verify();
    },
    checked: () => opened.checked?.(path) ?? null,
    glance: () => opened.glance?.() ?? [],
    requireChecksums: opened.requireChecksums ? (check) => opened.requireChecksums?.(path, check) : null,
    overwrite: (changes) => {
      if (store.kind(path) === 'device')
        throw new UnsupportedError(`${path} is a device: there is no place beside it for what would be overwritten`);
      overwrite(device, place, changes);
    },
    resize: (size) => {
      const { resize } = opened;
      if (!resize || !device.writable || store.kind(path) === 'device')
        throw new UnsupportedError(`the size of the disk in ${path} cannot be changed`);
      assert(size > 0 && size % (opened.sizeUnit ?? device.blockSize) === 0, 'a disk is made of whole blocks');
      const { maxSize = Number.MAX_SAFE_INTEGER } = opened;
      if (size > maxSize) throw new UnsupportedError(`the disk in ${path} can have ${showSize(maxSize)} at most`);
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

function cutRepair(path: string): Finding {
  const message = 'a repair was cut off; what it wrote counts as not written until the image is opened for writing';
  return finding('repair-cut-off', undoPath(path), message, { severity: 'warning', repairable: true });
}

/** After a failure the lease's file stays: it tells the next one that this image was not closed. */
function closeAll(device: LatchedDevice, lease: Lease | null, lock: HeldLock): void {
  try {
    try {
      if (device.writable && device.failure === null) device.flush();
    } finally {
      device.close();
    }
  } finally {
    try {
      if (device.failure === null) lease?.release();
      else lease?.abandon();
    } finally {
      lock.release();
    }
  }
}

type FileOptions = Pick<OpenImageOptions, 'writable' | 'passphrase' | 'lanes' | 'ignoreChecksums'>;
export type ContainerOptions = FileOptions & Pick<OpenImageOptions, 'waitLock'>;

/** Without a lease. */
export function openBundle(
  store: FileStore,
  path: string,
  writable: boolean,
  waitLock: number,
  passphrase?: Uint8Array,
): Opened {
  const lock = lockBundle(store, path, writable, waitLock);
  try {
    return bundleOpened(store, path, lock, { writable, passphrase });
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** The lock is held, and stays so if this fails. */
export function bundleOpened(
  store: FileStore,
  path: string,
  lock: HeldLock,
  { writable, passphrase, keys }: Pick<Access, 'writable' | 'keys'> & Pick<OpenImageOptions, 'passphrase'>,
): Opened {
  const info = readBundleInfo(store, path);
  const isEncrypted = detect(store, path)?.kind === 'encrypted';
  const cipher = isEncrypted ? openToken({ store, path, writable, passphrase, keys }, info.bandSize) : null;
  const wrap = cipher
    ? (file: StoreFile) => new EncryptedFile(file, cipher, { dataOffset: 0, clearSize: null })
    : undefined;
  const bands = new Bands(store, `${path}/bands`, info.bandSize, writable, wrap);
  const device = new BundleDevice(bands, info, writable, cipher?.chunkSize);
  return {
    device,
    format: 'sparsebundle',
    lock: { release: () => releaseAll(cipher, lock) },
    ...(cipher ? { seal: sealedBy(cipher) } : {}),
    bandSize: info.bandSize,
    verify: () => verifyBundle(store, path, cipher?.chunkSize ?? 1),
    distrust: () => bands.distrust(),
    sizeUnit: SECTOR,
    resize: (size) => resizeBundle({ store, path, bands, device }, size),
  };
}

function sealedBy(cipher: ChunkCipher): Seal {
  return (file, dataOffset, clearSize) => new EncryptedFile(file, cipher, { dataOffset, clearSize });
}

function releaseAll(cipher: { wipe(): void } | null, lock: HeldLock): void {
  cipher?.wipe();
  lock.release();
}

/** Without a lease. */
export function openFile(store: FileStore, path: string, kind: DetectedKind, options: ContainerOptions): Opened {
  const { file, release } = lockImage(store, path, options);
  assert(file !== null, 'an image that is no folder is a file');
  try {
    return fileOpened(store, path, file, kind, options);
  } catch (error) {
    release();
    throw error;
  }
}

/** `file` is locked, and stays open if this fails; else it is closed with the device. */
function fileOpened(store: FileStore, path: string, file: StoreFile, kind: DetectedKind, options: FileOptions): Opened {
  const { writable, lanes, ignoreChecksums } = options;
  const place = { beside: { store, path }, lanes, isRefused: !ignoreChecksums };
  const opened =
    kind === 'encrypted'
      ? openEncrypted(store, path, file, options)
      : { ...fileContainer(file, kind, writable, place), lock: { release: () => {} } };
  const grows = opened.format === 'sparseimage' || opened.format === 'asif';
  return grows ? { ...opened, fileLength: () => file.size() } : opened;
}

function readOnly(path: string): RefusedError {
  return new RefusedError('read-only-image', `${path} is a read-only image`, { path });
}

/** After decrypting, it is looked at as any file is. */
function openEncrypted(
  store: FileStore,
  path: string,
  file: StoreFile,
  { writable, passphrase, lanes, ignoreChecksums }: FileOptions,
): Opened {
  const clear = openEncryptedFile(file, { store, path, writable, passphrase });
  const segments = new ClearSegments({ store, passphrase });
  const beside = { store, path, decrypted: (segment: StoreFile) => segments.open(segment) };
  const wipe = (): void => {
    segments.wipe();
    clear.cipher.wipe();
  };
  try {
    const [cut] = clear.findings;
    if (cut && writable) throw new CorruptError('encrypted data', 'size', clear.readable.size(), cut.message);
    const kind = detectFile(clear.readable)?.kind ?? 'raw';
    if (kind === 'udif' && writable) throw readOnly(path);
    if (kind === 'encrypted' || kind === 'asif')
      throw new UnsupportedError(`${path} holds another ${kind} image, which cannot be opened`, { path });
    // The end of one that is cut off cannot be looked at.
    const opened =
      cut && kind === 'raw'
        ? rawDisk(clear.file, writable)
        : fileContainer(clear.file, kind, writable, { lanes, beside, isRefused: !ignoreChecksums });
    return {
      ...opened,
      ...limitedBy(clear.largestDisk),
      lock: { release: wipe },
      seal: sealedBy(clear.cipher),
      *verify() {
        yield* clear.findings;
        yield* opened.verify();
      },
    };
  } catch (error) {
    wipe();
    throw error;
  }
}

/** Of a disk in an encrypted file: the last chunk need not be full, and chunks are numbered by 32 bits. */
export function limitedBy(maxSize: number | undefined): Pick<Opened, 'sizeUnit' | 'maxSize'> {
  return maxSize === undefined ? {} : { sizeUnit: SECTOR, maxSize };
}

/** What a UDIF needs beside its file. */
interface UdifPlace {
  /** Where the file lies, for images in several files. */
  readonly beside?: SegmentsPlace;
  /** Decode ahead of who reads in order. */
  readonly lanes?: Lanes | undefined;
  /** Whether an image is refused whose trailer's checksum is wrong; default: it is opened. */
  readonly isRefused?: boolean;
}

export function fileContainer(
  file: StoreFile,
  kind: DetectedKind,
  writable: boolean,
  place: UdifPlace = {},
): Omit<Opened, 'lock'> {
  if (kind === 'sparseimage') return sparseImage(file, writable);
  if (kind === 'asif') {
    const device = new AsifDevice(file, writable);
    const resize = (size: number): void => device.resize(size);
    const compact = (check: () => void): number => device.compact(check);
    return { device, format: 'asif', verify: () => device.verify(), resize, compact, maxSize: device.maxSize };
  }
  const koly = readKoly(file);
  if (koly && isLaterSegment(koly)) throw notFirst(file.path, koly);
  if (kind === 'udif' && koly) {
    const device = udifDevice(file, koly, place);
    const checked = (path: string): CheckedDisk => device.checked(path);
    return {
      device,
      format: udifFormat(device.codecs),
      verify: () => device.verify(),
      checked,
      glance: () => device.glance(),
      requireChecksums: (path, check) => device.requireChecksums(path, check),
    };
  }
  // An old raw image may end with a trailer that has no property list: the disk is its data fork.
  return koly ? rawDisk(file, writable, koly.dataForkOffset, koly.dataForkLength) : rawDisk(file, writable);
}

function sparseImage(file: StoreFile, writable: boolean): Omit<Opened, 'lock'> {
  const device = new SparseImageDevice(file, writable);
  return {
    device,
    format: 'sparseimage',
    bandSize: device.bandSize,
    mendedAtOpen: device.mendedAtOpen,
    verify: () => device.verify(),
    resize: (size) => device.resize(size),
    compact: (check) => device.compact(check),
  };
}

function udifDevice(file: StoreFile, koly: KolyFields, { beside, lanes, isRefused }: UdifPlace): UdifDevice {
  const fork = beside && koly.segmentCount > 1 ? openSegments(beside, file, koly) : undefined;
  try {
    const device = new UdifDevice(file, koly, { ...(fork ? { fork } : {}), lanes });
    if (isRefused && device.glance().length > 0) throw wrongChecksum('of all tables', file.path);
    return device;
  } catch (error) {
    fork?.closeRest();
    throw error;
  }
}

function rawDisk(file: StoreFile, writable: boolean, start = 0, size = file.size()): Omit<Opened, 'lock'> {
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

/** What is known of an image without opening it for use: locks do not matter, nor a missing passphrase. */
export function imageFacts(store: FileStore, path: string): ContainerFacts {
  const detected = detect(store, path);
  if (!detected) throw noImage(store, path);
  const { timeMachine } = detected;
  if (store.kind(path) === 'directory') {
    const { bandSize, size } = readBundleInfo(store, path);
    const bands = store.list(`${path}/bands`).filter(({ name }) => /^(0|[1-9a-f][0-9a-f]*)$/.test(name));
    let hostBytes = 0;
    for (const { name } of bands) hostBytes += storedBytes(store, `${path}/bands/${name}`);
    const encryption = detected.kind === 'encrypted' ? tokenFacts(store, path) : null;
    return { format: 'sparsebundle', size, bandSize, bandsPresent: bands.length, encryption, hostBytes, timeMachine };
  }
  const file = store.open(path, 'read');
  let opened: { close(): void } = file;
  try {
    const hostBytes = file.allocated(0, file.size());
    if (detected.kind === 'encrypted') {
      const size = readEncryptionHeader(file)?.clearSize ?? file.size();
      // What is inside, only its passphrase tells.
      const format = path.toLowerCase().endsWith('.sparseimage') ? 'sparseimage' : 'udrw';
      const encryption = encryptionFacts(file);
      return { format, size, encryption, hostBytes: hostBytes + bytesBeside(store, path), timeMachine };
    }
    const { device, format } = fileContainer(file, detected.kind, false, { beside: { store, path } });
    opened = device;
    const beside = bytesBeside(store, path);
    const inside = { format, size: device.size, ...bandsOf(device) };
    return { ...inside, encryption: null, hostBytes: hostBytes + beside, timeMachine };
  } finally {
    opened.close();
  }
}

/** The same of an image that is open: its container is not opened once more. */
function openFacts(store: FileStore, path: string, { device, format }: Opened): ContainerFacts {
  const inside = { format, size: device.size, ...bandsOf(device) };
  if (store.kind(path) === 'directory') return { ...imageFacts(store, path), ...inside };
  const file = store.open(path, 'read');
  try {
    const hostBytes = file.allocated(0, file.size()) + bytesBeside(store, path);
    const encryption = detectFile(file)?.kind === 'encrypted' ? encryptionFacts(file) : null;
    return { ...inside, encryption, hostBytes, timeMachine: false };
  } finally {
    file.close();
  }
}

function bandsOf(device: BlockDevice): Pick<ContainerFacts, 'bandSize' | 'bandsPresent'> {
  if (!(device instanceof SparseImageDevice)) return {};
  return { bandSize: device.bandSize, bandsPresent: device.bandsPresent };
}

/** Of the image's further segments. */
function bytesBeside(store: FileStore, path: string): number {
  return segmentsBeside(store, path).reduce((sum, segment) => sum + storedBytes(store, segment), 0);
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

/** Algorithm, key bits and rounds, of an image or a token. */
function encryptionFacts(file: StoreFile): EncryptionFacts {
  const header = readEncryptionHeader(file);
  return { algorithm: 'AES', keyBits: header?.keyBits ?? 0, iterations: header?.iterations ?? 0 };
}

function tokenFacts(store: FileStore, path: string): EncryptionFacts {
  const token = store.open(`${path}/token`, 'read');
  try {
    return encryptionFacts(token);
  } finally {
    token.close();
  }
}
