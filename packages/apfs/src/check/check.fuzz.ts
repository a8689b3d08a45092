// Mutated real containers: the check ends, throws nothing, and what it finds has a kind that is documented. Blocks are sealed again
// after most changes, or nothing behind the checksum would be tried.

import { MemoryDevice } from '@tintype/core';
import { count, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { mutateObjects, objectsOf } from '../mutate.testing.js';
import { isMissing, PASSPHRASE, sample, sampleNames } from '../sample.testing.js';
import { check } from './check.js';
import { KINDS } from './kinds.js';

const PATIENCE = 60_000;
/** Seeds that wide numbers in superblock and space manager made throw. */
const ONCE_THROWN = [80, 500];

test.each(sampleNames)('mutations of %s', (name) => {
  if (isMissing(name)) return;
  const original = sample(name);
  const objects = objectsOf(original);
  let found = 0;
  const seeds = name === 'filevault' ? count(6, 60) : count(60, 1000);
  const each = [...Array.from({ length: seeds }, (_, index) => index + 1), ...ONCE_THROWN];
  for (const seed of each) {
    const bytes = original.slice();
    mutateObjects(bytes, objects, new Random(seed));
    const start = performance.now();
    try {
      for (const { kind } of check(new MemoryDevice(bytes), { passphrase: PASSPHRASE })) {
        expect(KINDS).toHaveProperty(kind);
        found += 1;
      }
    } catch (error) {
      throw new Error(`seed ${seed} of ${name}`, { cause: error });
    }
    expect(performance.now() - start, `seed ${seed}`).toBeLessThan(PATIENCE);
  }
  expect(found).toBeGreaterThan(0);
});
