// Sealed volumes and groups of volumes: a System volume, header-less nodes below hashes, extents in a tree of their own, mounted
// from a snapshot, beside its Data volume. They are laid out by code that shares nothing with what reads them; what apfsck can
// judge of it, hashes included, it finds right.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { CorruptError, UnsupportedError } from '@tintype/core';
import { apfsck, count, Random, type SparseDevice, snapshotOf, withFolder, withOracle } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { mountOptions } from '../container.testing.js';
import { apfs } from '../driver.js';
import { attempt, readAll } from '../read-all.testing.js';
import { ContainerReader } from '../reading/container-reader.js';
import { VolumeHead } from '../reading/volume-head.js';
import { isMissing } from '../sample.testing.js';
import { type Assembled, assemble } from './container.testing.js';
import { bytesOf, finish, put64 } from './objects.testing.js';
import { asSystem } from './records.testing.js';
import { kindsOf, sampleOf, treeOf, volumesOf } from './samples.testing.js';
import type { ContainerDraft, VolumeDraft } from './site.testing.js';
import type { LaidNode } from './trees.testing.js';

const BYTES = 96 << 20;
const SIZES = [4096, 8192, 16_384, 32_768, 65_536];
const ROLE = { system: 1, data: 0x40 };
const GROUP = Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i);

function sealed(more: Partial<ContainerDraft> = {}, volume: Partial<VolumeDraft> = {}): Assembled {
  const { source } = sampleOf('difficult');
  const volumes = [{ source, isSealed: true, ...volume }];
  return assemble({ blockSize: 4096, bytes: BYTES, longestExtent: 2, most: 9, volumes, ...more });
}

/** Changes a node where it lies; `finish` it where it has a checksum. */
function change(device: SparseDevice, { block, bytes }: LaidNode, edit: (view: DataView) => void): void {
  const copy = new DataView(bytes.slice().buffer);
  const hasHeader = copy.getUint32(0x18, true) !== 0;
  edit(copy);
  device.write(block * bytes.length, hasHeader ? finish(copy) : bytesOf(copy));
}
/** Where the value of an entry of a node that is no root begins, in a table of `width` bytes an entry. */
function valueAt(view: DataView, index: number, width: 4 | 8): number {
  return view.byteLength - view.getUint16(0x38 + width * index + width / 2, true);
}
function nodeOf(tree: { readonly nodes: readonly LaidNode[] } | null | undefined, level: number): LaidNode {
  const found = tree?.nodes.slice(1).find(({ bytes }) => bytes[0x22] === level);
  if (!found) throw new Error(`there is a node of level ${level}`);
  return found;
}

describe.each(SIZES)('a sealed volume in blocks of %i bytes', (blockSize) => {
  test.skipIf(isMissing('basic'))('reads as macOS wrote it', () => {
    const { source, tree } = sampleOf('macos');
    expect(treeOf(sealed({ blockSize }, { source }).device)).toEqual(tree);
  });
  test('holds hundreds of files', () => {
    const { device, volumes } = sealed({ blockSize });
    expect(volumes[0]?.files.level).toBeGreaterThan(1);
    expect(volumes[0]?.extents?.level).toBeGreaterThan(0);
    expect(treeOf(device)).toEqual(sampleOf('difficult').tree);
    expect(apfs.probe(device)?.volumes).toMatchObject([{ name: 'Test', files: 351, isEncrypted: false }]);
  });
  test('is checked but for the hashes of its data, which is said', () => {
    const { device } = sealed({ blockSize }, { snapshot: 'kept' });
    expect([...apfs.check(device, {})].map(({ kind, severity }) => [kind, severity])).toEqual([
      ['volume-sealed', 'warning'],
      ['volume-sealed', 'warning'],
    ]);
  });
  test('is salvaged with its contents', () => {
    const { device } = sealed({ blockSize });
    device.zero(0, blockSize);
    const [found] = apfs.salvage(device, {});
    const { tree } = sampleOf('difficult');
    expect(found && snapshotOf(found.volume)).toEqual(tree);
    const items = found?.volume.list(found.volume.root.id) ?? [];
    expect(items.flatMap(({ id }) => found?.lost(id) ?? [])).toEqual([]);
  });
});

describe('a sealed volume', () => {
  test('is only read', () => {
    const { device } = sealed();
    expect(() => apfs.open(device, mountOptions)).toThrow(
      new UnsupportedError('volumes with incompatible features 20 are only read', { features: 0x21 }),
    );
    const before = kindsOf(device);
    expect(() => apfs.repair(device, { now: 0 })).toThrow(/are only read/);
    expect(kindsOf(device)).toEqual(before);
    expect(treeOf(device)).toEqual(sampleOf('difficult').tree);
  });
  test('keeps its blocks in a repair that does not see who uses them', () => {
    const { device, layout } = sealed();
    device.zero(0, 4096);
    expect(apfs.repair(device, { now: 0 })).toEqual(['wrote block 0 anew from the newest superblock']);
    expect(treeOf(device)).toEqual(sampleOf('difficult').tree);
    const place = layout.pool.start * 4096 + (layout.ring >>> 3);
    device.write(place, Buffer.from([0]));
    apfs.repair(device, { now: 0 });
    expect(kindsOf(device)).toEqual(['volume-sealed']);
  });
  test('whose ids begin at 2^59 has its root in 2', () => {
    const { source, tree } = sampleOf('difficult');
    const { device } = sealed({}, { source: asSystem(source) });
    expect(treeOf(device)).toEqual(tree);
    expect(volumesOf(device)[0]?.root.id).toBe(2);
  });
  test('that a Mac mounts from a snapshot is shown so, and its other snapshots are found', () => {
    const { device } = sealed({}, { snapshot: 'com.apple.os.update-1', isMountedFromSnapshot: true });
    const [volume] = volumesOf(device);
    const [snapshot] = volume?.snapshots ?? [];
    expect(snapshot?.name).toBe('com.apple.os.update-1');
    expect(volume?.snapshots).toEqual(apfs.probe(device)?.volumes[0]?.snapshots);
    const { tree } = sampleOf('difficult');
    expect(volume && snapshotOf(volume)).toEqual(tree);
    const then = volume?.openSnapshot(snapshot?.xid ?? 0);
    expect(then && snapshotOf(then)).toEqual(tree);
    expect(then?.snapshots).toEqual([]);
  });
});

test('the volumes of a group are both listed, each with its own files', () => {
  const [system, data] = [sampleOf('difficult'), sampleOf(isMissing('basic') ? 'difficult' : 'macos')];
  const { device } = assemble({
    blockSize: 4096,
    bytes: 600 << 20,
    volumes: [
      { source: asSystem(system.source), isSealed: true, name: 'Macintosh HD', role: ROLE.system, group: GROUP },
      { source: data.source, name: 'Macintosh HD - Data', role: ROLE.data, group: GROUP },
    ],
  });
  const names = ['Macintosh HD', 'Macintosh HD - Data'];
  expect(apfs.probe(device)?.volumes.map(({ name }) => name)).toEqual(names);
  const volumes = volumesOf(device);
  expect(volumes.map(({ name }) => name)).toEqual(names);
  expect(volumes.map((volume) => snapshotOf(volume))).toEqual([system.tree, data.tree]);
  const heads = new ContainerReader(device).volumes().map(({ head }) => head);
  const group = 'A0A1A2A3-A4A5-A6A7-A8A9-AAABACADAEAF';
  expect(heads.map((head) => head instanceof VolumeHead && [head.role, head.group, head.isSealed])).toEqual([
    [ROLE.system, group, true],
    [ROLE.data, group, false],
  ]);
  expect(kindsOf(device)).toEqual(['volume-sealed']);
});

describe('a damaged sealed volume', () => {
  const refusal = (damage: (container: Assembled) => void): void => {
    const container = sealed();
    damage(container);
    expect(() => treeOf(container.device)).toThrow(CorruptError);
    expect(() => kindsOf(container.device)).not.toThrow();
  };
  const inner = ({ volumes }: Assembled) => nodeOf(volumes[0]?.files, 1);

  test.each([
    ['the root itself', 0n],
    ['an object that is not there', 100_000n],
    ['one that no number holds', 1n << 53n],
    ['one whose sum does', 0x001f_ffff_ffff_ffffn],
    ['one of 64 bits', (1n << 64n) - 1n],
  ])('names as a child %s', (_, child) =>
    refusal((container) =>
      change(container.device, inner(container), (view) => put64(view, valueAt(view, 0, 8), child)),
    ),
  );
  test('leads in a circle', () =>
    refusal((container) => {
      const { files } = container.volumes[0] ?? {};
      const own = inner(container).oid - (files?.root.oid ?? 0);
      change(container.device, inner(container), (view) => put64(view, valueAt(view, 0, 8), own));
    }));
  test('has a child shorter than its number', () =>
    refusal((container) => change(container.device, inner(container), (view) => view.setUint16(0x38 + 6, 7, true))));
  test('has nodes of another level', () =>
    refusal((container) => change(container.device, inner(container), (view) => view.setUint16(0x22, 3, true))));
  test.each([
    ['a length of part of a block', 0, 4095n],
    ['a length of nothing', 0, 0n],
    ['a block beyond the container', 8, 1n << 40n],
    ['a block that no number holds', 8, 1n << 60n],
  ])('has an extent with %s', (_, at, value) =>
    refusal(({ device, volumes }) =>
      change(device, nodeOf(volumes[0]?.extents, 0), (view) => put64(view, valueAt(view, 3, 4) + at, value)),
    ),
  );
  test('has extents of too few bytes', () =>
    refusal(({ device, volumes }) =>
      // Without the flag of fixed sizes each entry tells its own.
      change(device, nodeOf(volumes[0]?.extents, 0), (view) => {
        const keys = [view.getUint16(0x38, true), view.getUint16(0x3c, true)] as const;
        const values = [view.getUint16(0x3a, true), view.getUint16(0x3e, true)] as const;
        view.setUint16(0x20, view.getUint16(0x20, true) & ~4, true);
        view.setUint32(0x24, 2, true);
        for (const i of [0, 1] as const)
          for (const [word, value] of [keys[i], 16, values[i], 8].entries())
            view.setUint16(0x38 + 8 * i + 2 * word, value, true);
      }),
    ));
  test.each([0, 1, 1 << 20])('names block %i as its tree of extents', (block) =>
    refusal(({ device, volumes }) => {
      const head = new DataView(new ArrayBuffer(4096));
      const place = (volumes[0]?.superblock ?? 0) * 4096;
      device.read(place, bytesOf(head));
      put64(head, 0x408, block);
      device.write(place, finish(head));
    }),
  );
  test('is read as far as it goes, whatever its bytes, and ends', { timeout: count(120_000, 3_600_000) }, () => {
    const { device, volumes } = sealed({}, { snapshot: 'kept', isMountedFromSnapshot: true });
    const nodes = [...(volumes[0]?.files.nodes ?? []), ...(volumes[0]?.extents?.nodes ?? [])];
    const refused = { count: 0 };
    for (let seed = 1; seed <= count(60, 2000); seed += 1) {
      const random = new Random(seed);
      const damaged = device.clone();
      for (let i = 0; i < 4; i += 1)
        change(damaged, random.pick(nodes), (view) => {
          const at = random.pick([32 + random.below(120), random.below(4092), 4092 - random.below(500)]);
          if (random.below(2) === 0) view.setUint8(at, random.below(256));
          else view.setUint16(at, random.pick([0, 1, 7, 0xff, 0xffff]), true);
        });
      const start = performance.now();
      for (const volume of attempt(() => volumesOf(damaged), refused) ?? []) readAll(volume, refused);
      for (const { volume, lost } of attempt(() => apfs.salvage(damaged, {}), refused) ?? []) {
        readAll(volume, refused);
        attempt(() => lost(volume.root.id), refused);
      }
      kindsOf(damaged);
      expect(performance.now() - start, `seed ${seed}`).toBeLessThan(60_000);
    }
    expect(refused.count).toBeGreaterThan(0);
  });
});

describe.skipIf(withOracle('apfsck').skip)('apfsck', () => {
  const judged = ({ device }: Assembled): string =>
    withFolder((folder) => {
      const file = path.join(folder, 'container');
      const bytes = new Uint8Array(device.size);
      device.read(0, bytes);
      writeFileSync(file, bytes);
      return apfsck(file).output;
    });
  test('finds nothing wrong with the layout of sealed volumes, hashes of nodes and data included', () => {
    expect(judged(sealed())).toBe('');
    const container = sealed();
    change(container.device, nodeOf(container.volumes[0]?.files, 0), (view) => view.setUint8(4000, 0x77));
    expect(judged(container)).toMatch(/incorrect hash/);
  });
});
