import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { HashRing, mark, SLOTS } from './hash-ring.js';
import { DIGEST_SIZE } from './hasher.js';
import { SlotHasher } from './slot-hasher.js';

test('a file of zeros and bytes that goes through three slots, and a whole one behind its end', () => {
  const ring = new HashRing();
  const slots = new SlotHasher(ring);
  const pieces = [
    [{ length: 5, marks: mark.first }],
    [{ length: 70_000, marks: mark.zeros }],
    [
      { length: 3, marks: mark.last },
      { length: 4, marks: mark.first | mark.last },
    ],
  ];
  for (const [index, list] of pieces.entries()) {
    const at = index + SLOTS - 1;
    ring.data(at).fill(index + 1);
    ring.table(at)[0] = list.length;
    for (const [i, { length, marks }] of list.entries()) ring.table(at).set([length, marks], 2 + 2 * i);
    slots.hash(at);
  }
  const long = Buffer.concat([Buffer.alloc(5, 1), Buffer.alloc(70_000), Buffer.alloc(3, 3)]);
  const digests = ring.digests(SLOTS + 1);
  for (const [i, bytes] of [long, Buffer.alloc(4, 3)].entries())
    expect(Buffer.from(digests.subarray(i * DIGEST_SIZE, (i + 1) * DIGEST_SIZE))).toEqual(
      createHash('sha256').update(bytes).digest(),
    );
});
