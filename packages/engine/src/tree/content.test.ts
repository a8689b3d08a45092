// What the copier does with the hasher's room; whole runs are tested with the operations.

import { createHash } from 'node:crypto';
import type { Item, Progress, Volume, WritableVolume } from '@tintype/core';
import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { ContentHasher } from '../checksums/hasher.js';
import { ContentCopier } from './content.js';

/** Rooms of a slot's ends: now and then less than is asked for. */
class CrampedHasher implements ContentHasher {
  readonly #random = new Random(7);
  #hash = createHash('sha256');
  #space = new Uint8Array();
  begin(): void {
    this.#hash = createHash('sha256');
  }
  add(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }
  space(length: number): Uint8Array {
    this.#space = new Uint8Array(this.#random.oneIn(3) ? this.#random.between(1, length) : length);
    return this.#space;
  }
  filled(length: number): void {
    this.#hash.update(this.#space.subarray(0, length));
  }
  addZeros(length: number): void {
    this.#hash.update(new Uint8Array(length));
  }
  end(told: (digest: Uint8Array) => void): void {
    told(this.#hash.digest());
  }
  drain(): void {}
  close(): void {}
}

/** Copies a file of `bytes` that the source says has `said` bytes; answers what the target got. */
function copied(bytes: Uint8Array, said: number, hasher: ContentHasher | null) {
  const item = { id: 1, size: said, allocated: 1 << 30, mtime: 0, mtimeNanos: 0 } as unknown as Item;
  const source = {
    read: (_: number, position: number, target: Uint8Array) => {
      const part = bytes.subarray(position, position + target.length);
      target.set(part);
      return part.length;
    },
    stat: () => ({ ...item, size: bytes.length }),
  } as unknown as Volume;
  let written = Buffer.alloc(0);
  const target = {
    truncate: () => {
      written = Buffer.alloc(0);
    },
    write: (_: number, position: number, part: Uint8Array) => {
      expect(position).toBe(written.length);
      written = Buffer.concat([written, part]);
    },
  } as unknown as WritableVolume;
  const digests: string[] = [];
  const copier = new ContentCopier({ add: () => {} } as unknown as Progress);
  if (hasher)
    copier.checksums = {
      hasher,
      wants: () => true,
      end: () => hasher.end((digest) => digests.push(Buffer.from(digest).toString('hex'))),
    };
  copier.copy(source, item, target, 2);
  return { written, digests };
}

test.each([null, new CrampedHasher()])(
  'files of many sizes, those that grew among them, arrive whole (%o)',
  (hasher) => {
    const random = new Random(11);
    for (const size of [0, 1, 4095, 4096, 4097, 100_000, 1 << 20, (1 << 20) + 1, 3_000_000]) {
      const bytes = Buffer.from(random.bytes(size));
      for (const said of [size, Math.max(0, size - 1), size >> 1, size + 5000]) {
        const { written, digests } = copied(bytes, said, hasher);
        expect(written.equals(bytes)).toBe(true);
        expect(digests).toEqual(hasher ? [createHash('sha256').update(bytes).digest('hex')] : []);
      }
    }
  },
);
