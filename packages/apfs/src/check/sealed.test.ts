// A sealed volume, damaged in one field of what seals it, in its nodes, or in the tree of its extents; apfsck is asked, too.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { apfsck, type SparseDevice, withFolder, withOracle } from '@tintype/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Assembled, assemble } from '../assembled/container.testing.js';
import { bytesOf, finish, put64 } from '../assembled/objects.testing.js';
import { kindsOf, sampleOf } from '../assembled/samples.testing.js';
import type { LaidVolume, VolumeDraft } from '../assembled/site.testing.js';
import type { LaidTree } from '../assembled/trees.testing.js';
import { IntegrityMetadata } from '../structs/sealed.js';

const BLOCK = 4096;
const im = IntegrityMetadata.at;

let container: Assembled;
let volume: LaidVolume;
function laid(more: Partial<VolumeDraft> = {}): Assembled {
  const { source } = sampleOf('difficult');
  const volumes = [{ source, isSealed: true, ...more }];
  return assemble({ blockSize: BLOCK, bytes: 96 << 20, longestExtent: 2, most: 9, volumes });
}
beforeAll(() => {
  container = laid();
  volume = container.volumes[0] as LaidVolume;
});

function changed(block: number, change: (view: DataView) => void): SparseDevice {
  const device = container.device.clone();
  const view = new DataView(new ArrayBuffer(BLOCK));
  device.read(block * BLOCK, bytesOf(view));
  const hasHeader = view.getUint32(0x18, true) !== 0;
  change(view);
  device.write(block * BLOCK, hasHeader ? finish(view) : bytesOf(view));
  return device;
}
function foreign(device: SparseDevice): string {
  return withFolder((folder) => {
    const file = path.join(folder, 'container');
    const bytes = new Uint8Array(device.size);
    device.read(0, bytes);
    writeFileSync(file, bytes);
    return apfsck(file).output.trim();
  });
}
function blockOf(tree: LaidTree | null, level: number): number {
  return tree?.nodes.slice(1).find(({ bytes }) => bytes[0x22] === level)?.block ?? 0;
}
/** Where the value of an entry of a node that is no root begins. */
function valueAt(view: DataView, index: number, width: 4 | 8): number {
  return view.byteLength - view.getUint16(0x38 + width * index + width / 2, true);
}

type Case = [
  kind: string,
  what: string,
  who: 'apfsck too' | 'we alone',
  where: () => number,
  change: (view: DataView) => void,
];
const seal = (): number => volume.integrity;
const cases: Case[] = [
  ['integrity', 'version', 'apfsck too', seal, (view) => view.setUint32(im.im_version, 3, true)],
  ['integrity', 'flags', 'apfsck too', seal, (view) => view.setUint32(im.im_flags, 2, true)],
  ['volume-odd', 'a seal that was broken', 'apfsck too', seal, (view) => view.setUint32(im.im_flags, 1, true)],
  ['integrity', 'kind of hash', 'apfsck too', seal, (view) => view.setUint32(im.im_hash_type, 5, true)],
  ['integrity', 'another kind of hash', 'apfsck too', seal, (view) => view.setUint32(im.im_hash_type, 3, true)],
  ['integrity', 'where the hash is', 'apfsck too', seal, (view) => view.setUint32(im.im_root_hash_offset, 4080, true)],
  ['integrity', 'where the hash is not', 'apfsck too', seal, (view) => view.setUint32(im.im_root_hash_offset, 8, true)],
  [
    'integrity',
    'the hash',
    'apfsck too',
    seal,
    (view) => view.setUint8(view.getUint32(im.im_root_hash_offset, true), 1),
  ],
  ['integrity', 'who broke it', 'apfsck too', seal, (view) => put64(view, im.im_broken_xid, 1 << 30)],
  ['integrity', 'something reserved', 'apfsck too', seal, (view) => view.setUint8(im.im_reserved + 70, 1)],
  ['integrity', 'type', 'apfsck too', seal, (view) => view.setUint32(im.o_type, 0x1d, true)],
  [
    'integrity',
    'a node that was changed',
    'apfsck too',
    () => blockOf(volume.files, 0),
    (view) => {
      const name = view.byteLength - 9;
      view.setUint8(name, view.getUint8(name) ^ 0x20);
    },
  ],
  [
    'integrity',
    'the hash of a node',
    'apfsck too',
    () => blockOf(volume.files, 1),
    (view) => {
      const hash = valueAt(view, 0, 8) + 20;
      view.setUint8(hash, view.getUint8(hash) ^ 1);
    },
  ],
  [
    'tree-flags',
    'a node without its flags',
    'apfsck too',
    () => blockOf(volume.files, 0),
    (view) => {
      view.setUint16(0x20, view.getUint16(0x20, true) & ~8, true);
    },
  ],
  [
    'reference-count',
    'data elsewhere',
    'apfsck too',
    () => blockOf(volume.extents, 0),
    (view) => {
      const block = valueAt(view, 3, 4) + 8;
      view.setUint32(block, view.getUint32(block, true) + 3, true);
    },
  ],
  [
    'stream-extent',
    'flags of an extent',
    'apfsck too',
    () => blockOf(volume.extents, 0),
    (view) => view.setUint8(valueAt(view, 3, 4) + 7, 4),
  ],
  [
    'reference-count',
    'data counted twice',
    'apfsck too',
    () => volume.references.nodes.at(-1)?.block ?? 0,
    (view) => view.setUint32(valueAt(view, 0, 8) + 16, 2, true),
  ],
];

test('nothing is found in what is sound', () => {
  expect(kindsOf(container.device)).toEqual(['volume-sealed']);
  if (!withOracle('apfsck').skip) expect(foreign(container.device)).toBe('');
});
test('states of a volume share the tree of its extents', () => {
  expect(kindsOf(laid({ snapshot: 'kept' }).device)).toEqual(['volume-sealed', 'volume-sealed']);
});
test.each(cases)('%s is found: %s', (kind, _what, _who, where, change) => {
  expect(kindsOf(changed(where(), change))).toContain(kind);
});
describe.skipIf(withOracle('apfsck').skip)('apfsck', () => {
  test.each(cases.filter(([, , who]) => who === 'apfsck too'))(
    'refuses %s, too: %s',
    (_kind, _what, _who, where, change) => {
      expect(foreign(changed(where(), change))).not.toBe('');
    },
  );
});
