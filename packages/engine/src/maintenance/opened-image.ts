// One image opened for an operation that works on the disk inside, to be read or to be changed; and the check of a file that is
// written from it.

import { realpathSync } from 'node:fs';
import {
  type BlockDevice,
  crc32,
  type FileStore,
  hostPath,
  type Lanes,
  type Progress,
  RefusedError,
} from '@tintype/core';
import { attempt } from '@tintype/host';
import { type CheckedDisk, type DiskImage, openImage } from '@tintype/image';
import { locking } from '../locking.js';
import type { ImageChoice, RunContext } from '../operation.js';

/** Opens an image to be looked at; Time Machine's may be read. */
export function imageToRead(
  path: string,
  { waitLock = 0, passphrase, ignoreChecksums }: Pick<ImageChoice, 'waitLock' | 'passphrase' | 'ignoreChecksums'>,
  { store, holder }: Pick<RunContext, 'store' | 'holder'>,
  lanes?: Lanes,
): DiskImage {
  const choice = { waitLock, passphrase, ignoreChecksums };
  return openImage(store, path, { ...choice, writable: false, holder, allowTimeMachine: true, lanes });
}

/** Opens an image to be changed below its file systems. @throws LockedError, PassphraseError, RefusedError, CorruptError */
export function imageToWrite(
  path: string,
  choice: Pick<ImageChoice, 'waitLock' | 'breakLock' | 'allowTimeMachine' | 'passphrase'>,
  context: Pick<RunContext, 'store' | 'holder' | 'emit'>,
): DiskImage {
  const { allowTimeMachine, passphrase } = choice;
  return openImage(context.store, path, {
    ...locking(path, choice, context),
    writable: true,
    allowTimeMachine: allowTimeMachine ?? false,
    passphrase,
  });
}

export interface OutFile {
  readonly image: string;
  readonly out: string;
  readonly overwrite?: boolean | undefined;
}

/** @throws RefusedError if something is at `out` that may not be replaced */
export function requireFreeOut(store: FileStore, { image, out, overwrite }: OutFile): void {
  if (store.kind(out) === null) return;
  if (!overwrite) throw new RefusedError('exists', `${out} exists already`, { path: out });
  if (store.kind(image) !== null && realPath(out) === realPath(image))
    throw new RefusedError('same-file', `${out} is the image itself`, { path: out });
}

const realPath = (path: string): string =>
  attempt('realpath', path, () => realpathSync(hostPath(path), 'buffer').toString('latin1'));

/** Reads, and answers the CRC-32 of what was read. */
export type ReadSummed = CheckedDisk['readSummed'];

const summedFrom =
  (device: BlockDevice): ReadSummed =>
  (position, target) => {
    device.read(position, target);
    return crc32(target);
  };

/**
 * Lets `copy` read the disk in ascending order, and then asks the container's checksums, if it has some, whether that was
 * what was stored. @throws RefusedError `checksum`
 */
export function readChecked<T>(
  image: DiskImage,
  { ignoreChecksums, progress }: { readonly ignoreChecksums?: boolean | undefined; readonly progress: Progress },
  copy: (disk: BlockDevice, readSummed: ReadSummed) => T,
): T {
  const checked = ignoreChecksums ? null : image.checked();
  const result = checked
    ? copy(checked, checked.readSummed.bind(checked))
    : copy(image.device, summedFrom(image.device));
  checked?.settle(() => progress.check());
  return result;
}
