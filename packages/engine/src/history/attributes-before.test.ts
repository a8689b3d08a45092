import { MemoryVolume, plainAttributes } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { attributesAsJson, attributesFromJson, ChangedAttributes, restoreAttributes } from './attributes-before.js';

const through = (value: object) => attributesFromJson(JSON.parse(JSON.stringify(attributesAsJson(value as never))));

test('what was changed goes through a line of the record and back', () => {
  const volume = new MemoryVolume();
  const changed = new ChangedAttributes({ ...volume.root, mode: 0o4750, mtime: -5, mtimeNanos: 999_999_999 });
  expect(through(changed)).toEqual({ attributes: changed.attributes, xattrs: new Map() });
  changed.was('a', Uint8Array.of(0, 255));
  changed.was('new', null);
  expect(through(changed)).toEqual({
    attributes: changed.attributes,
    xattrs: new Map([
      ['a', Buffer.from([0, 255])],
      ['new', null],
    ]),
  });
  changed.was('long', new Uint8Array(300 << 10));
  expect(through(changed)).toEqual({ attributes: changed.attributes, xattrs: null });
});

test('attributes are put back, and what was there is told', () => {
  const volume = new MemoryVolume();
  const { root } = volume;
  const before = new ChangedAttributes(root);
  volume.setXattr(root.id, 'kept', Buffer.from('k'));
  volume.setXattr(root.id, 'changed', Buffer.from('now'));
  volume.setXattr(root.id, 'added', Buffer.from('a'));
  for (const [name, value] of Object.entries({ changed: 'then', removed: 'r', kept: 'k' }))
    before.was(name, Buffer.from(value));
  before.was('added', null);
  volume.setAttributes(root.id, { ...plainAttributes, mode: 0o700 });
  const there = restoreAttributes(volume, volume.root, before);
  expect(there.attributes.mode).toBe(0o700);
  expect([...(there.xattrs?.keys() ?? [])].sort()).toEqual(['added', 'changed', 'removed']);
  expect(volume.root).toMatchObject(before.attributes);
  const values = volume.xattrs(root.id).map(({ name }) => `${name}=${volume.xattr(root.id, name)}`);
  expect(values.sort()).toEqual(['changed=then', 'kept=k', 'removed=r']);
});

test.each([
  [{ mode: 0o10000 }, undefined],
  [{ uid: -1 }, undefined],
  [{ mtimeNanos: 1e9 }, undefined],
  [{ mtime: 2 ** 52 }, undefined],
  [{ mtime: '5' }, undefined],
  [{ flags: null }, undefined],
  [{}, { 'io.tintype.name': 'eA==' }],
  [{}, { '': 'eA==' }],
  [{}, { a: 5 }],
  [{}, 'a'],
])('a line with %j and %j is none of ours', (fields, xattrs) => {
  const { attributes } = new ChangedAttributes(new MemoryVolume().root);
  expect(attributesFromJson({ was: attributes })).not.toBeNull();
  expect(attributesFromJson({ was: { ...attributes, ...fields }, xattrs })).toBeNull();
  expect(attributesFromJson({ was: 5 })).toBeNull();
});
