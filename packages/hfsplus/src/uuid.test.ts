import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { volumeUuid } from './uuid.js';

test('a version 3 UUID of the volume id, in the name space of HFS', () => {
  const finderInfo = new Uint8Array(32);
  finderInfo.set([1, 2, 3, 4, 5, 6, 7, 8], 24);
  const uuid = volumeUuid(finderInfo);
  expect(uuid).toMatch(/^[0-9A-F]{8}-[0-9A-F]{4}-3[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$/);
  const digest = createHash('md5')
    .update(Buffer.from('B3E20F39F29211D697A400306543ECAC0102030405060708', 'hex'))
    .digest('hex')
    .toUpperCase();
  expect(uuid.replaceAll('-', '').slice(0, 12)).toBe(digest.slice(0, 12));
  expect(uuid.slice(-12)).toBe(digest.slice(-12));
});

test('what stands before the id does not count', () => {
  const finderInfo = new Uint8Array(32).fill(9, 0, 24);
  expect(volumeUuid(finderInfo)).toBe(volumeUuid(new Uint8Array(32)));
});
