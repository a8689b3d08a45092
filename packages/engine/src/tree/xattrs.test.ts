import { type ItemId, StoreError } from '@tintype/core';
import { MemoryVolume } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { copyXattrs, mirrorXattrs } from './xattrs.js';

/** A target whose host has no room for long attributes, as ext4. */
class Narrow extends MemoryVolume {
  operation = 'setxattr';
  override setXattr(id: ItemId, name: string, value: Uint8Array | null): void {
    if (value && value.length > 4000) throw new StoreError('ENOSPC', this.operation, name);
    super.setXattr(id, name, value);
  }
}

function setUp() {
  const source = new MemoryVolume();
  const target = new Narrow();
  source.setXattr(source.root.id, 'short', Buffer.from('s'));
  source.setXattr(source.root.id, 'long', Buffer.alloc(6000));
  const refused: string[] = [];
  return { source, target, refused, notKept: (kind: string, name: string) => void refused.push(`${kind} ${name}`) };
}

const mirror: typeof copyXattrs = (source, from, target, to, notKept) => {
  mirrorXattrs(source, from, target, to, { notKept });
};

test.each([copyXattrs, mirror])('an attribute that the host refuses is told, the others are kept', (copy) => {
  const { source, target, refused, notKept } = setUp();
  copy(source, source.root, target, target.root.id, notKept);
  expect(refused).toEqual(['xattr long']);
  expect(target.xattrs(target.root.id).map(({ name }) => name)).toEqual(['short']);
});

test('any other failure ends the run', () => {
  const { source, target, notKept } = setUp();
  target.operation = 'open';
  expect(() => copyXattrs(source, source.root, target, target.root.id, notKept)).toThrow(StoreError);
});
