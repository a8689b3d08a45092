import { MemoryStore } from '@tintype/testkit';
import { expect, test, vi } from 'vitest';
import { convert } from './convert.js';
import { createStack } from './create.js';
import { info } from './info.js';
import { memoryContext, plant } from './waste.testing.js';

test('the property list of a read-only image is read once', () => {
  const store = new MemoryStore();
  const context = memoryContext(store);
  const stack = createStack({ image: '/a.sparsebundle', size: 24 << 20, fs: 'hfs+' }, context);
  plant(stack.live);
  stack.close();
  convert({ image: '/a.sparsebundle', out: '/a.dmg', format: 'udzo' }, context);
  const file = store.open('/a.dmg', 'read');
  const koly = Buffer.alloc(512);
  file.read(file.size() - koly.length, koly);
  file.close();
  const list = Number(koly.readBigUInt64BE(0xd8));
  let reads = 0;
  const open = store.open.bind(store);
  const opening = vi.spyOn(store, 'open').mockImplementation((...parts) => {
    const opened = open(...parts);
    const read = opened.read.bind(opened);
    opened.read = (position, target) => {
      if (position <= list && list < position + target.length) reads += 1;
      return read(position, target);
    };
    return opened;
  });
  try {
    expect(info('/a.dmg', context)).toMatchObject({ container: { format: 'udzo', size: 24 << 20 }, findings: [] });
  } finally {
    opening.mockRestore();
  }
  expect(reads).toBe(1);
});
