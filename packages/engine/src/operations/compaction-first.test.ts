import { imageFacts } from '@tintype/image';
import { expect, test } from 'vitest';
import type { EngineEvent } from '../events.js';
import { expectTree, memoryContext, wasteful } from '../maintenance/waste.testing.js';
import type { BackupOptions } from '../operation.js';
import { compactFirst } from './compaction-first.js';

const IMAGE = '/a.sparsebundle';
const options: BackupOptions = { source: '/none', destination: IMAGE };

/** The host has `free` bytes of ten times as many. */
function image(free: number) {
  const { store, lean, tree } = wasteful({ image: IMAGE });
  const before = imageFacts(store, IMAGE).hostBytes;
  store.limits.capacity = Math.max(before + free, 0);
  const events: EngineEvent[] = [];
  const codes = () => events.flatMap((event) => (event.type === 'warning' ? [event.code] : []));
  return { store, lean, tree, before, context: memoryContext(store, events), codes, events };
}

test('B19 B20 an image on a host that is short of room is compacted before it is opened, with the phase', () => {
  const { store, lean, tree, context, codes, events } = image(1e9);
  compactFirst(options, context, false);
  expect(imageFacts(store, IMAGE).hostBytes).toBeLessThan(lean + (4 << 20));
  expect(events.filter(({ type }) => type === 'phase')).toEqual([
    { type: 'phase', name: 'power' },
    { type: 'phase', name: 'Compacting the destination disk image' },
  ]);
  expect(codes()).toEqual(['compacted']);
  expectTree(store, IMAGE, tree);
  compactFirst(options, context, false);
  expect(codes()).toEqual(['compacted', 'compaction-skipped']);
});

test('B24 on battery it is not, and a line says so, unless allowed', () => {
  const { store, before, context, codes } = image(1e9);
  compactFirst(options, context, true);
  expect([imageFacts(store, IMAGE).hostBytes, codes()]).toEqual([before, ['on-battery']]);
  compactFirst({ ...options, allowBattery: true }, context, true);
  expect(codes()).toEqual(['on-battery', 'compacted']);
});

test('B9 an image with another volume than the one that was named is not compacted', () => {
  const { store, before, context, codes } = image(1e9);
  expect(() => compactFirst({ ...options, volume: '12345678-1234-1234-1234-123456789ABC' }, context, false)).toThrow(
    'holds no volume',
  );
  expect([imageFacts(store, IMAGE).hostBytes, codes()]).toEqual([before, []]);
  compactFirst({ ...options, volume: '0' }, context, false);
  expect(codes()).toEqual(['compacted']);
});

test('B19 where the host has room nothing is looked at', () => {
  const { context, events } = image(1e12);
  compactFirst(options, context, false);
  expect(events).toEqual([]);
});
