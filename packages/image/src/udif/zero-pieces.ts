// Zeros within a chunk that is kept as it is: where there are many, they get entries of their own and are not stored. Chunks
// that are compressed need none of this.

import { assert, crc32 } from '@tintype/core';
import { isZero } from '../zeros.js';
import type { StoredChunk } from './fork-writer.js';
import { CHUNK_TYPE } from './structs.js';
import type { Row } from './table.js';

/** Zeros are looked for in steps of this, from the start of a chunk on. */
const PIECE = 1 << 16;
/** Entries that the tables of an image may have more for it: 5 MB, for 8 GiB of zeros at the least. */
const MORE_ENTRIES = 1 << 17;

/** A stretch of a chunk, in bytes. */
export interface Piece {
  readonly isZero: boolean;
  readonly offset: number;
  readonly length: number;
}

export class ZeroPieces {
  #left: number;

  constructor(moreEntries = MORE_ENTRIES) {
    this.#left = moreEntries;
  }

  /** Zeros and what is to be stored, in turn; one piece where no entries are left for more. */
  of(bytes: Uint8Array): readonly Piece[] {
    const pieces = piecesOf(bytes);
    if (pieces.length - 1 > this.#left) return [{ isZero: false, offset: 0, length: bytes.length }];
    this.#left -= pieces.length - 1;
    return pieces;
  }
  /** Those are needed no more. */
  giveBack(pieces: readonly Piece[]): void {
    this.#left += pieces.length - 1;
  }
}

function piecesOf(bytes: Uint8Array): readonly Piece[] {
  const pieces: Piece[] = [];
  for (let offset = 0; offset < bytes.length; offset += PIECE) {
    const part = bytes.subarray(offset, offset + PIECE);
    const kind = isZero(part);
    const last = pieces.at(-1);
    if (last?.isZero === kind) pieces[pieces.length - 1] = { ...last, length: last.length + part.length };
    else pieces.push({ isZero: kind, offset, length: part.length });
  }
  return pieces;
}

interface Cut {
  readonly pieces: readonly Piece[];
  /** CRC-32 of each. */
  readonly sums: readonly number[];
}

/** The chunks of an archive of which zeros are left out. What is stored of one lies without gaps. */
export class CutChunks {
  readonly #zeros = new ZeroPieces();
  readonly #cuts = new Map<number, Cut>();

  /** What is to be stored of a chunk that is not all zeros. */
  cut(chunk: number, bytes: Uint8Array): Uint8Array {
    assert(!this.#cuts.has(chunk), 'what was stored of the chunk before is forgotten');
    const pieces = this.#zeros.of(bytes);
    if (pieces.length === 1) return bytes;
    const parts = pieces.map(({ offset, length }) => bytes.subarray(offset, offset + length));
    this.#cuts.set(chunk, { pieces, sums: parts.map((part) => crc32(part)) });
    return Buffer.concat(parts.filter((_, i) => pieces[i]?.isZero === false));
  }
  /** The chunk is stored no more. */
  forget(chunk: number): void {
    const cut = this.#cuts.get(chunk);
    if (cut) this.#zeros.giveBack(cut.pieces);
    this.#cuts.delete(chunk);
  }
  /** `clear` begins with what is stored of the chunk: then each byte is in its place. */
  spread(chunk: number, clear: Uint8Array): void {
    const pieces = this.#cuts.get(chunk)?.pieces ?? [];
    let end = pieces.reduce((sum, { isZero, length }) => sum + (isZero ? 0 : length), 0);
    for (const { isZero, offset, length } of pieces.toReversed()) {
      if (isZero) clear.fill(0, offset, offset + length);
      else {
        clear.copyWithin(offset, end - length, end);
        end -= length;
      }
    }
  }
  /** The entries of a chunk that begins at `start` on the disk; null if it is whole. */
  rows(chunk: number, start: number, { type, offset }: StoredChunk): readonly Row[] | null {
    const cut = this.#cuts.get(chunk);
    if (!cut) return null;
    let next = offset;
    return cut.pieces.map((piece, i): Row => {
      const { length } = piece;
      const place = { start: start + piece.offset, size: length };
      if (piece.isZero) return { ...place, type: CHUNK_TYPE.zero, offset: 0, length: 0, crc: 0 };
      next += length;
      return { ...place, type, offset: next - length, length, crc: cut.sums[i] ?? 0 };
    });
  }
}
