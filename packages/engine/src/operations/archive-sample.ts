// How small contents become: chunks of them are compressed here and there while a source is looked through (B34).

import { bzip2, type Codec, lzfse, xz, zlib } from '@tintype/codec';
import type { Item } from '@tintype/core';
import type { ArchiveFormat } from '../maintenance/create.js';
import { type GuardedSource, SourceError } from '../tree/source-guard.js';
import type { ArchivePlan } from './archive.js';

const CHUNK = 1 << 20;
/** Samples after which they become half as frequent. */
const SAMPLES = 16;
const FIRST_STEP = CHUNK;
const CODECS: Readonly<Partial<Record<ArchiveFormat, Codec>>> = { udzo: zlib, udbz: bzip2, ulfo: lzfse, ulmo: xz };

/** Sees the files of a source in the order in which they would be stored. */
export class ContentSampler {
  readonly #codec: Codec | null;
  readonly #level: number | undefined;
  readonly #chunk = new Uint8Array(CHUNK);
  #filled = 0;
  #step = FIRST_STEP;
  #samples = 0;
  /** Bytes until the next sample begins. */
  #distance = 0;
  /** Bytes that all samples stand for, and what they would become. */
  #seen = 0;
  #stored = 0;

  constructor(format: ArchiveFormat, level: number | undefined) {
    this.#codec = CODECS[format] ?? null;
    this.#level = level;
  }

  /** What cannot be read is left out: the run itself reports it. */
  add(source: GuardedSource, item: Item): void {
    if (!this.#codec || item.kind !== 'file' || item.size === 0) return;
    let at = 0;
    if (this.#distance > 0) {
      at = Math.min(this.#distance, item.size);
      this.#distance -= at;
    }
    // A file that is only touched gives its beginning, not its last bytes.
    while (this.#distance === 0 && at < item.size) {
      const length = Math.min(CHUNK - this.#filled, item.size - at);
      if (!this.#read(source, item, at, length)) return;
      at += length;
      if (this.#filled === CHUNK) this.#compress();
      const skipped = Math.min(this.#distance, item.size - at);
      this.#distance -= skipped;
      at += skipped;
    }
  }

  /** Stored bytes for each byte of content; 1 where nothing is compressed. */
  ratio(): number {
    if (this.#filled > 0) this.#compress();
    return this.#seen === 0 ? 1 : this.#stored / this.#seen;
  }

  #read(source: GuardedSource, item: Item, position: number, length: number): boolean {
    try {
      this.#filled += source.read(item.id, position, this.#chunk.subarray(this.#filled, this.#filled + length));
      return true;
    } catch (error) {
      if (error instanceof SourceError) return false;
      throw error;
    }
  }

  #compress(): void {
    const clear = this.#chunk.subarray(0, this.#filled);
    const coded = this.#codec?.encode(clear, this.#level).length ?? clear.length;
    // Each stands for all up to the next one.
    const weight = clear.length === CHUNK ? this.#step : clear.length;
    this.#seen += weight;
    this.#stored += (weight * Math.min(coded, clear.length)) / clear.length;
    this.#distance = this.#step - CHUNK;
    this.#filled = 0;
    this.#samples += 1;
    if (this.#samples % SAMPLES === 0) this.#step *= 2;
  }
}

/** Nodes of a file system, as far as they shrink. */
const METADATA_RATIO = 0.25;
/** Map, tables and trailer of an archive; the header of an encrypted one. */
const FRAME = 64 << 10;
const ENCRYPTED_FRAME = 120 << 10;
/** Zeros among what is stored as it is, above what is counted for each item: 0.3 to 0.9 MB for 1 to 5,000 items. */
const ZEROS_STORED = CHUNK / 2;
/** What may be stored twice, at the most. */
const SUPERSEDED = 1.02;

/** Of an archive, in bytes: at its end, and at the most until then. */
export function archiveSizes(
  { format, encryption }: Pick<ArchivePlan, 'format' | 'encryption'>,
  sampler: ContentSampler,
  { blocks, bytes, metadata }: { readonly blocks: number; readonly bytes: number; readonly metadata: number },
): { readonly imageSize: number; readonly peakSpace: number } {
  const frame = FRAME + (encryption === undefined ? 0 : ENCRYPTED_FRAME);
  const rest =
    format === 'udro' ? blocks + metadata + ZEROS_STORED : bytes * sampler.ratio() + metadata * METADATA_RATIO;
  const imageSize = Math.ceil(rest + frame);
  return { imageSize, peakSpace: Math.ceil(imageSize * SUPERSEDED) };
}
