// Info.plist of a sparse bundle: read strictly, written byte for byte as macOS does.

import { CorruptError, type FileStore, StoreError } from '@tintype/core';
import { INFO_PLIST_LIMIT, LARGEST_BAND, SMALLEST_BAND } from '../limits.js';

export interface BundleInfo {
  readonly bandSize: number;
  /** Bytes of the disk. */
  readonly size: number;
  readonly version: number;
}

export const BUNDLE_TYPE = 'com.apple.diskimage.sparsebundle';

export function formatInfoPlist({ bandSize, size }: Omit<BundleInfo, 'version'>): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
\t<key>CFBundleInfoDictionaryVersion</key>
\t<string>6.0</string>
\t<key>band-size</key>
\t<integer>${bandSize}</integer>
\t<key>bundle-backingstore-version</key>
\t<integer>1</integer>
\t<key>diskimage-bundle-type</key>
\t<string>${BUNDLE_TYPE}</string>
\t<key>size</key>
\t<integer>${size}</integer>
</dict>
</plist>
`;
}

/** Keys and values of a flat property list: text of each value. @throws CorruptError */
export function parseFlatPlist(text: string): Map<string, string> {
  const values = new Map<string, string>();
  const body = /<plist[^>]*>\s*<dict>([\s\S]*)<\/dict>\s*<\/plist>\s*$/.exec(text)?.[1];
  if (body === undefined) throw corrupt('plist', 'is no property list with a dictionary');
  const entry =
    /\s*<key>([^<]*)<\/key>\s*(?:<(string|integer|real|date|data)>([^<]*)<\/\2>|<(true|false)\s*\/>|<(string|data)\s*\/>)\s*/y;
  while (entry.lastIndex < body.length && body.slice(entry.lastIndex).trim() !== '') {
    const start = entry.lastIndex;
    const match = entry.exec(body);
    if (!match) throw corrupt('dict', `cannot be understood at character ${start}`);
    values.set(match[1] as string, match[3] ?? match[4] ?? '');
  }
  return values;
}

export function parseInfoPlist(bytes: Uint8Array): BundleInfo {
  const values = parseFlatPlist(Buffer.from(bytes).toString('utf8'));
  if (values.get('diskimage-bundle-type') !== BUNDLE_TYPE)
    throw corrupt('diskimage-bundle-type', `is ${JSON.stringify(values.get('diskimage-bundle-type') ?? null)}`);
  const bandSize = wholeNumber(values, 'band-size');
  const size = wholeNumber(values, 'size');
  if (bandSize < SMALLEST_BAND || bandSize > LARGEST_BAND || bandSize % 512 !== 0)
    throw corrupt('band-size', `no band has ${bandSize} bytes`);
  if (size === 0 || size % 512 !== 0) throw corrupt('size', `no disk has ${size} bytes`);
  const version = values.has('bundle-backingstore-version') ? wholeNumber(values, 'bundle-backingstore-version') : 1;
  if (version < 1 || version > 2) throw corrupt('bundle-backingstore-version', `${version} is not known`);
  return { bandSize, size, version };
}

function wholeNumber(values: ReadonlyMap<string, string>, key: string): number {
  const text = values.get(key)?.trim() ?? '';
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw corrupt(key, `${JSON.stringify(text)} is no number that can be right`);
  return value;
}

/** Reads `Info.plist`, or its copy `Info.bckup` where that cannot be understood. @throws CorruptError, StoreError */
export function readBundleInfo(store: FileStore, bundle: string): BundleInfo {
  try {
    return parseInfoPlist(readSmallFile(store, `${bundle}/Info.plist`));
  } catch (error) {
    if (!(error instanceof CorruptError) && !(error instanceof StoreError)) throw error;
    try {
      return parseInfoPlist(readSmallFile(store, `${bundle}/Info.bckup`));
    } catch {
      throw error;
    }
  }
}

/** A file of at most 64 KiB. @throws CorruptError if it is longer */
export function readSmallFile(store: FileStore, path: string): Uint8Array {
  const file = store.open(path, 'read');
  try {
    const size = file.size();
    if (size > INFO_PLIST_LIMIT) throw corrupt('plist', `${size} bytes are too many`);
    const bytes = new Uint8Array(size);
    return bytes.subarray(0, file.read(0, bytes));
  } finally {
    file.close();
  }
}

function corrupt(field: string, problem: string): CorruptError {
  return new CorruptError('Info.plist', field, 0, problem);
}
