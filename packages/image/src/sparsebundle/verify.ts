// What is wrong with a bundle's own files: band files that are too long, or are no files; bands beyond the disk's end.

import { CorruptError, type FileStore, type Finding, finding, StoreError } from '@tintype/core';
import { parseInfoPlist, readBundleInfo, readSmallFile } from './info-plist.js';

/** Here the folder is listed. `chunkSize`: bytes that are encrypted as one; 1 if nothing is. */
export function* verifyBundle(store: FileStore, path: string, chunkSize: number): Generator<Finding> {
  yield* verifyInfoPlist(store, path);
  if (store.kind(`${path}/token`) === null)
    yield finding(
      'token-missing',
      'token',
      'is not there: macOS has one in each bundle, empty if nothing is encrypted',
      {
        severity: 'warning',
        repairable: true,
      },
    );
  const { bandSize, size } = readBundleInfo(store, path);
  const count = Math.ceil(size / bandSize);
  for (const { name, kind } of store.list(`${path}/bands`)) {
    if (!/^(0|[1-9a-f][0-9a-f]*)$/.test(name)) continue;
    const index = Number.parseInt(name, 16);
    if (kind !== 'file') yield finding('band-kind', `band ${name}`, `is no file, but ${kind}`);
    else if (index >= count)
      yield finding('band-beyond-end', `band ${name}`, `lies behind the end of the disk (${count} bands)`, {
        severity: 'warning',
      });
    else yield* verifyBand(store, `${path}/bands/${name}`, { name, bandSize, chunkSize });
  }
}

/** A bundle opens by the copy of its property list; then the list itself is what is wrong. */
function* verifyInfoPlist(store: FileStore, path: string): Generator<Finding> {
  try {
    parseInfoPlist(readSmallFile(store, `${path}/Info.plist`));
  } catch (error) {
    if (!(error instanceof CorruptError) && !(error instanceof StoreError)) throw error;
    yield finding('info-plist', 'Info.plist', error.message, { repairable: true });
    return;
  }
  try {
    if (store.kind(`${path}/Info.bckup`) === 'file') parseInfoPlist(readSmallFile(store, `${path}/Info.bckup`));
  } catch (error) {
    if (!(error instanceof CorruptError) && !(error instanceof StoreError)) throw error;
    yield finding('info-bckup', 'Info.bckup', error.message, { severity: 'warning', repairable: true });
  }
}

function* verifyBand(
  store: FileStore,
  path: string,
  { name, bandSize, chunkSize }: { readonly name: string; readonly bandSize: number; readonly chunkSize: number },
): Generator<Finding> {
  try {
    const file = store.open(path, 'read');
    const length = file.size();
    file.close();
    if (length > bandSize)
      yield finding(
        'band-length',
        `band ${name}`,
        `is ${length - bandSize} bytes longer than the band size (${bandSize})`,
        { repairable: true },
      );
    if (length % chunkSize !== 0)
      yield finding('band-chunk', `band ${name}`, `ends within an encrypted chunk: ${length} bytes`);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    yield finding('band-unreadable', `band ${name}`, error.message);
  }
}
