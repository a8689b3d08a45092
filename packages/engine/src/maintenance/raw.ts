// Raw: the clear bytes of a whole disk, or of the partition that holds a volume, as a sparse file for foreign tools.

import { basename, dirname, join } from 'node:path';
import {
  type BlockDevice,
  CancelledError,
  CorruptError,
  type Range,
  type StoreFile,
  WindowDevice,
} from '@tintype/core';
import { type DiskImage, isZero, partitionMap, RawDevice } from '@tintype/image';
import type { SummaryEvent } from '../events.js';
import { requireFileSize } from '../file-size-limit.js';
import type { Operation, RawOptions, RunContext } from '../operation.js';
import { chooseVolume, probeVolumes } from '../stack.js';
import { imageToRead, readChecked, requireFreeOut } from './opened-image.js';

const BUFFER = 4 << 20;
/** Zero pieces of this size stay holes. */
const PIECE = 65_536;

export const raw: Operation<'raw'> = (options, context): SummaryEvent => {
  const { store } = context;
  requireFreeOut(store, options);
  const image = imageToRead(options.image, options, context);
  try {
    const size = writeFile(image, options, context);
    return { type: 'summary', image: options.image, out: options.out, size, problems: [] };
  } finally {
    image.close();
  }
};

/** Where on the disk, in bytes. */
function partOf({ path, device }: DiskImage, wanted: string | undefined): Range {
  if (wanted === undefined) return { start: 0, length: device.size };
  const { partition } = chooseVolume(path, probeVolumes(device, partitionMap(device)), wanted);
  return { start: partition.start, length: partition.size };
}

/** Under another name until all of it is there. Answers how many bytes there are. */
function writeFile(image: DiskImage, { out, asIs, volume, ignoreChecksums }: RawOptions, context: RunContext): number {
  const { store, progress } = context;
  const { start, length } = partOf(image, volume);
  requireFileSize(out, length, context);
  const folder = dirname(out);
  const temporary = join(folder, `.${basename(out)}.tintype.raw`);
  if (store.kind(temporary) === 'file') store.remove(temporary);
  try {
    const file = store.open(temporary, 'create');
    try {
      readChecked(image, { ignoreChecksums, progress }, (disk) =>
        copyDisk(new WindowDevice(disk, start, length), file, context),
      );
      if (!asIs) recover(file, length, context);
      file.sync();
    } finally {
      file.close();
    }
    store.rename(temporary, out);
    store.syncFolder(folder);
    return length;
  } catch (error) {
    if (store.kind(temporary) === 'file') store.remove(temporary);
    throw error;
  }
}

function copyDisk(device: BlockDevice, file: StoreFile, { progress }: RunContext): void {
  const buffer = new Uint8Array(BUFFER);
  progress.set('totalBytes', device.size);
  file.truncate(device.size);
  for (let position = 0; position < device.size; ) {
    const { length, kind } = device.extent(position);
    const part = buffer.subarray(0, Math.min(length, BUFFER));
    const step = kind === 'zero' ? length : part.length;
    if (kind === 'data') {
      device.read(position, part);
      writeData(file, position, part);
    }
    position += step;
    progress.add('bytes', step);
    if (progress.cancelled) throw new CancelledError();
  }
}

function writeData(file: StoreFile, position: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    let end = at;
    while (end < bytes.length && !isZero(bytes.subarray(end, end + PIECE))) end += PIECE;
    if (end > at) file.write(position + at, bytes.subarray(at, Math.min(end, bytes.length)));
    at = Math.max(end, at) + (end < bytes.length ? PIECE : 0);
  }
}

/** What a cut left in a journal is put in its place, in the copy. A volume that cannot be read stays as it is. */
function recover(file: StoreFile, size: number, { emit }: RunContext): void {
  const disk = new RawDevice(file, 0, size, true);
  try {
    for (const { partition, driver } of probeVolumes(disk, partitionMap(disk)))
      driver.recover(new WindowDevice(disk, partition.start, partition.size));
  } catch (error) {
    if (!(error instanceof CorruptError)) throw error;
    emit({ type: 'warning', code: 'not-replayed', message: `the journal was not replayed: ${error.message}` });
  }
}
