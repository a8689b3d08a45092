// Records of the files that were copied since the last commit: bytes as a segment holds them.

import { type Item, put64le, u64le, type VolumeTraits } from '@tintype/core';
import { keptNanos, keptSeconds } from '../tree/compare.js';
import { DIGEST_SIZE } from './hasher.js';
import { ChecksumRecord } from './structs.js';

export const RECORD_SIZE = ChecksumRecord.size;
const { inode: INODE, size: SIZE, mtime: MTIME, digest: DIGEST } = ChecksumRecord.at;

/** What a record holds for: it says nothing about a file with other values. */
export interface RecordKey {
  readonly inode: number;
  readonly size: number;
  /** Nanoseconds since 1970, as the volume keeps them. */
  readonly mtime: bigint;
}

/** `item` of a source, or of the volume itself. */
export function keyOf(inode: number, item: Item, traits: VolumeTraits): RecordKey {
  const seconds = BigInt(keptSeconds(item.mtime, traits));
  return { inode, size: item.size, mtime: seconds * 1_000_000_000n + BigInt(keptNanos(item.mtimeNanos, traits)) };
}

/** One record of a block of many. */
export function inodeAt(view: DataView, at: number): number {
  return u64le(view, at, INODE);
}
export function isFor(view: DataView, at: number, key: RecordKey): boolean {
  return (
    u64le(view, at, INODE) === key.inode &&
    u64le(view, at, SIZE) === key.size &&
    view.getBigInt64(at + MTIME, true) === key.mtime
  );
}
export function digestAt(view: DataView, at: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at + DIGEST, DIGEST_SIZE).slice();
}

export class NewRecords {
  #bytes = new Uint8Array(1024 * RECORD_SIZE);
  #view = new DataView(this.#bytes.buffer);
  count = 0;

  add(key: RecordKey, digest: Uint8Array): void {
    const at = this.count * RECORD_SIZE;
    if (at === this.#bytes.length) this.#grow();
    put64le(this.#view, at, INODE, key.inode);
    put64le(this.#view, at, SIZE, key.size);
    this.#view.setBigInt64(at + MTIME, key.mtime, true);
    this.#bytes.set(digest, at + DIGEST);
    this.count += 1;
  }

  /** All of them, ascending by inode, the last one of each; there are none any more afterwards. */
  take(): Uint8Array {
    const view = this.#view;
    const inodes = Float64Array.from({ length: this.count }, (_, i) => inodeAt(view, i * RECORD_SIZE));
    const order = Uint32Array.from({ length: this.count }, (_, i) => i);
    order.sort((a, b) => (inodes[a] as number) - (inodes[b] as number) || a - b);
    const sorted = new Uint8Array(this.count * RECORD_SIZE);
    let length = 0;
    for (const [i, from] of order.entries()) {
      const next = order[i + 1];
      if (next !== undefined && inodes[next] === inodes[from]) continue;
      sorted.set(this.#bytes.subarray(from * RECORD_SIZE, (from + 1) * RECORD_SIZE), length);
      length += RECORD_SIZE;
    }
    this.count = 0;
    return sorted.subarray(0, length);
  }

  #grow(): void {
    const bytes = new Uint8Array(this.#bytes.length * 2);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
