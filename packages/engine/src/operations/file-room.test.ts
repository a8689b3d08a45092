import { MemoryStore } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { createStack } from '../maintenance/create.js';
import { testContext } from '../run-context.testing.js';
import { fileRoom } from './file-room.js';

const GIB = 2 ** 30;

test('what grows in one file is watched where there is a limit; what cannot grow within it is refused', () => {
  const store = new MemoryStore({ limits: { capacity: 2 ** 40 } });
  const context = { ...testContext(), store };
  const make = (image: string) => createStack({ image, fs: 'hfs+', size: GIB }, context);
  const stacks = ['/a.sparsebundle', '/a.sparseimage', '/a.img'].map(make);
  for (const stack of stacks) expect(fileRoom({ stack }, context)).toBeNull();
  store.limits.fileSizeLimit = GIB / 2;
  const [bundle, sparse, raw] = stacks.map((stack) => () => fileRoom({ stack }, context));
  expect(bundle?.()).toBeNull();
  const room = sparse?.();
  room?.require(GIB / 4);
  expect(() => room?.require(GIB / 2)).toThrow('537 MB at most');
  expect(raw).toThrow('/a.img has 1.07 GB, but a file there can have 537 MB at most: nothing was written');
  expect(fileRoom({ stack: null }, context)).toBeNull();
  for (const stack of stacks) stack.abandon();
});
