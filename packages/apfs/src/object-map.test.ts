// Object maps: objects move, and what a snapshot sees stays.

import { expect, test } from 'vitest';
import { formatted, mountOptions } from './container.testing.js';
import { put64 } from './object.js';
import { Omap } from './structs/object-map.js';
import { Container } from './writing/container.js';

function map() {
  const container = new Container(formatted(8 << 20), mountOptions);
  const [volume] = container.volumes;
  if (!volume) throw new Error('there is a volume');
  return { container, volume, omap: volume.omap };
}

test('objects are added, moved and removed', () => {
  const { container, omap, volume } = map();
  const oid = omap.add(500);
  expect(omap.find(oid)).toBe(500);
  expect(omap.move(oid, 600)).toBe('free');
  expect(omap.find(oid)).toBe(600);
  expect(omap.tree.keyCount).toBe(2);
  const root = volume.get('apfs_root_tree_oid');
  const old = omap.find(root);
  expect(omap.move(root, 700)).toBe('free');
  expect([omap.find(root), omap.tree.keyCount]).toEqual([700, 2]);
  expect(old).not.toBe(700);
  expect(omap.remove(oid)).toBe('free');
  expect(() => omap.find(oid)).toThrow(expect.objectContaining({ code: 'corrupt' }));
  expect(container.names.xid).toBe(2);
});

test('what a snapshot sees is kept beside the newer object', () => {
  const { omap, volume } = map();
  put64(omap.view, Omap.at.om_most_recent_snap, 1);
  const root = volume.get('apfs_root_tree_oid');
  expect(omap.move(root, 700)).toBe('kept');
  expect([omap.find(root), omap.tree.keyCount]).toEqual([700, 2]);
  // The newer one is nobody else's.
  expect(omap.move(root, 800)).toBe('free');
  expect(omap.remove(root)).toBe('free');
});
