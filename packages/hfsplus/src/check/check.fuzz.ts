// Mutated real volumes: whatever the bytes, the check ends, finds a bounded number of things, and throws nothing.

import { MemoryDevice } from '@tintype/core';
import { count, Random } from '@tintype/testkit';
import { expect } from 'vitest';
import { VolumeHeader } from '../structs/volume-header.js';
import { check } from './check.js';
import { LIMITS } from './limits.js';
import { fuzzedSamples, mutate } from './mutate.testing.js';
import { sample, sampleTest as test } from './sample.testing.js';

const ROUNDS = count(60, 2000);
/** Milliseconds that one check of these volumes may take at most, whatever was done to them. */
const PATIENCE = 60_000;

test.each(fuzzedSamples)('mutations of %s', (name) => {
  for (let seed = 1; seed <= ROUNDS; seed += 1) {
    const volume = sample(name);
    mutate(volume, new Random(seed));
    const start = performance.now();
    let found = 0;
    try {
      for (const _ of check(new MemoryDevice(volume.bytes), {})) found += 1;
    } catch (error) {
      throw new Error(`seed ${seed} of ${name}`, { cause: error });
    }
    expect(found, `seed ${seed}`).toBeLessThanOrEqual(LIMITS.findings + 1);
    expect(performance.now() - start, `seed ${seed}`).toBeLessThan(PATIENCE);
  }
});

/** A device of any size that is zeros but for its first and last megabyte. */
class HugeDevice extends MemoryDevice {
  constructor(
    bytes: Uint8Array,
    private readonly length: number,
  ) {
    super(bytes);
  }
  override get size(): number {
    return this.length;
  }
  override read(position: number, target: Uint8Array): void {
    const half = this.bytes.length / 2;
    target.fill(0);
    for (const [start, offset] of [
      [0, 0],
      [this.length - half, half],
    ] as const) {
      const from = Math.max(position, start);
      const to = Math.min(position + target.length, start + half);
      if (from < to) target.set(this.bytes.subarray(from - start + offset, to - start + offset), from - position);
    }
  }
  override extent(position: number) {
    const half = this.bytes.length / 2;
    if (position < half) return { length: half - position, kind: 'data' } as const;
    if (position < this.length - half) return { length: this.length - half - position, kind: 'zero' } as const;
    return { length: this.length - position, kind: 'data' } as const;
  }
}

test('trees and files of terabytes cost neither time nor memory', () => {
  const blocks = 0xffff_ffff;
  const volume = sample('small');
  const put = (at: number, value: number) => volume.view.setUint32(1024 + at, value);
  put(VolumeHeader.at.totalBlocks, blocks);
  for (const name of ['allocationFile', 'attributesFile', 'extentsFile'] as const) {
    put(VolumeHeader.at[name] + 12, 0x4000_0000);
    put(VolumeHeader.at[name] + 20, 0x4000_0000);
  }
  const extents = volume.find('hello.txt').data + 88;
  volume.view.setUint32(extents + 12, 0x4000_0000);
  volume.view.setUint32(extents + 20, 0x4000_0000);
  const half = volume.bytes.length;
  const bytes = new Uint8Array(2 * half);
  bytes.set(volume.bytes);
  bytes.set(volume.bytes.subarray(1024, 1536), bytes.length - 1024);
  const before = process.memoryUsage().rss;
  const start = performance.now();
  const findings = [...check(new HugeDevice(bytes, blocks * 4096), {})];
  expect(findings.length).toBeGreaterThan(3);
  expect(performance.now() - start).toBeLessThan(PATIENCE);
  expect(process.memoryUsage().rss - before).toBeLessThan(300_000_000);
});

test('truncated volumes', () => {
  const { bytes } = sample('small');
  for (let length = 0; length < bytes.length; length += 4096 * 5 + 512) {
    const findings = [...check(new MemoryDevice(bytes.slice(0, length)), {})];
    expect(findings.length, `${length} bytes`).toBeGreaterThan(0);
  }
});

test('noise behind a sound header', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const random = new Random(seed);
    const volume = sample('small');
    for (let at = 2048; at + 1024 < volume.bytes.length; at += 4) volume.view.setUint32(at, random.next());
    const findings = [...check(new MemoryDevice(volume.bytes), {})];
    expect(findings.length).toBeGreaterThan(0);
    expect(findings.length).toBeLessThanOrEqual(LIMITS.findings + 1);
  }
});
