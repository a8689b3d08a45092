// Raw: the clear bytes of a whole disk, or of the partition that holds a volume, as a sparse file for foreign tools.

import { dirname } from 'node:path';
import { type BlockDevice, RefusedError, type StoreFile, UnsupportedError, WindowDevice } from '@tintype/core';
import { isZero, openImage, partitionMap, RawDevice } from '@tintype/image';
import type { SummaryEvent } from '../events.js';
import type { Operation, RunContext } from '../operation.js';
import { drivers, probeVolumes } from '../stack.js';

const BUFFER = 4 << 20;
/** Zero pieces of this size stay holes. */
const PIECE = 65_536;

export const raw: Operation<'raw'> = (options, context): SummaryEvent => {
  const { store, holder } = context;
  const image = openImage(store, options.image, { writable: false, waitLock: 0, holder, allowTimeMachine: true });
  const temporary = `${options.out}.partial`;
  try {
    if (store.kind(options.out) !== null && !options.overwrite)
      throw new RefusedError('exists', `${options.out} exists already`, { path: options.out });
    const device =
      options.volume === undefined ? image.device : partitionOf(image.device, options.image, options.volume);
    if (store.kind(temporary) !== null) store.remove(temporary);
    const file = store.open(temporary, 'create');
    copyDisk(device, file, context);
    if (!options.asIs) recover(file, device.size);
    file.sync();
    file.close();
    store.rename(temporary, options.out);
    store.syncFolder(dirname(options.out));
    return { type: 'summary', image: options.image, out: options.out, size: device.size, problems: [] };
  } catch (error) {
    if (store.kind(temporary) === 'file') store.remove(temporary);
    throw error;
  } finally {
    image.close();
  }
};

function partitionOf(device: BlockDevice, image: string, wanted: string): BlockDevice {
  const found = probeVolumes(device, partitionMap(device)).find(
    ({ index, volume }) =>
      String(index) === wanted || volume.name === wanted || volume.uuid.toLowerCase() === wanted.toLowerCase(),
  );
  if (!found) throw new UnsupportedError(`${image} holds no volume ${wanted}`);
  return new WindowDevice(device, found.partition.start, found.partition.size);
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

/** What a cut left in a journal is put in its place, in the copy. */
function recover(file: StoreFile, size: number): void {
  const disk = new RawDevice(file, 0, size, true);
  for (const { partition, driver } of probeVolumes(disk, partitionMap(disk)))
    if (drivers.includes(driver)) driver.recover(new WindowDevice(disk, partition.start, partition.size));
}
