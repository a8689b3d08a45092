// Rules of the format tested without changing the device. So far: that a checkpoint, the object maps and the volumes' superblocks
// hold.

import { type BlockDevice, type CheckOptions, CorruptError, type Finding, finding } from '@tintype/core';
import { ContainerReader } from '../reading/container-reader.js';

/** Bad bytes are findings. @throws whatever `device.read` and `options.progress` throw */
export function* check(device: BlockDevice, _options: CheckOptions): Generator<Finding> {
  try {
    yield* new ContainerReader(device).findings();
  } catch (error) {
    if (!(error instanceof CorruptError)) throw error;
    yield finding('container', error.structure, error.message);
  }
}
