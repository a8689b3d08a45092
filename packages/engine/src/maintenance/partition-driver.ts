// Which file system a partition holds, also where that is damaged.

import { type BlockDevice, type FileSystemDriver, TintypeError } from '@tintype/core';
import { drivers } from '../stack.js';

/** Null if no driver takes it. A driver that throws because its structures are damaged still is the one to ask. */
export function driverOf(window: BlockDevice): FileSystemDriver | null {
  return drivers.find((driver) => isClaimedBy(driver, window)) ?? null;
}

function isClaimedBy(driver: FileSystemDriver, window: BlockDevice): boolean {
  try {
    return driver.probe(window) !== null;
  } catch (error) {
    if (error instanceof TintypeError) return true;
    throw error;
  }
}
