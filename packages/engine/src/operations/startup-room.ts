// A scheduled run whose image lies on the disk that the host started from does not fill it: asked before anything is opened
// (B42), and guarded while contents are written (B43).

import { dirname } from 'node:path';
import { type FileStore, RefusedError, showSize, showSizes, VolumeFullError } from '@tintype/core';
import { isOnStartupDisk } from '@tintype/host';
import { imageFacts } from '@tintype/image';
import type { BackupOptions, RunContext } from '../operation.js';
import { imageGrows, STARTUP_RESERVE, startupDisk } from '../rules/startup-disk.js';
import type { DestinationKind } from './backup-destination.js';
import { selectedBytes } from './backup-dry-run.js';
import type { Side } from './sides.js';

/** Bytes after which the host is asked again, at the most. */
const STEP = 64 << 20;

/** What guards the reserve during the run; null if the rule says nothing. @throws RefusedError */
export function startupRoom(
  options: BackupOptions,
  kind: DestinationKind,
  source: Side,
  context: RunContext,
  onStartupDisk = () => isOnStartupDisk(dirname(options.destination)),
): HostReserve | null {
  if (!options.scheduled || (kind !== 'image' && kind !== 'new-image') || !onStartupDisk()) return null;
  const { destination } = options;
  const { store, emit } = context;
  emit({ type: 'phase', name: 'startup-disk' });
  const folder = dirname(destination);
  const { free: hostFree } = store.facts(folder);
  const { capacity, free } = source.fileSystem;
  const sourceUsed = options.selectionSize ? selectedBytes(options, source, context) : capacity - free;
  const grows = kind === 'new-image' || imageGrows(imageFacts(store, destination));
  const inputs = { onStartupDisk: true, scheduled: true, imageGrows: grows, hostFree, sourceUsed };
  const { verdict, needed } = startupDisk(inputs);
  if (verdict === 'refuse') {
    const [freeText, neededText] = showSizes(hostFree, needed);
    throw new RefusedError(
      'startup-disk',
      `${destination} lies on the startup disk, which has ${freeText} free: ${neededText} are wanted (${showSize(sourceUsed)} for ${options.selectionSize ? 'what is selected of the source' : 'all that the source uses'}, and ${showSize(STARTUP_RESERVE)} that stay free)`,
      { path: destination, hostFree, needed, sourceUsed },
    );
  }
  return grows ? new HostReserve(store, destination) : null;
}

/** Stops contents before the host has less than the reserve. */
export class HostReserve {
  readonly #store: FileStore;
  readonly #image: string;
  /** Bytes that are known to fit. */
  #left = 0;

  constructor(store: FileStore, image: string) {
    this.#store = store;
    this.#image = image;
  }

  /** Before so many bytes are written. @throws VolumeFullError */
  require(bytes: number): void {
    if (this.#left < bytes) this.#look(bytes);
    this.#left -= bytes;
  }

  #look(needed: number): void {
    const { free } = this.#store.facts(dirname(this.#image));
    const room = free - STARTUP_RESERVE;
    if (room < needed) {
      const [freeText, reserve] = showSizes(free, STARTUP_RESERVE);
      const message = `${this.#image} lies on the startup disk, which has ${freeText} free: ${reserve} must stay so`;
      throw new VolumeFullError(needed, Math.max(0, room), 'startup-disk', message, { path: this.#image });
    }
    this.#left = Math.max(needed, Math.min(STEP, Math.floor(room / 4)));
  }
}
