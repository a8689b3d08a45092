// The data fork of a UDIF, in one file or in several: `name.dmg`, `name.002.dmgpart`, … A chunk may lie across two.
// Source: the manual of hdiutil, public readers; no image of this kind was at hand (docs/formats/images.md).

import { CorruptError, type FileStore, RefusedError, type StoreFile } from '@tintype/core';
import { detect } from '../detect.js';
import { SEGMENTS_LIMIT } from '../limits.js';
import { type KolyFields, readKoly } from './koly.js';
import { Koly } from './structs.js';

export interface Segment {
  readonly file: StoreFile;
  readonly koly: KolyFields;
  /** Bytes of its part of the data fork; where that begins in the file, and in the whole. */
  readonly length: number;
  readonly offset: number;
  readonly start: number;
}

export class DataFork {
  readonly segments: readonly Segment[];
  readonly length: number;

  constructor(parts: readonly { readonly file: StoreFile; readonly koly: KolyFields }[]) {
    let start = 0;
    this.segments = parts.map(({ file, koly }) => {
      const length = lengthOf(file, koly);
      const segment = { file, koly, length, offset: koly.dataForkOffset, start };
      start += length;
      return segment;
    });
    this.length = start;
  }

  /** Fills `target`, all of which lies inside the fork. @throws CorruptError if a file is cut off */
  read(position: number, target: Uint8Array): void {
    let done = 0;
    for (const { file, length, offset, start } of this.segments) {
      const from = position + done - start;
      if (done === target.length || from >= length || from < 0) continue;
      const part = target.subarray(done, done + Math.min(length - from, target.length - done));
      if (file.read(offset + from, part) !== part.length)
        throw new CorruptError('data fork', 'length', offset + from, `${file.path} is cut off`);
      done += part.length;
    }
    if (done < target.length) throw new CorruptError('data fork', 'length', position + done, 'ends here');
  }

  close(): void {
    for (const { file } of this.segments) file.close();
  }
  /** All but the first file, which is its opener's. */
  closeRest(): void {
    for (const { file } of this.segments.slice(1)) file.close();
  }
}

/** Some writers leave the length 0: then it reaches to the property list, or to the trailer. */
function lengthOf(file: StoreFile, { dataForkOffset, dataForkLength, xmlOffset, xmlLength }: KolyFields): number {
  if (dataForkLength > 0) return dataForkLength;
  const end = xmlLength > 0 ? xmlOffset : file.size() - Koly.size;
  return Math.max(0, end - dataForkOffset);
}

/** The second segment of `photos.dmg` is `photos.002.dmgpart`. */
export function segmentPath(path: string, number: number): string {
  return `${path.replace(/\.dmg$/i, '')}.${String(number).padStart(3, '0')}.dmgpart`;
}

/** Of an image's file that is not its first: `photos.002.dmgpart` is opened by its `photos.dmg`. */
export function notFirst(path: string, { segmentNumber, segmentCount }: KolyFields): RefusedError {
  const first = /\.\d{3,}\.dmgpart$/.test(path) ? `, ${path.replace(/\.\d{3,}\.dmgpart$/, '.dmg')}` : '';
  const message = `${path} is segment ${segmentNumber} of ${segmentCount} of an image: open the first of its files${first}`;
  return new RefusedError('segment-not-first', message, { path, segment: segmentNumber, segments: segmentCount });
}

/** Whether a trailer is that of an image's second file, or of a later one. */
export function isLaterSegment({ segmentNumber, segmentCount }: KolyFields): boolean {
  return segmentCount > 1 && segmentNumber > 1;
}

/** Numbers of the files beside `path` that are named as its further segments, whatever they are; ascending. */
export function namedSegments(store: FileStore, path: string): readonly number[] {
  const slash = path.lastIndexOf('/');
  const folder = slash < 0 ? '.' : path.slice(0, slash) || '/';
  const numbers: number[] = [];
  for (const { name, kind } of store.list(folder)) {
    const number = Number(/\.(\d{3,})\.dmgpart$/.exec(name)?.[1] ?? 0);
    if (kind === 'file' && number > 1 && name === segmentPath(path, number).slice(slash + 1)) numbers.push(number);
  }
  return numbers.sort((a, b) => a - b);
}

/**
 * Paths of the files that are an image's further segments by its own trailer; what is missing is left out. Of an encrypted
 * image, whose trailer cannot be read: those that are named so and are encrypted, too.
 */
export function segmentsBeside(store: FileStore, path: string): readonly string[] {
  if (store.kind(path) !== 'file') return [];
  const paths = (numbers: readonly number[]) => numbers.map((number) => segmentPath(path, number));
  if (detect(store, path)?.kind === 'encrypted')
    return paths(namedSegments(store, path)).filter((part) => detect(store, part)?.kind === 'encrypted');
  const file = store.open(path, 'read');
  try {
    const count = readKoly(file)?.segmentCount ?? 0;
    return count < 2 ? [] : paths(namedSegments(store, path).filter((number) => number <= count));
  } finally {
    file.close();
  }
}

/** Where the files of an image lie. */
export interface SegmentsPlace {
  readonly store: FileStore;
  /** Of the first. */
  readonly path: string;
  /** Of an encrypted image: what is behind a file that was opened, which it then closes. */
  readonly decrypted?: (file: StoreFile) => StoreFile;
}

/** Opens all segments but the first, which is open. @throws CorruptError; RefusedError `segment-missing` */
export function openSegments(place: SegmentsPlace, first: StoreFile, koly: KolyFields): DataFork {
  const parts = [{ file: first, koly }];
  if (koly.segmentCount > SEGMENTS_LIMIT)
    throw new CorruptError('koly', 'segmentCount', Koly.at.segmentCount, `no image has ${koly.segmentCount} segments`);
  if (koly.segmentCount > 1 && koly.segmentNumber !== 1)
    throw new CorruptError('koly', 'segmentNumber', Koly.at.segmentNumber, 'this is not the first segment');
  try {
    for (let number = 2; number <= koly.segmentCount; number += 1) {
      const part = openSegment(place, number, koly.segmentCount);
      parts.push(part);
      if (part.koly.segmentNumber !== number || Buffer.compare(part.koly.segmentId, koly.segmentId) !== 0)
        throw new CorruptError(
          'koly',
          'segmentId',
          Koly.at.segmentId,
          `${part.file.path} is no segment ${number} of this`,
        );
    }
  } catch (error) {
    for (const { file } of parts.slice(1)) file.close();
    throw error;
  }
  return new DataFork(parts);
}

function openSegment({ store, path, decrypted }: SegmentsPlace, number: number, count: number) {
  const place = segmentPath(path, number);
  if (store.kind(place) === null)
    throw new RefusedError('segment-missing', `${path} lacks segment ${number} of ${count}: ${place} is not there`, {
      path: place,
      segment: number,
      segments: count,
    });
  const stored = store.open(place, 'read');
  try {
    const file = decrypted?.(stored) ?? stored;
    const koly = readKoly(file);
    if (koly) return { file, koly };
    throw new CorruptError('koly', 'signature', 0, `${file.path} is no segment of an image`);
  } catch (error) {
    stored.close();
    throw error;
  }
}
