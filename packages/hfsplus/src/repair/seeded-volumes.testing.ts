// Volumes for seeded damage: ours with and without case, one with small blocks and nodes, and real ones; with hard links, attributes in
// the record and in blocks, symbolic links, and a file in so many pieces that the overflow tree has some.

import { MemoryDevice } from '@tintype/core';
import { Random } from '@tintype/testkit';
import { hasSamples, made, oracle, Sample, sample } from '../check/sample.testing.js';
import { openFileSystem } from '../file-system.js';
import type { HfsVolume } from '../volume.js';
import { formatted, mount, newItem } from '../volume.testing.js';

const SIZE = 12 << 20;
const BLOCK = 4096;
const PIECES = 24;

export const PIECEMEAL = 'in pieces';

/** Null where a foreign program or a fixture is missing. */
const makers = {
  'hfs+': () => populated(bytesOfNew(false)),
  hfsx: () => populated(bytesOfNew(true)),
  'small blocks': () => populated(made(SIZE, '-J', '512k', '-b', '1024', '-n', 'c=4096,a=4096,e=1024').bytes),
  macos: () => sample('basic'),
  journaled: () => sample('journaled'),
};

export const volumeNames = (Object.keys(makers) as (keyof typeof makers)[]).filter(
  (name) =>
    (name !== 'small blocks' || oracle('mkfs.hfsplus') !== null) &&
    (hasSamples || !['macos', 'journaled'].includes(name)),
);

const known = new Map<string, Sample>();

/** A fresh copy. */
export function seededVolume(name: keyof typeof makers): Sample {
  let volume = known.get(name);
  if (!volume) {
    volume = makers[name]();
    known.set(name, volume);
  }
  return new Sample(volume.bytes);
}

function bytesOfNew(caseSensitive: boolean): Uint8Array {
  const bytes = new Uint8Array(SIZE);
  formatted(SIZE, caseSensitive).read(0, bytes);
  return bytes;
}

function populated(bytes: Uint8Array): Sample {
  const own = Uint8Array.from(bytes);
  const fileSystem = openFileSystem(new MemoryDevice(own), mount);
  const { volume } = fileSystem;
  fill(volume, new Random(1));
  putInPieces(
    volume,
    () => fileSystem.commit(),
    () => fileSystem.free,
  );
  fileSystem.close();
  return new Sample(own);
}

function fill(volume: HfsVolume, random: Random): void {
  const folders = Array.from({ length: 9 }, (_, i) => newItem(`folder ${i}`, 'directory'));
  for (const [i, folder] of volume.create(volume.root.id, folders).entries()) {
    const inner = volume.create(folder, [newItem('inner', 'directory')])[0] as number;
    const ids = volume.create(
      folder,
      Array.from({ length: 11 }, (_, n) => newItem(`file ${i}-${n} ${'x'.repeat(random.below(20))}`)),
    );
    for (const [n, id] of ids.entries()) {
      volume.write(id, 0, random.bytes(random.below(9000)));
      if (n % 3 === 0) volume.setXattr(id, 'user.small', random.bytes(40));
      if (n % 5 === 0) volume.setXattr(id, 'user.large', random.bytes(9000));
    }
    volume.create(inner, [newItem(`link ${i}`, 'symlink', { target: `../file ${i}-1` })]);
    for (let link = 0; link < 3; link += 1) volume.link(inner, `hard ${i}-${link}`, ids[4] as number);
  }
}

/** Only single blocks are free when the file is written. */
function putInPieces(volume: HfsVolume, commit: () => void, free: () => number): void {
  const root = volume.root.id;
  const gaps = volume.create(
    root,
    Array.from({ length: 2 * PIECES }, (_, i) => newItem(`gap ${i}`)),
  );
  for (const gap of gaps) {
    volume.write(gap, 0, new Uint8Array(BLOCK));
    volume.flush();
  }
  const [filler = 0] = volume.create(root, [newItem('filler')]);
  commit();
  volume.write(filler, 0, new Uint8Array(free() - 8 * BLOCK));
  commit();
  for (let i = 0; i < gaps.length; i += 2) volume.remove(root, `gap ${i}`);
  commit();
  const [pieces = 0] = volume.create(root, [newItem(PIECEMEAL)]);
  const bytes = new Uint8Array(PIECES * BLOCK);
  new Random(2).fill(bytes);
  volume.write(pieces, 0, bytes);
  commit();
  volume.remove(root, 'filler');
  for (let i = 1; i < gaps.length; i += 2) volume.remove(root, `gap ${i}`);
  commit();
}
