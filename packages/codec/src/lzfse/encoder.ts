// Writes LZFSE streams: matches by hash chains with one step of lazy comparison, coded in blocks of `bvx2`; short input
// as LZVN, what does not shrink as it is. `kernels/encode.ts` does the same, faster. Source: the public lzfse project's format and choices (docs/formats/codecs.md).

import { encodeLzvn } from '../lzvn/encoder.js';
import { MatchFinder } from '../matches.js';
import { BlockWriter, LONGEST_LITERALS, LONGEST_MATCH } from './block-writer.js';

const LIMITS = { shortest: 4, longest: 1 << 20, window: 262_139, depth: 8, enough: 64 } as const;
/** Matches of this length are taken without looking at the next position. */
const GOOD = 40;
/** Below this, LZVN's lack of tables wins. */
const SMALLEST_CODED = 4096;
/** Below this, no coding can win. */
const SMALLEST_LZVN = 8;
const END = Uint8Array.of(0x62, 0x76, 0x78, 0x24);

/** The coded blocks of `source`, which is not short, without an end mark; null if they are not shorter than `limit`. */
export type BlockCoder = (source: Uint8Array, limit: number) => readonly Uint8Array[] | null;

/** A whole stream; `code` gives the bytes that the reference gives. */
export function encodeStream(source: Uint8Array, code: BlockCoder = codedBlocks): Uint8Array {
  const raw = [blockHeader('bvx-', [source.length]), source];
  let blocks: readonly Uint8Array[] = raw;
  if (source.length >= SMALLEST_CODED) blocks = code(source, size(raw)) ?? raw;
  else if (source.length >= SMALLEST_LZVN) {
    const payload = encodeLzvn(source);
    blocks = [blockHeader('bvxn', [source.length, payload.length]), payload];
  }
  if (source.length === 0) blocks = [];
  return Buffer.concat([...(size(blocks) < size(raw) ? blocks : raw).filter(() => source.length > 0), END]);
}

function size(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

function blockHeader(magic: string, numbers: readonly number[]): Uint8Array {
  const header = Buffer.alloc(4 + 4 * numbers.length);
  header.write(magic, 'latin1');
  for (const [i, number] of numbers.entries()) header.writeUInt32LE(number, 4 + 4 * i);
  return header;
}

/** The reference of the kernel. */
export function codedBlocks(source: Uint8Array): Uint8Array[] {
  const stream = new Triplets(source);
  const finder = new MatchFinder(source, LIMITS);
  for (let at = 0; at < source.length; ) {
    finder.find(at);
    let { length, distance } = finder;
    if (length === 0) {
      at += 1;
      continue;
    }
    if (length < GOOD) {
      // A longer match one byte on is worth a literal.
      finder.find(at + 1);
      if (finder.length > length) {
        ({ length, distance } = finder);
        at += 1;
      }
    }
    stream.match(at, length, distance);
    at += length;
  }
  return stream.end();
}

/** Cuts literals and matches to what a triplet holds, and the triplets into blocks. */
class Triplets {
  readonly #source: Uint8Array;
  readonly #writer = new BlockWriter();
  readonly #blocks: Uint8Array[] = [];
  #start = 0;

  constructor(source: Uint8Array) {
    this.#source = source;
  }

  match(at: number, length: number, distance: number): void {
    const first = Math.min(length, LONGEST_MATCH);
    this.#add(this.#literals(at), first, distance);
    for (let done = first; done < length; ) {
      const part = Math.min(length - done, LONGEST_MATCH);
      this.#add(this.#source.subarray(0, 0), part, distance);
      done += part;
    }
    this.#start = at + length;
  }

  end(): Uint8Array[] {
    const rest = this.#literals(this.#source.length);
    if (rest.length > 0) this.#add(rest, 0, 1);
    if (!this.#writer.isEmpty) this.#blocks.push(this.#writer.take());
    return this.#blocks;
  }

  /** Literals up to `end`, all but the last triplet's worth of them written. */
  #literals(end: number): Uint8Array {
    for (; end - this.#start > LONGEST_LITERALS; this.#start += LONGEST_LITERALS)
      this.#add(this.#source.subarray(this.#start, this.#start + LONGEST_LITERALS), 0, 1);
    return this.#source.subarray(this.#start, end);
  }

  #add(literals: Uint8Array, match: number, distance: number): void {
    if (!this.#writer.hasRoomFor(literals.length)) this.#blocks.push(this.#writer.take());
    this.#writer.add(literals, match, distance);
  }
}
