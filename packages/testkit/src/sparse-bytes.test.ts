import { expect, test } from 'vitest';
import { Random } from './seeds.js';
import { SparseBytes } from './sparse-bytes.js';

/** The same as `SparseBytes`, on plain bytes. */
class Plain {
  bytes = new Uint8Array();
  lengthen(length: number): void {
    if (length <= this.bytes.length) return;
    const longer = new Uint8Array(length);
    longer.set(this.bytes);
    this.bytes = longer;
  }
}

test.each([1, 2, 3, 4])('random changes, with copies taken on the way, equal plain bytes: seed %i', (seed) => {
  const random = new Random(seed);
  let sparse = new SparseBytes();
  const plain = new Plain();
  const copies: { sparse: SparseBytes; bytes: Uint8Array }[] = [];
  for (let step = 0; step < 400; step += 1) {
    const position = random.below(40_000);
    const length = random.below(12_000);
    const act = random.below(8);
    if (act < 3) {
      const bytes = random.bytes(length);
      if (act === 0) sparse.adopt(position, bytes);
      else sparse.write(position, bytes);
      if (length > 0) plain.lengthen(position + length);
      if (length > 0) plain.bytes.set(bytes, position);
    } else if (act === 3) {
      sparse.punch(position, length);
      plain.bytes.fill(0, Math.min(position, plain.bytes.length), Math.min(position + length, plain.bytes.length));
    } else if (act === 4) {
      sparse.truncate(position);
      plain.lengthen(position);
      plain.bytes = plain.bytes.slice(0, position);
    } else if (act === 5) {
      sparse.allocate(position, length);
      plain.lengthen(position + length);
      expect(sparse.allocated(position, length)).toBe(length);
      expect(sparse.missing(position, length)).toBe(0);
    } else {
      copies.push({ sparse, bytes: plain.bytes.slice() });
      if (act === 6) {
        sparse = sparse.clone();
      } else {
        const last = copies[copies.length - 1];
        if (last) last.sparse = sparse.clone();
      }
    }
    expectSame(sparse, plain.bytes);
  }
  for (const copy of copies) expectSame(copy.sparse, copy.bytes);
});

test('extents follow what was written', () => {
  const bytes = new SparseBytes();
  bytes.truncate(1e12);
  bytes.write(8192, Uint8Array.of(1));
  expect(bytes.extent(0)).toEqual({ length: 8192, kind: 'zero' });
  expect(bytes.extent(100)).toEqual({ length: 8092, kind: 'zero' });
  expect(bytes.extent(8192)).toEqual({ length: 4096, kind: 'data' });
  expect(bytes.extent(12_288)).toEqual({ length: 1e12 - 12_288, kind: 'zero' });
});

function expectSame(sparse: SparseBytes, bytes: Uint8Array): void {
  expect(sparse.length).toBe(bytes.length);
  const seen = new Uint8Array(bytes.length);
  expect(sparse.read(0, seen)).toBe(bytes.length);
  expect(Buffer.compare(seen, bytes)).toBe(0);
}
