// What macOS wrote is sound; what is damaged is found.

import { MemoryDevice } from '@tintype/core';
import { expect, test } from 'vitest';
import { isMissing, PASSPHRASE, sample, sampleNames } from '../sample.testing.js';
import { check } from './check.js';

test.each(sampleNames)('%s has no findings', (name) => {
  if (isMissing(name)) return;
  expect([...check(new MemoryDevice(sample(name)), { passphrase: PASSPHRASE })]).toEqual([]);
});
