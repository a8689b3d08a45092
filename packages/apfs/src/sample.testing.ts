// Containers made by macOS, as bytes in memory: opened, damaged and sealed again by tests. Only tests import this.

import { execFileSync } from 'node:child_process';
import { fixture, fixtureBytes, withOracle } from '@tintype/testkit';
import { seal, viewOf } from './object.js';

export const PASSPHRASE = Buffer.from('hunter2hunter2');

const sources = {
  basic: 'apfs/basic-udzo.dmg',
  container: 'apfs/container-udzo.dmg',
  dfvfs: 'apfs/dfvfs-apfs.raw.gz',
  filevault: 'apfs/filevault-volume.img.gz',
} as const;
export type SampleName = keyof typeof sources;
export const sampleNames = Object.keys(sources) as SampleName[];

const expanded = new Map<SampleName, Uint8Array>();

/** For `test.skipIf`: the fixture is missing, or what takes it out of its image. */
export function isMissing(name: SampleName): boolean {
  return fixture(sources[name]).skip || (sources[name].endsWith('.dmg') && withOracle('7zz').skip);
}

/** A fresh copy of a fixture's container. */
export function sample(name: SampleName): Uint8Array {
  let bytes = expanded.get(name);
  if (!bytes) {
    bytes = sources[name].endsWith('.dmg') ? fromUdif(fixture(sources[name]).path) : fixtureBytes(sources[name]);
    expanded.set(name, bytes);
  }
  return new Uint8Array(bytes);
}

function fromUdif(path: string): Uint8Array {
  const words = ['x', '-tdmg', '-so', path, '*.apfs'];
  return execFileSync(withOracle('7zz').path, words, { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });
}

/** One block of a container, to be changed; `change` done, its checksum holds again. */
export function edit(bytes: Uint8Array, block: number, change: (view: DataView) => void, size = 4096): void {
  const view = viewOf(bytes.subarray(block * size, (block + 1) * size));
  change(view);
  seal(view);
}
