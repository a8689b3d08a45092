import { CorruptError } from '@tintype/core';
import { count, fixture, fixtureBytes, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { readKoly } from './koly.js';
import { readResources } from './resource-fork.js';
import { stored } from './udif.testing.js';

const NAME = 'udif/hfsplus-apm-data-offset.dmg';
const { skip } = fixture(NAME);

function fork(): Uint8Array {
  const bytes = fixtureBytes(NAME);
  const koly = readKoly(stored(bytes));
  const { resourceForkOffset = 0, resourceForkLength = 0 } = koly ?? {};
  return bytes.slice(resourceForkOffset, resourceForkOffset + resourceForkLength);
}

test.skipIf(skip)('the fork of an image of 2003', () => {
  expect(readResources(fork(), 'blkx').map(({ name }) => name)).toEqual([
    'DDM',
    'Apple (Apple_partition_map : 0)',
    'disk image (Apple_HFS : 1)',
    ' (Apple_Free : 2)',
  ]);
  expect(readResources(fork(), 'plst').length).toBe(1);
  expect(readResources(fork(), 'none')).toEqual([]);
});

test.skipIf(skip)('damaged forks', () => {
  const random = new Random(4);
  const good = fork();
  const map = new DataView(good.buffer, good.byteOffset).getUint32(4);
  for (let round = 0; round < count(500, 20_000); round += 1) {
    const bytes = good.slice();
    for (let i = random.between(1, 3); i > 0; i -= 1)
      bytes[random.oneIn(2) ? random.below(16) : map + random.below(bytes.length - map)] = random.pick([
        0, 1, 0xff, 0x7f, 3,
      ]);
    try {
      for (const { data } of readResources(bytes, 'blkx')) expect(data.length).toBeLessThan(good.length);
    } catch (error) {
      expect(error).toBeInstanceOf(CorruptError);
    }
  }
});
