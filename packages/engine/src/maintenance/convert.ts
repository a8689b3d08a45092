// Convert: any readable image to any writable format. What the file systems do not use is left out.

import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  type BlockDevice,
  CancelledError,
  type FileStore,
  type Lanes,
  PassphraseError,
  type Range,
  RefusedError,
  TintypeError,
  UnsupportedError,
} from '@tintype/core';
import {
  type ArchiveOptions,
  bandSizeFor,
  createArchive,
  createImage,
  type DiskImage,
  detect,
  imageFacts,
  isZero,
  namedSegments,
  partitionMap,
  segmentPath,
  segmentsBeside,
} from '@tintype/image';
import type { SummaryEvent } from '../events.js';
import { requireFileSize, withinFileSize } from '../file-size-limit.js';
import { freeRangesOf } from '../free-ranges.js';
import { locking } from '../locking.js';
import { openingNotices } from '../opening-notices.js';
import type { ConvertOptions, Operation, RunContext } from '../operation.js';
import { derivedRandom } from '../reproducible.js';
import { copyEncryption } from '../rules/new-encryption.js';
import { probeVolumes } from '../stack.js';
import { UsageError } from '../usage-error.js';
import { type CopiedRange, CopiedRanges, requireCopied, requireSound } from './converted.js';
import { archiveFormat, encryptionOf, formatFor, requireParent, requirePassphrase } from './create.js';
import { noticeNewImage } from './new-image-notices.js';
import { imageToRead, type ReadSummed, readChecked, requireFreeOut } from './opened-image.js';
import { finishReplacement, prepareDraft, removeImage, replaceImage } from './replace-image.js';

const BUFFER = 4 << 20;
/** No image's tables fit into less. */
const LEAST_SEGMENT = 1024;
/** Zero pieces of this size are not written. */
const PIECE = 65_536;
const LIVE = ['sparsebundle', 'sparseimage', 'asif', 'udrw'] as const;

export const convert: Operation<'convert'> = (given, context): SummaryEvent => {
  const { store } = context;
  finishReplacement(store, given.out);
  requireFreeOut(store, given);
  requireImageOut(store, given);
  requireFreeSegments(store, given);
  requireParent(store, dirname(given.out));
  const options = withEncryption(given, store);
  requirePassphrase({ ...options, image: given.out });
  // Two pipelines: what is read ahead does not wait for what is written.
  const lanes = [context.newLanes?.(), context.newLanes?.()];
  try {
    const image = imageToRead(given.image, given, context, lanes[0]);
    try {
      context.emit({ type: 'phase', name: 'copy' });
      const format = makeBeside(image, options, { ...context, lanes: lanes[1], readLanes: lanes[0] });
      const { size } = image.device;
      const segments = 1 + segmentsBeside(store, given.out).length;
      return { type: 'summary', image: given.image, out: given.out, format, size, segments, problems: [] };
    } finally {
      image.close();
    }
  } finally {
    for (const pipeline of lanes) pipeline?.close();
  }
};

interface ConvertContext extends RunContext {
  /** Compress. */
  readonly lanes: Lanes | undefined;
  /** Decode ahead; the old image has them until it was read. */
  readonly readLanes: Lanes | undefined;
}

/** OUT is encrypted as IMAGE is, by the same passphrase, unless something else is said. */
function withEncryption(given: ConvertOptions, store: FileStore): ConvertOptions {
  const own = store.kind(given.image) === null ? null : detect(store, given.image);
  const has = own?.kind === 'encrypted' ? imageFacts(store, given.image).encryption : null;
  if (has && !given.passphrase) throw new PassphraseError('missing', given.image);
  const encryption = copyEncryption(given, has?.keyBits ?? null);
  return { ...given, encryption, passphrase: given.newPassphrase ?? given.passphrase };
}

/** Only an image is replaced, never another file. */
function requireImageOut(store: FileStore, { out }: ConvertOptions): void {
  if (store.kind(out) !== null && detect(store, out) === null)
    throw new RefusedError('exists', `${out} exists and is not a disk image`, { path: out });
}

/** The further files of a new image in segments replace none unasked, and those of the old image never. */
function requireFreeSegments(store: FileStore, { image, out, segmentSize, overwrite }: ConvertOptions): void {
  if (segmentSize === undefined) return;
  const there = namedSegments(store, out).map((number) => segmentPath(out, number));
  const [path] = there;
  if (path === undefined) return;
  if (!overwrite) throw new RefusedError('exists', `${path} exists already`, { path });
  const own = segmentsBeside(store, image).map((segment) => realpathSync(segment));
  if (there.some((segment) => own.includes(realpathSync(segment))))
    throw new RefusedError('same-file', `${path} belongs to ${image}; give the new image another name`, { path });
}

/** @throws UsageError if it is not clear, or cannot be as it is asked for */
function newFormat({ out, format, segmentSize }: ConvertOptions): string {
  const chosen = formatFor(out, format, 'udzo');
  if (chosen === null)
    throw new UsageError('the format of the new image is not clear: give --format, or an extension such as .dmg');
  if (segmentSize !== undefined && archiveFormat(chosen) === null)
    throw new UsageError(`--segment-size is for udzo, udro, udbz, ulfo and ulmo; a ${chosen} has no segments`);
  if (segmentSize !== undefined && segmentSize < LEAST_SEGMENT)
    throw new UsageError(`a segment has ${LEAST_SEGMENT} bytes at least`);
  return chosen;
}

/** Under another name until all of it is there. Answers the format. */
function makeBeside(image: DiskImage, options: ConvertOptions, context: ConvertContext): string {
  const { store } = context;
  const format = newFormat(options);
  if (archiveFormat(format) === null) {
    const folder = dirname(options.out);
    noticeNewImage({ format, size: image.device.size, folder, facts: store.facts(folder) }, context);
  }
  if (format === 'udrw') requireFileSize(options.out, image.device.size, context);
  const locks = locking(options.out, options, context);
  const draft = prepareDraft(store, options.out, locks);
  withinFileSize(options.out, context, () => {
    try {
      make(draft, format, image, options, context);
    } catch (error) {
      removeImage(store, draft);
      throw error;
    }
  });
  replaceImage(store, options.out, locks);
  return format;
}

function make(path: string, format: string, image: DiskImage, options: ConvertOptions, context: ConvertContext): void {
  const { progress, store, holder, lanes } = context;
  const { passphrase, kdfRounds, level } = options;
  const encryption = encryptionOf(options);
  const free = freeRanges(image.device, options.image, context);
  progress.set('totalBytes', image.device.size);
  const step = (bytes: number) => {
    progress.add('bytes', bytes);
    if (progress.cancelled) throw new CancelledError();
  };
  const archive = archiveFormat(format);
  if (archive) {
    const isReproducible = context.sourceDateEpoch !== undefined && encryption === undefined;
    const made: ArchiveOptions = {
      format: archive,
      level,
      holder,
      encryption,
      passphrase,
      kdfRounds,
      lanes,
      free,
      random: isReproducible ? derivedRandom(format, image.device.size) : context.random,
      progress: step,
      segmentSize: options.segmentSize,
    };
    readChecked(image, { ...options, progress }, (disk) => createArchive(store, path, disk, made));
    verifyArchive(path, options, context);
    return;
  }
  const live = LIVE.find((name) => name === format);
  if (!live) throw new UnsupportedError(`images of the format ${format} cannot be written`);
  if (live === 'asif' && encryption !== undefined)
    throw new UnsupportedError('encrypted ASIF images cannot be written: none has been seen');
  const { size } = image.device;
  const bandSize = live === 'sparsebundle' ? { bandSize: options.bandSize ?? bandSizeFor(size) } : {};
  const target = createImage(store, path, {
    format: live,
    size,
    waitLock: 0,
    holder,
    encryption,
    passphrase,
    kdfRounds,
    ...bandSize,
  });
  try {
    // Where nothing was written, an encrypted raw image is noise to macOS.
    const zeros = live === 'udrw' && encryption !== undefined ? 'write' : 'skip';
    const rules = { free, step, zeros } as const;
    const copied = readChecked(image, { ...options, progress }, (disk, readSummed) =>
      copyDisk(disk, target.device, { ...rules, readSummed }),
    );
    context.emit({ type: 'phase', name: 'verify' });
    // Before the flush: the host writes out meanwhile.
    requireCopied(copied, target.device, options.out, context);
    target.device.flush();
    requireSound(target.verify(), options.out, context);
  } finally {
    target.close();
  }
}

/** Its checksums are of what was read from the old image. */
function verifyArchive(path: string, options: ConvertOptions, context: ConvertContext): void {
  context.emit({ type: 'phase', name: 'verify' });
  const image = imageToRead(path, { passphrase: options.passphrase }, context, context.readLanes);
  try {
    requireSound(image.verify(), options.out, context);
  } finally {
    image.close();
  }
}

/** Of all volumes that can be read, on the disk. One that cannot be has nothing free. */
function freeRanges(device: BlockDevice, path: string, context: RunContext): Range[] {
  const ranges: Range[] = [];
  const report = openingNotices(path, context);
  const seen = new Set<number>();
  for (const volume of probed(device)) {
    if (seen.has(volume.partition.start)) continue;
    seen.add(volume.partition.start);
    try {
      for (const range of freeRangesOf(device, [volume], context, report)) ranges.push(range);
    } catch (error) {
      if (!(error instanceof TintypeError)) throw error;
    }
  }
  return ranges.sort((a, b) => a.start - b.start);
}

function probed(device: BlockDevice): ReturnType<typeof probeVolumes> {
  try {
    return probeVolumes(device, partitionMap(device));
  } catch (error) {
    if (!(error instanceof TintypeError)) throw error;
    return [];
  }
}

interface CopyRules {
  readonly readSummed: ReadSummed;
  /** Ascending. */
  readonly free: readonly Range[];
  readonly step: (bytes: number) => void;
  /** What is done with zeros in use, where the target reads as zeros already. */
  readonly zeros: 'write' | 'skip';
}

function copyDisk(
  from: BlockDevice,
  to: BlockDevice,
  { readSummed, free, step, zeros }: CopyRules,
): readonly CopiedRange[] {
  const copied = new CopiedRanges();
  const buffer = new Uint8Array(BUFFER);
  let next = 0;
  for (let position = 0; position < from.size; ) {
    for (let range = free[next]; range && range.start + range.length <= position; range = free[next]) next += 1;
    const range = free[next];
    const isFree = range !== undefined && range.start <= position;
    const limit = range ? (isFree ? range.start + range.length : range.start) : from.size;
    const { length, kind } = from.extent(position);
    const room = Math.min(isFree ? limit - position : Math.min(length, limit - position), from.size - position);
    const isCopied = !isFree && (kind === 'data' || zeros === 'write');
    const size = isCopied ? Math.min(room, BUFFER) : room;
    if (isCopied) {
      const part = buffer.subarray(0, size);
      copied.add(position, size, readSummed(position, part));
      if (zeros === 'write') to.write(position, part);
      else writeData(to, position, part);
    }
    position += size;
    step(size);
  }
  return copied.list;
}

/** Pieces that are not zero, as many at once as follow each other. */
function writeData(device: BlockDevice, position: number, bytes: Uint8Array): void {
  let from = 0;
  const writeUntil = (end: number): void => {
    if (end > from) device.write(position + from, bytes.subarray(from, end));
  };
  for (let at = 0; at < bytes.length; at += PIECE) {
    if (!isZero(bytes.subarray(at, at + PIECE))) continue;
    writeUntil(at);
    from = at + PIECE;
  }
  writeUntil(bytes.length);
}
