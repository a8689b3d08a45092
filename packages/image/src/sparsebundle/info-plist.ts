// Info.plist of a sparse bundle: read strictly, written byte for byte as macOS does.

import { CorruptError, type FileStore, LinkLostError, StoreError } from '@tintype/core';
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

/**
 * Keys and values of a flat property list: text of each value. Values that are lists or dictionaries are empty here.
 * Takes time in proportion to the text, whatever it holds. @throws CorruptError
 */
export function parseFlatPlist(text: string): Map<string, string> {
  const values = new Map<string, string>();
  const { start, end } = bodyOf(text);
  const body = text.slice(start, end);
  const entry = /\s*<key>([^<]*)<\/key>\s*/y;
  const value = /<(string|integer|real|date|data)>([^<]*)<\/\1>\s*|<(true|false|string|data|array|dict)\s*\/>\s*/y;
  let at = 0;
  while (at < body.length) {
    entry.lastIndex = at;
    const key = entry.exec(body)?.[1];
    if (key === undefined) {
      if (body.slice(at).trim() === '') break;
      throw corrupt('dict', start + at, 'cannot be understood');
    }
    value.lastIndex = entry.lastIndex;
    const match = value.exec(body);
    values.set(key, match?.[2] ?? match?.[3] ?? '');
    at = match ? value.lastIndex : endOfNested(body, entry.lastIndex, start);
  }
  return values;
}

/** Where the dictionary of the whole list lies in its text. */
function bodyOf(text: string): { start: number; end: number } {
  const plist = text.indexOf('<plist');
  const opened = plist < 0 ? -1 : text.indexOf('>', plist) + 1;
  const trimmed = text.trimEnd();
  const closing = trimmed.endsWith('</plist>') ? trimmed.slice(0, -'</plist>'.length).trimEnd() : '';
  const start = opened > 0 ? text.indexOf('<dict>', opened) : -1;
  if (start < 0 || text.slice(opened, start).trim() !== '' || !closing.endsWith('</dict>'))
    throw corrupt('plist', 0, 'is no property list with a dictionary');
  return { start: start + '<dict>'.length, end: Math.max(start + '<dict>'.length, closing.length - '</dict>'.length) };
}

/** Behind a value that is a list or a dictionary, which nothing here needs. */
function endOfNested(body: string, at: number, start: number): number {
  const tag = /\s*<(\/?)(array|dict|string|integer|real|date|data|key|true|false)\s*(\/?)>[^<]*/y;
  if (!/<(?:array|dict)>/y.test(body.slice(at, at + 7))) throw corrupt('dict', start + at, 'holds no value');
  let depth = 0;
  tag.lastIndex = at;
  for (let match = tag.exec(body); match; match = tag.exec(body)) {
    depth += match[3] === '/' ? 0 : match[1] === '/' ? -1 : 1;
    if (depth <= 0) return tag.lastIndex;
  }
  throw corrupt('dict', start + at, 'holds a value that cannot be understood');
}

export function parseInfoPlist(bytes: Uint8Array): BundleInfo {
  const values = parseFlatPlist(Buffer.from(bytes).toString('utf8'));
  if (values.get('diskimage-bundle-type') !== BUNDLE_TYPE)
    throw corrupt('diskimage-bundle-type', 0, `is ${JSON.stringify(values.get('diskimage-bundle-type') ?? null)}`);
  const bandSize = wholeNumber(values, 'band-size');
  const size = wholeNumber(values, 'size');
  if (bandSize < SMALLEST_BAND || bandSize > LARGEST_BAND || bandSize % 512 !== 0)
    throw corrupt('band-size', 0, `no band has ${bandSize} bytes`);
  if (size === 0 || size % 512 !== 0) throw corrupt('size', 0, `no disk has ${size} bytes`);
  const version = values.has('bundle-backingstore-version') ? wholeNumber(values, 'bundle-backingstore-version') : 1;
  if (version < 1 || version > 2) throw corrupt('bundle-backingstore-version', 0, `${version} is not known`);
  return { bandSize, size, version };
}

function wholeNumber(values: ReadonlyMap<string, string>, key: string): number {
  const text = values.get(key)?.trim() ?? '';
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw corrupt(key, 0, `${JSON.stringify(text)} is no number that can be right`);
  return value;
}

/** The same list with another size; what else stands in it stays. */
export function withSize(text: string, size: number): string {
  const changed = text.replace(/(<key>size<\/key>\s*<integer>)[^<]*/, (_all, before: string) => before + size);
  const { bandSize, size: seen } = parseInfoPlist(Buffer.from(changed));
  // A key of this name inside a value that nobody knows.
  return seen === size ? changed : formatInfoPlist({ bandSize, size });
}

/** Reads `Info.plist`, or its copy `Info.bckup` where that cannot be understood. @throws CorruptError, StoreError */
export function readBundleInfo(store: FileStore, bundle: string): BundleInfo {
  try {
    return parseInfoPlist(readSmallFile(store, `${bundle}/Info.plist`));
  } catch (error) {
    const isKnown = error instanceof CorruptError || error instanceof StoreError;
    if (!isKnown || error instanceof LinkLostError) throw error;
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
    if (size > INFO_PLIST_LIMIT) throw corrupt('plist', 0, `${size} bytes are too many`);
    const bytes = new Uint8Array(size);
    return bytes.subarray(0, file.read(0, bytes));
  } finally {
    file.close();
  }
}

function corrupt(field: string, place: number, problem: string): CorruptError {
  return new CorruptError('Info.plist', field, place, problem);
}
