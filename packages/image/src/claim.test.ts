import { LockedError } from '@tintype/core';
import { MemoryStore } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { claimImage, lockHolder, removeGivenUpLeases } from './claim.js';
import { holder } from './containers.testing.js';
import { createImage } from './create.js';
import { openImage } from './open.js';

const open = { waitLock: 0, holder, allowTimeMachine: false } as const;

function stored(format: 'sparsebundle' | 'sparseimage'): MemoryStore {
  const store = new MemoryStore();
  createImage(store, 'a', { format, size: 8 << 20, waitLock: 0, holder }).close();
  return store;
}

test.each(['sparsebundle', 'sparseimage'] as const)('B22: a %s in use is refused, naming the holder', (format) => {
  const store = stored(format);
  const image = openImage(store, 'a', { ...open, writable: true });
  expect(lockHolder(store, 'a')).toBe('process 1 on test');
  for (const writable of [true, false])
    expect(() => openImage(store, 'a', { ...open, writable })).toThrow('a is in use by process 1 on test');
  expect(() => claimImage(store, 'a', open)).toThrow(LockedError);
  image.close();
  claimImage(store, 'a', open).release();
  expect(lockHolder(store, 'a')).toBeNull();
});

test.each(['sparsebundle', 'sparseimage'] as const)('readers of a %s block writers, not each other', (format) => {
  const store = stored(format);
  const readers = [1, 2, 3].map(() => openImage(store, 'a', { ...open, writable: false }));
  expect(() => claimImage(store, 'a', open)).toThrow('a is in use by another process');
  for (const reader of readers) reader.close();
  openImage(store, 'a', { ...open, writable: true }).close();
});

test('an image that was not closed stays marked as such, though it could not be opened', () => {
  const store = stored('sparseimage');
  // A writer ends without closing.
  openImage(store, 'a', { ...open, writable: true });
  const after = store.clone();
  const file = after.open('a', 'write');
  file.write(0, Buffer.from('nothing of the kind'));
  file.close();
  claimImage(after, 'a', open).handOn();
  expect(after.list('.').map(({ name }) => name)).toContain('.a.tintype.lease.2');
});

test('of leases of a removed image those go that were given up, not those that someone holds', () => {
  const store = stored('sparseimage');
  openImage(store, 'a', { ...open, writable: true });
  const after = store.clone();
  removeGivenUpLeases(after, 'a');
  expect(lockHolder(after, 'a')).toBe('process 1 on test');
  claimImage(after, 'a', open).handOn();
  after.remove('a');
  expect(after.list('.').map(({ name }) => name)).toEqual(['.a.tintype.lease.2']);
  removeGivenUpLeases(after, 'a');
  expect(after.list('.')).toEqual([]);
});
