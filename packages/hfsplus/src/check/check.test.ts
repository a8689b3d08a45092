// Sound volumes have no findings: real ones, and ones made by mkfs.hfsplus.

import { CancelledError, MemoryDevice } from '@tintype/core';
import { expect, test } from 'vitest';
import { check } from './check.js';
import { KINDS } from './kinds.js';
import { fsckAccepts, made, oracle, sample, sampleNames, sampleTest } from './sample.testing.js';

const installed = oracle('fsck.hfsplus') !== null && oracle('mkfs.hfsplus') !== null;
const MIB = 1_048_576;

sampleTest.each(sampleNames)('the real volume %s is clean', (name) => {
  expect(sample(name).kinds()).toEqual([]);
});

sampleTest.each(sampleNames)('fsck.hfsplus agrees on the real volume %s', (name) => {
  if (installed) expect(fsckAccepts(sample(name).bytes)).toBe(true);
});

test.skipIf(!installed).each([
  [1, []],
  [1, ['-J']],
  [4, ['-b', '512']],
  [4, ['-b', '1024', '-J']],
  [4, ['-b', '8192']],
  [16, ['-n', 'c=16384,e=1024,a=32768', '-J']],
  [40, ['-J']],
])('a volume of %i MiB as mkfs.hfsplus %j makes it is clean', (size, options) => {
  expect(made(size * MIB, ...options).kinds()).toEqual([]);
});

test.skipIf(!installed)('mkfs.hfsplus -s forgets the folder count flag, as fsck says too', () => {
  const volume = made(4 * MIB, '-s');
  expect(volume.kinds()).toEqual(['catalog-folder-count-flag']);
  expect(fsckAccepts(volume.bytes)).toBe(false);
});

sampleTest('the device is never written', () => {
  const device = new MemoryDevice(sample('journaled').bytes);
  const before = device.bytes.slice();
  for (const _ of check(device, {}));
  expect(Buffer.compare(before, device.bytes)).toBe(0);
});

sampleTest('progress runs from nothing to all, and may cancel', () => {
  const seen: number[] = [];
  for (const _ of check(new MemoryDevice(sample('small').bytes), { progress: (done) => seen.push(done) }));
  expect(seen[0]).toBe(0);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  const cancel = () => {
    throw new CancelledError();
  };
  expect(() => [...check(new MemoryDevice(sample('small').bytes), { progress: cancel })]).toThrow(CancelledError);
});

test('every kind says how bad it is', () => {
  const findings = [...check(new MemoryDevice(new Uint8Array(1_000_000)), {})];
  expect(findings).toHaveLength(1);
  expect(findings[0]).toMatchObject({ kind: 'volume-missing', ...KINDS['volume-missing'] });
});

sampleTest('editing a leaf without a change keeps its bytes', () => {
  const volume = sample('small');
  const before = volume.bytes.slice();
  volume.edit('catalog', volume.find('hello.txt').node, (records) => records);
  expect(Buffer.compare(before, volume.bytes)).toBe(0);
});

sampleTest('records are found by name and by id', () => {
  const volume = sample('small');
  expect(volume.view.getUint32(volume.find('hello.txt').data + 8)).toBe(20);
  expect(volume.view.getUint16(volume.find(20).data)).toBe(4);
});
