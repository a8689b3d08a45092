// Mutations of real volumes, mostly where structures lie. The same seed makes the same volume.

import type { Random } from '@tintype/testkit';
import { VolumeHeader } from '../structs/volume-header.js';
import type { Sample, sampleNames } from './sample.testing.js';

export const fuzzedSamples: readonly (typeof sampleNames)[number][] = [
  'small',
  'bare',
  'basic',
  'resized',
  'journaled',
  'old',
];

const EXTREMES = [0, 1, 2, 14, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xfffe, 0xffff];

/** Changes a few places, most of them where structures lie. */
export function mutate(volume: Sample, random: Random): void {
  const places = [1024, volume.bytes.length - 1024];
  for (const name of ['allocationFile', 'extentsFile', 'catalogFile', 'attributesFile'] as const) {
    const start = volume.header(VolumeHeader.at[name] + 16) * volume.blockSize;
    for (let node = 0; node < 5; node += 1) places.push(start + node * 4096);
  }
  places.push(2 * 4096, 3 * 4096);
  const changes = 1 + random.below(6);
  for (let i = 0; i < changes; i += 1) {
    const base = random.pick(places);
    const reach = base === places[0] || base === places[1] ? 512 : 4096;
    const at = base + random.below(reach);
    if (at + 4 > volume.bytes.length) continue;
    const way = random.below(5);
    if (way === 0) volume.bytes[at] = random.below(256);
    else if (way === 1) volume.view.setUint16(at, random.pick(EXTREMES));
    else if (way === 2) volume.view.setUint32(at, random.next());
    else if (way === 3) volume.bytes[at] = (volume.bytes[at] ?? 0) ^ (1 << random.below(8));
    else volume.bytes.copyWithin(at, base + random.below(reach), base + reach);
  }
}
