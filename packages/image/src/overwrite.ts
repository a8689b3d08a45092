// Changes of a disk that no journal of a file system guards: made so that a cut in the middle is undone.
//
// Order: what will be overwritten is durable in `IMAGE.repair-undo` before the first write, which says that it waits;
// after the last write and a barrier it says that it is done. Whoever opens the image next and finds one that waits
// writes the old bytes back, again and again if that is cut too; who only reads, reads them from memory over the disk.
//
// An undo counts only where every sector is one of the two that it knows: nobody's later changes are taken back. Of an
// encrypted image a torn write makes noise of a whole chunk; there the keys tell that it belongs.

import {
  assert,
  type BlockDevice,
  type Change,
  CorruptError,
  crc32,
  type FileStore,
  OverlayDevice,
  ReadOnlyDevice,
  RefusedError,
} from '@tintype/core';
import { markUndoDone, readUndo, type Seal, sectorSums, type UndoStretch, undoPath, writeUndo } from './undo-file.js';

const SECTOR = 512;

export interface UndoPlace {
  /** Behind the lease, where there is one. */
  readonly store: FileStore;
  readonly path: string;
  readonly seal: Seal | undefined;
}

/**
 * Writes the changes as one: after a cut the next opening finds all or none of them. Everything before is durable.
 * @throws RefusedError if something that is not ours has the undo's name
 */
export function overwrite(device: BlockDevice, place: UndoPlace, changes: Iterable<Change>): void {
  const { store, path, seal } = place;
  assert(device.writable, 'a disk that is changed is open for writing');
  const found = readUndo(store, path, device.size, seal);
  if (found === 'foreign')
    throw new RefusedError('exists', `${undoPath(path)} is in the way: it is not of this image`, {
      path: undoPath(path),
    });
  const whole = wholeBlocks(device, changes);
  if (whole.length === 0) return;
  device.flush();
  const stretches = whole.map(({ position, bytes }): UndoStretch => {
    const old = new Uint8Array(bytes.length);
    device.read(position, old);
    return { position, old, sums: sectorSums(bytes) };
  });
  writeUndo(store, path, device.size, stretches, seal);
  for (const { position, bytes } of whole) device.write(position, bytes);
  device.flush();
  markUndoDone(store, path);
}

/** As the device writes them: less than a block would be read and written again by it, and a tear would reach all of it. */
function wholeBlocks(device: BlockDevice, changes: Iterable<Change>): Change[] {
  const unit = Math.max(SECTOR, device.blockSize);
  const overlay = new OverlayDevice(device);
  const blocks = new Set<number>();
  for (const { position, bytes } of changes) {
    overlay.write(position, bytes);
    const last = Math.ceil((position + bytes.length) / unit);
    for (let block = Math.floor(position / unit); block < last; block += 1) blocks.add(block);
  }
  const whole: Change[] = [];
  for (const block of [...blocks].sort((a, b) => a - b)) {
    const position = block * unit;
    const bytes = new Uint8Array(Math.min(unit, device.size - position));
    overlay.read(position, bytes);
    whole.push({ position, bytes });
  }
  return joined(whole);
}

const LONGEST = 1 << 20;

function joined(changes: readonly Change[]): Change[] {
  const result: { position: number; parts: Uint8Array[]; length: number }[] = [];
  for (const { position, bytes } of changes) {
    const last = result.at(-1);
    if (last && last.position + last.length === position && last.length < LONGEST) {
      last.parts.push(bytes);
      last.length += bytes.length;
    } else result.push({ position, parts: [bytes], length: bytes.length });
  }
  return result.map(({ position, parts }) => ({ position, bytes: Buffer.concat(parts) }));
}

export interface Settled {
  /** The device to go on with: the same one, or one that reads as before the repair that was cut. */
  readonly device: BlockDevice;
  /** A repair that was cut was undone, or is read as if it were. */
  readonly wasCut: boolean;
}

/** To be called once an image is open. @throws CorruptError, StoreError */
export function settleUndo(device: BlockDevice, place: UndoPlace): Settled {
  const { store, path, seal } = place;
  const found = readUndo(store, path, device.size, seal);
  if (typeof found === 'string' || !(seal || isKnown(device, found))) return { device, wasCut: false };
  if (!device.writable) {
    const overlay = new OverlayDevice(device);
    putBack(overlay, found);
    return { device: new ReadOnlyDevice(overlay), wasCut: true };
  }
  putBack(device, found);
  device.flush();
  markUndoDone(store, path);
  return { device, wasCut: true };
}

function putBack(device: BlockDevice, stretches: readonly UndoStretch[]): void {
  for (const { position, old } of stretches) device.write(position, old);
}

/** Each sector is as it was before the repair, or as it was to be after it. */
function isKnown(device: BlockDevice, stretches: readonly UndoStretch[]): boolean {
  return stretches.every(({ position, old, sums }) => {
    const now = new Uint8Array(old.length);
    try {
      device.read(position, now);
    } catch (error) {
      if (error instanceof CorruptError) return false;
      throw error;
    }
    return sums.every((sum, i) => {
      const sector = now.subarray(i * SECTOR, (i + 1) * SECTOR);
      return Buffer.compare(sector, old.subarray(i * SECTOR, (i + 1) * SECTOR)) === 0 || crc32(sector) === sum;
    });
  });
}
