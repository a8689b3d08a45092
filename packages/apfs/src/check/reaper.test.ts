// The list of a reaper that has done its work, as macOS leaves it behind, damaged in one field; and one that has still something to do.

import { MemoryDevice } from '@tintype/core';
import { describe, expect, test } from 'vitest';
import { seal, viewOf } from '../object.js';
import { ContainerReader } from '../reading/container-reader.js';
import { isMissing, sample } from '../sample.testing.js';
import { OBJECT_TYPE } from '../structs/object.js';
import { NxReaper, NxReapList, NxReapListEntry } from '../structs/reaper.js';
import { check } from './check.js';

const BLOCK = 4096;
const list = NxReapList.at;
const VOLUME = 0x402;
type Change = (view: DataView) => void;

function kindsAfter(type: number, change: Change): string[] {
  const bytes = sample('filevault');
  const { checkpoint } = new ContainerReader(new MemoryDevice(bytes));
  const place = checkpoint.ephemerals.find((each) => (each.type & 0xffff) === type);
  const block = place?.block ?? 0;
  const view = viewOf(bytes.subarray(block * BLOCK, (block + 1) * BLOCK));
  change(view);
  seal(view);
  const kinds = new Set([...check(new MemoryDevice(bytes), {})].map(({ kind }) => kind));
  kinds.delete('volume-locked');
  return [...kinds].sort();
}
/** The first entry is in use, as the only one; the second begins the free ones and is followed by what followed the first. */
function putEntry(view: DataView, flags: number, volume: number): void {
  const entry = NxReapList.size;
  const next = view.getUint32(entry, true);
  view.setUint32(entry + NxReapListEntry.size, next, true);
  view.setUint32(entry + NxReapListEntry.at.nrle_next, 0xffff_ffff, true);
  view.setUint32(entry + NxReapListEntry.at.nrle_flags, flags, true);
  view.setUint32(entry + NxReapListEntry.at.nrle_fs_oid, volume, true);
  view.setUint32(list.nrl_count, 1, true);
  view.setUint32(list.nrl_first, 0, true);
  view.setUint32(list.nrl_last, 0, true);
}

describe.skipIf(isMissing('filevault'))('a list of the reaper', () => {
  test('is sound when it is empty', () => {
    expect(kindsAfter(OBJECT_TYPE.reapList, () => {})).toEqual([]);
  });
  test('tells what is to be done', () => {
    expect(kindsAfter(OBJECT_TYPE.reapList, (view) => putEntry(view, 1, VOLUME))).toEqual(['reaper-busy']);
  });
  test.each<[string, Change]>([
    ['flags', (view) => view.setUint32(list.nrl_flags, 1, true)],
    ['how many entries fit', (view) => view.setUint32(list.nrl_max, 99, true)],
    ['number of entries', (view) => view.setUint32(list.nrl_count, 1, true)],
    ['the first entry', (view) => view.setUint32(list.nrl_first, 100, true)],
    ['the first entry, which is free', (view) => view.setUint32(list.nrl_first, 5, true)],
    ['the last entry', (view) => view.setUint32(list.nrl_last, 3, true)],
    ['the free entries', (view) => view.setUint32(list.nrl_free, 100, true)],
    ['free entries in a circle', (view) => view.setUint32(NxReapList.size, 1, true)],
    ['the next list', (view) => view.setUint32(list.nrl_next, 0x405, true)],
    ['flags of an entry', (view) => putEntry(view, 0x41, VOLUME)],
    ['an entry that is in use and is not', (view) => putEntry(view, 0, VOLUME)],
    ['volume of an entry', (view) => putEntry(view, 1, 0x999)],
  ])('damaged: %s', (_, change) => {
    expect(kindsAfter(OBJECT_TYPE.reapList, change)).toContain('reaper');
  });
  test.each<[string, Change]>([
    ['the last list', (view) => view.setUint32(NxReaper.at.nr_tail, 0x405, true)],
    ['the number of lists', (view) => view.setUint32(NxReaper.at.nr_rlcount, 2, true)],
    ['the first list', (view) => view.setUint32(NxReaper.at.nr_head, 0x405, true)],
  ])('as the reaper has it: %s', (_, change) => {
    expect(kindsAfter(OBJECT_TYPE.reaper, change)).toContain('reaper');
  });
});
