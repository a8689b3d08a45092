import { MemoryDevice } from '@tintype/core';
import { describe, expect, test } from 'vitest';
import { isMissing, PASSPHRASE, sample } from '../sample.testing.js';
import { OBJECT_TYPE } from '../structs/object.js';
import { check } from './check.js';
import { Damaged } from './damage.testing.js';
import { headerProblem } from './object-header.js';

const FLAGS_AT = 26;
const SUBTYPE_AT = 28;

test('flags, transaction and subtype of a header', () => {
  const view = new DataView(new ArrayBuffer(32));
  view.setUint32(24, 0x4000_0000 + OBJECT_TYPE.omap, true);
  expect(headerProblem(view)).toBe('no transaction wrote it');
  view.setUint32(16, 1, true);
  expect(headerProblem(view)).toBe(null);
  view.setUint32(SUBTYPE_AT, 2, true);
  expect(headerProblem(view)).toBe('it is no tree, but has subtype 2');
  view.setUint32(24, OBJECT_TYPE.btreeNode, true);
  expect(headerProblem(view)).toBe(null);
  expect(headerProblem(view, 'encrypted')).toBe('its header has flags 0, and its content is encrypted');
  view.setUint8(27, 0x10);
  expect(headerProblem(view, 'encrypted')).toBe(null);
  expect(headerProblem(view)).toBe('its header has flags 10000000, and its content is clear');
});

describe.skipIf(isMissing('basic'))('a flag is found', () => {
  const setFlag = (view: DataView): void => view.setUint8(FLAGS_AT, 1);
  test.each<[string, (container: Damaged) => Damaged]>([
    ['of the superblock', (c) => c.superblock(setFlag)],
    ['of a map of the checkpoint', (c) => c.edit(1, setFlag)],
    ['of an object map', (c) => c.edit(c.head.number('apfs_omap_oid'), setFlag)],
    ['of the root of one', (c) => c.edit(c.mapRoot, setFlag)],
    ['of a volume', (c) => c.volume(setFlag)],
    ['of a leaf', (c) => c.edit(498, setFlag)],
    ['of a chunk info block', (c) => c.edit(c.cib, setFlag)],
  ])('%s', (_, change) => {
    expect(change(new Damaged()).kinds()).toContain('object-header');
  });
  test('of a space manager, and its map agrees', () => {
    expect(new Damaged().ephemeral('nx_spaceman_oid', setFlag).kinds()).toContain('object-header');
  });
  test('of an object map that no transaction wrote', () => {
    const container = new Damaged();
    const noXid = (view: DataView): void => view.setUint32(16, 0, true);
    expect(container.edit(container.head.number('apfs_omap_oid'), noXid).kinds()).toContain('object-header');
  });
  test('a subtype of a volume', () => {
    expect(new Damaged().volume((view) => view.setUint8(SUBTYPE_AT, 1)).kinds()).toEqual(['object-header']);
  });
});

test.skipIf(isMissing('filevault'))('nodes of an encrypted volume say so', () => {
  expect([...check(new MemoryDevice(sample('filevault')), { passphrase: PASSPHRASE })]).toEqual([]);
});
