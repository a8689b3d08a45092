// What every `BlockDevice` and every wrapper of one promises. Random operations are compared with plain bytes.

import { type BlockDevice, CheckedDevice, RangeSet } from '@tintype/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { count, Random } from '../seeds.js';
import { SparseBytes } from '../sparse-bytes.js';

export interface DeviceUnderTest {
  /** Writable, reads as zeros. */
  readonly device: BlockDevice;
  /** Closes nothing: opens again what was closed, with the content that it had. Absent where that cannot be. */
  reopen?(): BlockDevice;
  dispose?(): void;
}

export interface BlockDeviceExpectations {
  /** Positions where something inside the device meets (ends of bands or chunks): more happens around these. */
  readonly seams?: readonly number[];
  /** Operations in a random run; default 200. */
  readonly operations?: number;
  readonly seeds?: readonly number[];
  /** True: a range that was zeroed in whole bands or chunks is known to be zero afterwards, as a new device is. */
  readonly knowsZeros?: boolean;
}

const SPAN = 4 << 20;
const LONGEST = 1 << 19;

export function blockDeviceContract(
  name: string,
  make: () => DeviceUnderTest,
  expectations: BlockDeviceExpectations = {},
): void {
  describe(`${name} keeps the contract of a block device`, () => {
    let under: DeviceUnderTest;
    beforeEach(() => {
      under = make();
    });
    afterEach(() => under.dispose?.());

    test('its size, block size and extents are sound', () => {
      const device = new CheckedDevice(under.device);
      expect(device.size % 512).toBe(0);
      expect(device.writable).toBe(true);
      const { length, kind } = device.extent(0);
      expect(length).toBeGreaterThan(0);
      if (expectations.knowsZeros) expect(kind).toBe('zero');
      expectZerosWhereKnown(device);
      device.close();
    });
    test('ranges outside are refused', () => {
      const { device } = under;
      expect(() => device.read(device.size - 1, new Uint8Array(2))).toThrow();
      expect(() => device.write(device.size, new Uint8Array(1))).toThrow();
      expect(() => device.write(-1, new Uint8Array(1))).toThrow();
      expect(() => device.zero(device.size - 512, 1024)).toThrow();
      device.close();
    });
    test('its first and last bytes are kept', () => {
      const device = new CheckedDevice(under.device);
      const last = Uint8Array.of(1, 2, 3);
      device.write(0, last);
      device.write(device.size - 3, last);
      device.flush();
      const seen = new Uint8Array(3);
      device.read(device.size - 3, seen);
      expect(seen).toEqual(last);
      device.read(0, seen);
      expect(seen).toEqual(last);
      device.close();
    });
    test.each(expectations.seeds ?? [1, 2, 3])('random operations equal those on plain bytes, seed %i', (seed) => {
      randomRun(under, expectations, seed);
    });
  });
}

function randomRun(under: DeviceUnderTest, expectations: BlockDeviceExpectations, seed: number): void {
  const random = new Random(seed);
  let device: BlockDevice = new CheckedDevice(under.device);
  const model = new DeviceModel(device.size);
  const places = [0, device.size, ...(expectations.seams ?? [])].filter((place) => place <= device.size);
  const steps = count(expectations.operations ?? 200, (expectations.operations ?? 200) * 5);
  for (let step = 0; step < steps; step += 1) {
    const { position, length } = randomRange(random, places, device.size);
    switch (random.below(10)) {
      case 0:
        device.zero(position, length);
        model.zero(position, length);
        break;
      case 1:
        device.discard(position, length);
        model.discard(position, length);
        break;
      case 2:
        device.flush();
        break;
      case 3:
        if (under.reopen && random.oneIn(5)) {
          device.close();
          device = new CheckedDevice(under.reopen());
        }
        break;
      case 4:
      case 5:
        model.expectSame(device, position, length);
        break;
      default: {
        const bytes = random.bytes(length);
        device.write(position, bytes);
        model.write(position, bytes);
      }
    }
  }
  model.expectAllSame(device);
  expectZerosWhereKnown(device);
  device.flush();
  device.close();
  if (!under.reopen) return;
  const again = new CheckedDevice(under.reopen());
  model.expectAllSame(again);
  again.close();
}

/** Near one of the places, often aligned to sectors or to 4096. */
function randomRange(random: Random, places: readonly number[], size: number): { position: number; length: number } {
  const align = random.pick([1, 512, 512, 4096]);
  const near = random.pick(places) + random.between(-SPAN / 2, SPAN / 2);
  const position = Math.floor(Math.min(Math.max(0, near), size - 1) / align) * align;
  const wish = Math.ceil(random.below(random.pick([512, 8192, LONGEST])) / align) * align;
  return { position, length: Math.min(wish, size - position) };
}

class DeviceModel {
  readonly #bytes = new SparseBytes();
  /** Ranges whose content is nobody's business since they were discarded. */
  readonly #unknown = new RangeSet();
  readonly #touched = new RangeSet();

  constructor(size: number) {
    this.#bytes.truncate(size);
  }
  write(position: number, source: Uint8Array): void {
    this.#bytes.write(position, source);
    this.#unknown.remove(position, source.length);
    this.#touched.add(position, source.length);
  }
  zero(position: number, length: number): void {
    this.#bytes.punch(position, length);
    this.#unknown.remove(position, length);
    this.#touched.add(position, length);
  }
  discard(position: number, length: number): void {
    this.#unknown.add(position, length);
    this.#touched.add(position, length);
  }
  expectSame(device: BlockDevice, position: number, length: number): void {
    const seen = new Uint8Array(length).fill(0xa5);
    const expected = new Uint8Array(length);
    device.read(position, seen);
    this.#bytes.read(position, expected);
    for (const { start, length: unknown } of this.#unknown) {
      const from = Math.max(0, start - position);
      const to = Math.max(0, Math.min(length, start + unknown - position));
      if (to > from) seen.set(expected.subarray(from, to), from);
    }
    const first = seen.findIndex((byte, i) => byte !== expected[i]);
    expect(first < 0 ? 'same' : `byte ${position + first} is ${seen[first]}, not ${expected[first]}`).toBe('same');
  }
  expectAllSame(device: BlockDevice): void {
    for (const { start, length } of this.#touched) {
      const from = Math.max(0, start - 4096);
      this.expectSame(device, from, Math.min(length + 8192, device.size - from));
    }
  }
}

/** Extents cover the device, and what they call zero reads as zeros (the first and last of a long stretch). */
function expectZerosWhereKnown(device: BlockDevice): void {
  for (let position = 0, extents = 0; position < device.size && extents < 10_000; extents += 1) {
    const { length, kind } = device.extent(position);
    if (kind === 'zero') {
      expectZeros(device, position, Math.min(length, LONGEST));
      expectZeros(device, position + length - Math.min(length, LONGEST), Math.min(length, LONGEST));
    }
    position += length;
  }
}

function expectZeros(device: BlockDevice, position: number, length: number): void {
  const seen = new Uint8Array(length).fill(1);
  device.read(position, seen);
  expect(seen.findIndex((byte) => byte !== 0)).toBe(-1);
}
