// The data fork of a new UDIF: chunks are compressed by lanes and stored in the order in which they come: in what was given
// up before, if that is long enough, or behind all others. What does not shrink is kept as it is.
//
// Invariant: places depend on the order of the calls alone, not on when a lane is ready.

import { adc, bzip2, type Codec, clearSum, encoding, lzfse, serialChunkLanes, xz, zlib } from '@tintype/codec';
import { assert, CorruptError, crc32, type Lanes, type Range, type StoreFile } from '@tintype/core';
import type { ImageFormat } from '../disk-image.js';
import { DeadRoom } from './dead-room.js';
import { CHUNK_TYPE } from './structs.js';

export type UdifFormat = Extract<ImageFormat, 'udro' | 'udco' | 'udzo' | 'udbz' | 'ulfo' | 'ulmo'>;

/** Clear bytes of a chunk, at the most: what every reader takes. */
export const CHUNK = 1 << 20;

const CODINGS: Readonly<Record<UdifFormat, { readonly type: number; readonly codec: Codec } | null>> = {
  udro: null,
  udco: { type: 0x8000_0004, codec: adc },
  udzo: { type: 0x8000_0005, codec: zlib },
  udbz: { type: 0x8000_0006, codec: bzip2 },
  ulfo: { type: 0x8000_0007, codec: lzfse },
  ulmo: { type: 0x8000_0008, codec: xz },
};

export interface Coding {
  readonly format: UdifFormat;
  /** 1 to 9; default: the codec's own. */
  readonly level?: number | undefined;
  /** Where chunks are compressed; absent: by the caller. */
  readonly lanes?: Lanes | undefined;
}

/** Where a chunk's bytes are, and two CRC-32: of what they stand for, and of themselves. */
export interface StoredChunk {
  readonly type: number;
  readonly offset: number;
  readonly length: number;
  readonly crc: number;
  readonly storedCrc: number;
}

/** What a chunk held is needed no more by chunks that come after so many others. */
interface Release {
  readonly added: number;
  readonly range: Range;
}

/** Where a data fork goes: bytes come one behind the other. */
export type ForkTarget = Pick<StoreFile, 'write'>;

/** What one file has of a data fork: bytes, and their CRC-32. */
export interface ForkPart {
  readonly length: number;
  readonly crc: number;
}

export class ForkWriter {
  readonly #target: ForkTarget;
  readonly #coding: { readonly type: number; readonly codec: Codec } | null;
  readonly #level: number | undefined;
  readonly #lanes: Lanes;
  readonly #dead = new DeadRoom();
  #releases: Release[] = [];
  /** Chunks that came, and those of them that were stored. */
  #added = 0;
  #stored = 0;
  /** Bytes of the fork, dead room included; and the most there ever were. */
  length = 0;
  peak = 0;

  constructor(target: ForkTarget, { format, level, lanes }: Coding) {
    this.#target = target;
    this.#coding = CODINGS[format];
    this.#level = level;
    this.#lanes = lanes ?? serialChunkLanes();
  }

  /** Of chunks that shrank: how a table names their coding. */
  get type(): number {
    return this.#coding?.type ?? CHUNK_TYPE.raw;
  }

  /** `clear` may be used again at once; `told`, in order, comes now or later, before `drain` returns. */
  add(clear: Uint8Array, told: (chunk: StoredChunk) => void): void {
    assert(clear.length > 0 && clear.length <= CHUNK, 'a chunk has a length that every reader takes');
    this.#added += 1;
    if (!this.#coding) {
      told(this.#store(CHUNK_TYPE.raw, clear, crc32(clear)));
      return;
    }
    const { type, codec } = this.#coding;
    this.#lanes.push(encoding(codec, clear, this.#level), (coded, values, input) => {
      const isCoded = coded.length > 0;
      told(this.#store(isCoded ? type : CHUNK_TYPE.raw, isCoded ? coded : input, clearSum(values)));
    });
  }

  drain(): void {
    this.#lanes.drain();
  }

  /** A chunk's bytes are not needed any more: others may take their place. */
  release(range: Range): void {
    this.#releases.push({ added: this.#added, range });
  }

  /** All that was given up and not taken, when every chunk is stored. */
  settle(): DeadRoom {
    this.drain();
    this.#giveUp();
    return this.#dead;
  }

  #store(type: number, stored: Uint8Array, crc: number): StoredChunk {
    // What is given up meanwhile is for those that come later.
    this.#giveUp();
    this.#stored += 1;
    const place = this.#dead.take(stored.length);
    const offset = place ?? this.length;
    this.#target.write(offset, stored);
    if (place === null) this.length += stored.length;
    this.peak = Math.max(this.peak, this.length);
    return { type, offset, length: stored.length, crc, storedCrc: crc32(stored) };
  }

  #giveUp(): void {
    let count = 0;
    for (const { added, range } of this.#releases) {
      if (added > this.#stored) break;
      this.length = this.#dead.add(range, this.length);
      count += 1;
    }
    if (count > 0) this.#releases = this.#releases.slice(count);
  }
}

/**
 * The clear bytes of a chunk that was stored in `file`. @throws CorruptError if the file does not hold them any more
 */
export function readStoredChunk(
  file: StoreFile,
  format: UdifFormat,
  { type, offset, length }: Pick<StoredChunk, 'type' | 'offset' | 'length'>,
  clear: Uint8Array,
): void {
  const stored = type === CHUNK_TYPE.raw ? clear : new Uint8Array(length);
  if (file.read(offset, stored) !== length)
    throw new CorruptError('data fork', 'length', offset, `${file.path} is shorter than what was written`);
  if (type === CHUNK_TYPE.raw) return;
  const coding = CODINGS[format];
  assert(coding !== null && type === coding.type, 'chunks have the coding of the archive');
  coding.codec.decode(stored, clear);
}
