import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { inputs } from '../codecs.testing.js';
import { decodeByReference } from './decoder.js';
import { encodeStream } from './encoder.js';

function roundTrip(clear: Uint8Array): Buffer {
  const stream = Buffer.from(encodeStream(clear));
  const target = new Uint8Array(clear.length);
  decodeByReference(stream, target);
  expect(Buffer.compare(target, clear)).toBe(0);
  return stream;
}

test('the kind of block is chosen by size and gain', () => {
  const random = new Random(2);
  const kind = (clear: Uint8Array) => roundTrip(clear).toString('latin1', 0, 4);
  expect(kind(new Uint8Array(0))).toBe('bvx$');
  expect(kind(Buffer.from('seven b'))).toBe('bvx-');
  expect(kind(Buffer.alloc(4095, 'abcdefg'))).toBe('bvxn');
  expect(kind(Buffer.alloc(4096, 'abcdefg'))).toBe('bvx2');
  expect(kind(random.bytes(9000))).toBe('bvx-');
});

test.each(inputs())('%s', (_what, clear) => {
  expect(roundTrip(clear).length).toBeLessThanOrEqual(clear.length + 12);
});

test('literals and matches longer than a triplet, more of them than a block takes', () => {
  const random = new Random(12);
  const parts: Uint8Array[] = [random.bytes(50_000)];
  for (let i = 0; i < 12_000; i += 1) {
    const words = random.pick([4, 5, 9, 300]);
    parts.push(random.bytes(random.below(4)), (parts[0] as Uint8Array).subarray(i, i + words));
  }
  parts.push(new Uint8Array(30_000), random.bytes(1000), new Uint8Array(2360));
  roundTrip(Buffer.concat(parts));
});
