// Another size for the disk of a sparse bundle.
//
// Order: growing first removes what may lie behind the old end, then says the new size; shrinking says the new size first,
// then removes. A cut leaves the old size or the new one, with all that lies within it.

import { CorruptError, type FileStore, StoreError } from '@tintype/core';
import type { Bands } from './bands.js';
import type { BundleDevice } from './device.js';
import { parseInfoPlist, readSmallFile, withSize } from './info-plist.js';

/** Made beside the property lists and renamed over each of them. */
const NEW_LIST = 'tintype.Info';

export interface OpenBundle {
  readonly store: FileStore;
  readonly path: string;
  readonly bands: Bands;
  readonly device: BundleDevice;
}

/** Durable when it returns. The bundle's lock is held. */
export function resizeBundle({ store, path, bands, device }: OpenBundle, size: number): void {
  // Whatever lies behind the old end now would come to light at the next growth.
  bands.cutBehind(device.size);
  bands.flush();
  writeSize(store, path, size);
  device.setSize(size);
  bands.cutBehind(size);
  bands.flush();
}

/** The copy first: whichever of the two can be read is whole. */
function writeSize(store: FileStore, path: string, size: number): void {
  const list = Buffer.from(withSize(readList(store, path), size));
  for (const name of ['Info.bckup', 'Info.plist']) {
    removeIfThere(store, `${path}/${NEW_LIST}`);
    const file = store.open(`${path}/${NEW_LIST}`, 'create');
    try {
      file.write(0, list);
      file.sync();
    } finally {
      file.close();
    }
    store.rename(`${path}/${NEW_LIST}`, `${path}/${name}`);
    store.syncFolder(path);
  }
}

/** The one that can be understood. */
function readList(store: FileStore, path: string): string {
  try {
    const bytes = readSmallFile(store, `${path}/Info.plist`);
    parseInfoPlist(bytes);
    return Buffer.from(bytes).toString('utf8');
  } catch (error) {
    if (!(error instanceof CorruptError) && !(error instanceof StoreError)) throw error;
    return Buffer.from(readSmallFile(store, `${path}/Info.bckup`)).toString('utf8');
  }
}

function removeIfThere(store: FileStore, path: string): void {
  if (store.kind(path) !== null) store.remove(path);
}
