// A new, empty, formatted image.

import { basename, dirname, extname } from 'node:path';
import {
  type BlockDevice,
  type FileStore,
  type FileSystemDriver,
  PassphraseError,
  RangeSet,
  RefusedError,
  showSize,
  showSizes,
  UnsupportedError,
  WindowDevice,
} from '@tintype/core';
import { bandSizeFor, createImage, detect, type ImageFormat, partitionMap, writePartitionMap } from '@tintype/image';
import type { SummaryEvent } from '../events.js';
import { diskWithin, fileSizeLimit, wantedFile } from '../file-size-limit.js';
import { rememberVolume } from '../home.js';
import { locking } from '../locking.js';
import type { CreateOptions, Operation, RunContext } from '../operation.js';
import { defaultCapacity, requireDiskSize } from '../rules/capacity.js';
import { DEFAULT_FILE_SYSTEM } from '../rules/new-volume.js';
import { drivers, openStack, PARTITION_TYPES, probeVolumes, type Stack } from '../stack.js';
import { UsageError } from '../usage-error.js';
import { noticeNewImage } from './new-image-notices.js';
import { finishReplacement, prepareDraft, removeImage, replaceImage } from './replace-image.js';

const FORMATS: Record<string, ImageFormat> = {
  '.sparsebundle': 'sparsebundle',
  '.backupbundle': 'sparsebundle',
  '.sparseimage': 'sparseimage',
  '.asif': 'asif',
};
const ARCHIVES = ['udro', 'udco', 'udzo', 'udbz', 'ulfo', 'ulmo'] as const;
export type ArchiveFormat = (typeof ARCHIVES)[number];

/** Null if images of the format can be written to. */
export function archiveFormat(format: string | null): ArchiveFormat | null {
  return ARCHIVES.find((name) => name === format) ?? null;
}

const WRITABLE = ['sparsebundle', 'sparseimage', 'asif', 'udrw'] as const;
type WritableFormat = (typeof WRITABLE)[number];

/** The format that a path and `--format` ask for; `dmg` is what a `.dmg` means to the command. Null: not an image. */
export function formatFor(path: string, format: string | undefined, dmg: ImageFormat): string | null {
  if (format !== undefined) return format;
  const extension = extname(path).toLowerCase();
  return FORMATS[extension] ?? (extension === '.dmg' ? dmg : extension === '.img' ? 'udrw' : null);
}

/**
 * Creates the image and mounts it for writing. It is made under another name and shows under its own only when it is
 * whole: a creation that was cut leaves nothing that a later run would take for a damaged image.
 */
export function createStack(options: CreateOptions, context: RunContext): Stack {
  const format = requireWritable(formatFor(options.image, options.format, 'udrw'));
  requirePassphrase(options);
  if (options.size !== undefined) requireDiskSize(options.size);
  layoutOf(options.layout);
  if (format === 'asif' && encryptionOf(options) !== undefined)
    throw new UnsupportedError('encrypted ASIF images cannot be written: none has been seen');
  if (options.preallocate && format !== 'udrw')
    throw new UsageError(`--preallocate is for raw images (udrw); a ${format} grows as it is filled`);
  const driver = drivers.find(({ kind }) => kind === (options.fs ?? DEFAULT_FILE_SYSTEM));
  if (!driver) throw new UnsupportedError(`volumes of the file system ${options.fs} cannot be written yet`);
  const { store } = context;
  const parent = dirname(options.image);
  requireParent(store, parent);
  finishReplacement(store, options.image);
  requireFree(store, options);
  const facts = store.facts(parent);
  const wanted = options.size === undefined ? defaultCapacity(facts.free) : Math.floor(options.size / 512) * 512;
  requireRoom(options, wanted, facts);
  const size = sizeWithin({ ...options, format }, wanted, context);
  noticeNewImage({ format, size, folder: parent, facts }, context);
  const locks = locking(options.image, options, context);
  const draft = prepareDraft(store, options.image, locks);
  makeWhole(draft, { ...options, format, size, driver }, context);
  requireFree(store, options);
  replaceImage(store, options.image, locks);
  const { random, now } = context;
  const stack = openStack(options.image, {
    store,
    ...locks,
    writable: true,
    now,
    random,
    passphrase: options.passphrase,
  });
  rememberVolume(stack.volume.uuid);
  return stack;
}

interface Draft extends CreateOptions {
  readonly format: WritableFormat;
  readonly size: number;
  readonly driver: FileSystemDriver;
}

/** An image with a map and an empty volume. Nothing is left of it if that fails. */
function makeWhole(path: string, options: Draft, { store, holder, random, now }: RunContext): void {
  const { format, size } = options;
  try {
    const image = createImage(store, path, {
      format,
      size,
      waitLock: 0,
      holder,
      ...(format === 'sparsebundle' ? { bandSize: options.bandSize ?? bandSizeFor(size) } : {}),
      ...(options.preallocate ? { preallocate: true } : {}),
      encryption: encryptionOf(options),
      passphrase: options.passphrase,
      kdfRounds: options.kdfRounds,
    });
    try {
      formatDisk(image.device, options, { random, now });
      if (format === 'udrw' && encryptionOf(options) !== undefined) writeZeros(image.device, { random, now });
      image.device.flush();
    } finally {
      image.close();
    }
  } catch (error) {
    removeImage(store, path);
    throw error;
  }
}

/** Bytes that are written anew at a time. */
const PIECE = 1 << 20;

/**
 * Where nothing was written, an encrypted raw image is noise to macOS: zeros that are in use must be written. What the
 * volume does not use may stay so.
 */
function writeZeros(device: BlockDevice, { random, now }: Pick<RunContext, 'random' | 'now'>): void {
  const used = new RangeSet();
  used.add(0, device.size);
  for (const { partition, driver } of probeVolumes(device, partitionMap(device))) {
    const window = new WindowDevice(device, partition.start, partition.size);
    const fileSystem = driver.open(window, { writable: false, now, random });
    for (const { start, length } of fileSystem.freeRanges() ?? []) used.remove(partition.start + start, length);
    fileSystem.abandon();
  }
  const piece = new Uint8Array(PIECE);
  for (const { start, length } of used)
    for (let at = start; at < start + length; at += PIECE) {
      const part = piece.subarray(0, Math.min(PIECE, start + length - at));
      device.read(at, part);
      device.write(at, part);
    }
}

function formatDisk(device: BlockDevice, options: Draft, { random, now }: Pick<RunContext, 'random' | 'now'>): void {
  const { driver, image, layout, volumeName, caseSensitive } = options;
  const type = PARTITION_TYPES[driver.kind] ?? 'Apple_HFS';
  const partition = writePartitionMap(device, { scheme: layoutOf(layout), type, random });
  driver.format(new WindowDevice(device, partition.start, partition.size), {
    volumeName: volumeName ?? basename(image, extname(image)),
    caseSensitive: caseSensitive ?? false,
    now: Math.floor(now()),
    random,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
  });
}

export const create: Operation<'create'> = (options, context): SummaryEvent => {
  const stack = createStack(options, context);
  let isOpen = true;
  try {
    const { format, size } = stack.image.facts();
    const { uuid, name } = stack.volume;
    isOpen = false;
    stack.close();
    return { type: 'summary', image: options.image, format, size, volume: { name, uuid }, problems: [] };
  } finally {
    if (isOpen) stack.abandon();
  }
};

function requireWritable(format: string | null): WritableFormat {
  if (format === null)
    throw new UsageError(
      'the format of the new image is not clear: give --format, or an extension such as .sparsebundle',
    );
  const writable = WRITABLE.find((name) => name === format);
  if (!writable)
    throw new UsageError(
      `${format} is a read-only format, in which nothing can be written later: make a full one with 'tintype backup' or 'tintype convert', or an empty one as ${WRITABLE.join(', ')}`,
    );
  return writable;
}

export function encryptionOf({ encryption }: Pick<CreateOptions, 'encryption'>): 'aes-128' | 'aes-256' | undefined {
  if (encryption === undefined || encryption === 'none') return undefined;
  if (encryption === 'aes-128' || encryption === 'aes-256') return encryption;
  throw new UsageError(`there is no encryption ${encryption}: none, aes-128 or aes-256`);
}

export function requirePassphrase(options: Pick<CreateOptions, 'encryption' | 'passphrase' | 'image'>): void {
  if (encryptionOf(options) === undefined) return;
  if (!options.passphrase) throw new PassphraseError('missing', options.image);
  if (options.passphrase.length === 0) throw new UsageError('the passphrase of a new image may not be empty');
}

function layoutOf(layout: string | undefined): 'gpt' | 'apm' | 'none' {
  if (layout === undefined) return 'gpt';
  if (layout === 'gpt' || layout === 'apm' || layout === 'none') return layout;
  throw new UsageError(`there is no layout ${layout}: gpt, apm or none`);
}

export function requireParent(store: FileStore, parent: string): void {
  if (store.kind(parent) !== 'directory')
    throw new RefusedError('no-parent', `the folder ${parent} does not exist`, { path: parent });
}

/** Nothing is ever overwritten unasked, and what is no image never. */
function requireFree(store: FileStore, { image, overwrite }: CreateOptions): void {
  if (store.kind(image) === null) return;
  if (!overwrite) throw new RefusedError('exists', `${image} exists already`, { path: image });
  if (detect(store, image) === null)
    throw new RefusedError('exists', `${image} exists and is not a disk image`, { path: image });
}

function requireRoom(options: CreateOptions, size: number, facts: { free: number }): void {
  if (!options.preallocate || size <= facts.free) return;
  const [wanted, free] = showSizes(size, facts.free);
  const message = `${wanted} were to be allocated, but only ${free} are free`;
  throw new RefusedError('no-space', message, { size, free: facts.free });
}

/**
 * The size, or less if none was asked for and the image's file could not become as long as it must. A sparse image of a
 * size that was asked for is made all the same, and stops at the limit.
 */
function sizeWithin(options: CreateOptions & { format: WritableFormat }, size: number, context: RunContext): number {
  const { image, format } = options;
  const bandSize = options.bandSize ?? bandSizeFor(size);
  const isEncrypted = encryptionOf(options) !== undefined;
  const wanted = wantedFile({ format, size, bandSize, isEncrypted });
  const limit = fileSizeLimit(dirname(image), wanted, context);
  if (limit === null) return size;
  const message = `a file there can have ${showSize(limit)} at most`;
  const within = diskWithin(limit, { format, isEncrypted });
  const isSparse = format === 'sparseimage' || format === 'asif';
  if (options.size === undefined && format !== 'sparsebundle' && within > 0) return within;
  if (!isSparse)
    throw new RefusedError('file-size-limit', `${message}, not ${showSize(wanted)}`, { size: wanted, limit });
  context.emit({
    type: 'warning',
    code: 'file-size-limit',
    message: `${image} will not hold what it promises: ${message}`,
  });
  return size;
}
