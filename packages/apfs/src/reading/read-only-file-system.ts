// A container that is only read, of any block size, encrypted or not.

import {
  type BlockDevice,
  type FileSystem,
  type MountOptions,
  type Range,
  type SizeLimits,
  UnsupportedError,
} from '@tintype/core';
import { ContainerReader } from './container-reader.js';
import { freeRanges } from './free-space.js';
import { ApfsVolume } from './volume.js';
import { VolumeHead } from './volume-head.js';
import { shownParts } from './volume-parts.js';

export class ReadOnlyFileSystem implements FileSystem {
  readonly kind = 'apfs';
  readonly writable = false;
  readonly commitDue = false;
  readonly volumes: readonly ApfsVolume[];
  readonly #container: ContainerReader;

  /** @throws CorruptError if no volume can be read, UnsupportedError */
  constructor(device: BlockDevice, { passphrase, report }: MountOptions) {
    this.#container = new ContainerReader(device);
    const volumes: ApfsVolume[] = [];
    let damage: unknown = null;
    for (const finding of this.#container.findings()) report?.(finding);
    for (const { head } of this.#container.volumes())
      if (head instanceof VolumeHead)
        volumes.push(new ApfsVolume(shownParts(this.#container, head, { passphrase, report })));
      else damage ??= head;
    if (volumes.length === 0 && damage) throw damage;
    this.volumes = volumes;
  }

  get uuid(): string {
    return this.#container.uuid;
  }
  get blockSize(): number {
    return this.#container.blocks.size;
  }
  get capacity(): number {
    return this.#container.blocks.count * this.blockSize;
  }
  get free(): number {
    return this.#container.freeBlocks * this.blockSize;
  }
  commit(): void {
    throw new UnsupportedError('the container is only read');
  }
  freeRanges(): Iterable<Range> {
    return freeRanges(this.#container);
  }
  createSnapshot(): never {
    throw new UnsupportedError('the container is open for reading only');
  }
  renameSnapshot(): never {
    throw new UnsupportedError('the container is open for reading only');
  }
  deleteSnapshot(): never {
    throw new UnsupportedError('the container is open for reading only');
  }
  revertToSnapshot(): never {
    throw new UnsupportedError('the container is open for reading only');
  }
  sizeLimits(): SizeLimits | null {
    return null;
  }
  resize(): void {
    throw new UnsupportedError('the container is only read');
  }
  close(): void {}
  abandon(): void {}
}
