// Band size and disk size of a bundle whose property list may be gone.

import { CorruptError, type FileStore, type Finding, finding, StoreError } from '@tintype/core';
import { LARGEST_BAND, SMALLEST_BAND } from '../limits.js';
import { type BundleInfo, readBundleInfo } from '../sparsebundle/info-plist.js';

/** Bands whose sizes are looked at, where the property list does not tell. */
const BANDS_MEASURED = 4096;

/** @throws CorruptError if there are no bands to tell either */
export function bundleFacts(store: FileStore, path: string, findings: Finding[]): BundleInfo {
  try {
    return readBundleInfo(store, path);
  } catch (error) {
    if (!(error instanceof CorruptError) && !(error instanceof StoreError)) throw error;
    findings.push(
      finding('info-plist', 'Info.plist', `neither Info.plist nor its copy can be used: ${error.message}`, {
        severity: 'warning',
      }),
    );
  }
  const indexes = bandIndexes(store, path);
  const last = indexes.reduce((most, index) => Math.max(most, index), -1);
  const length = usualLength(store, path, indexes);
  if (last < 0 || length === 0) throw new CorruptError('bundle', 'bands', 0, 'there are no bands');
  const bandSize = roundedBand(length);
  return { bandSize, size: (last + 1) * bandSize, version: 1 };
}

/** Of the bands that are there, in no order. */
export function bandIndexes(store: FileStore, path: string): number[] {
  return store
    .list(`${path}/bands`)
    .filter(({ name, kind }) => kind === 'file' && /^(0|[1-9a-f][0-9a-f]{0,9})$/.test(name))
    .map(({ name }) => Number.parseInt(name, 16));
}

/** Length that most bands have, or the largest where no two are alike. */
function usualLength(store: FileStore, path: string, indexes: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const index of indexes.slice(0, BANDS_MEASURED)) {
    try {
      const file = store.open(`${path}/bands/${index.toString(16)}`, 'read');
      const size = file.size();
      file.close();
      counts.set(size, (counts.get(size) ?? 0) + 1);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
  }
  const [usual] = [...counts].sort(([a, x], [b, y]) => y - x || b - a);
  return usual?.[0] ?? 0;
}

/** A full band tells its size; if none is full, the next power of two is the likeliest. */
function roundedBand(length: number): number {
  const bytes = Math.min(LARGEST_BAND, Math.max(SMALLEST_BAND, length));
  const isUsual = bytes % (1 << 20) === 0;
  return isUsual ? bytes : 2 ** Math.ceil(Math.log2(bytes));
}
