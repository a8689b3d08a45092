// Containers of any block size, with volumes that are sealed or not, put together from what other volumes hold (docs/formats/
// apfs.md). The checkpoint lies across the ends of both rings. Only tests import this.

import type { SparseDevice } from '@tintype/testkit';
import { layBags } from './encryption.testing.js';
import { draft, EPHEMERAL, finish, PHYSICAL, put32, put64, putAll64 } from './objects.testing.js';
import { type ContainerDraft, type LaidVolume, layMap, mapping, Site } from './site.testing.js';
import { type Layout, laySpace } from './space.testing.js';
import { layVolume } from './volume.testing.js';

export interface Assembled {
  readonly device: SparseDevice;
  readonly layout: Layout;
  readonly volumes: readonly LaidVolume[];
}

const UUID = new Uint8Array(16).fill(0x5a);

export function assemble(container: ContainerDraft): Assembled {
  const site = new Site(container);
  const oids = {
    spaceman: site.newOid(),
    reaper: site.newOid(),
    poolQueue: site.newOid(),
    queue: site.newOid(),
    volumes: container.volumes.map(() => site.newOid()),
  };
  const volumes = container.volumes.map((volume, slot) =>
    layVolume(site, volume, { slot, oid: oids.volumes[slot] ?? 0 }),
  );
  const heads = volumes.map(({ superblock }, slot) =>
    mapping(site, oids.volumes[slot] ?? 0, site.xid, { block: superblock }),
  );
  const keys = container.bags ? layBags(site, container.bags, UUID) : 0;
  const omap = layMap(site, heads, { flags: 1, snapshots: [] }).block;
  const queued = [
    [site.take(1), 1],
    [site.take(3), 3],
  ] as const;
  const { layout, xid, put } = site;
  const ephemerals = laySpace({ layout, xid, end: site.end, queued, oids, put });
  layCheckpoint(site, ephemerals, { ...oids, omap, keys });
  return { device: site.device, layout, volumes };
}

interface Roots {
  readonly spaceman: number;
  readonly reaper: number;
  readonly omap: number;
  /** Block of the key bag; 0: none. */
  readonly keys: number;
  readonly volumes: readonly number[];
}

/** Map and superblock in the last slot of the descriptor area and the first; the objects across the end of the data area. */
function layCheckpoint(site: Site, ephemerals: readonly Uint8Array[], roots: Roots): void {
  const { layout, xid, size } = site;
  const { descriptors, data } = layout;
  const index = { descriptor: descriptors.count - 1, data: data.count - 2 };
  const mapBlock = descriptors.start + index.descriptor;
  const map = draft(size, { oid: mapBlock, xid, type: PHYSICAL + 0xc });
  put32(map, { 32: 1, 36: ephemerals.length });
  for (const [i, bytes] of ephemerals.entries()) {
    const object = new DataView(bytes.buffer);
    const block = data.start + ((index.data + i) % data.count);
    site.put(block, bytes);
    const at = 40 + 40 * i;
    put32(map, { [at]: object.getUint32(24, true), [at + 4]: object.getUint32(28, true), [at + 8]: bytes.length });
    putAll64(map, { [at + 24]: object.getBigUint64(8, true), [at + 32]: block });
  }
  site.put(mapBlock, finish(map));
  const superblock = finish(superblockOf(site, index, { ...roots, objects: ephemerals.length }));
  site.put(descriptors.start, superblock);
  site.put(0, superblock);
}

function superblockOf(
  site: Site,
  index: { readonly descriptor: number; readonly data: number },
  roots: Roots & { readonly objects: number },
): DataView {
  const { layout, xid, size } = site;
  const { descriptors, data } = layout;
  const view = draft(size, { oid: 1, xid, type: EPHEMERAL + 1 });
  new Uint8Array(view.buffer).set(Buffer.from('NXSB'), 0x20);
  put32(view, {
    36: size,
    104: descriptors.count,
    108: data.count,
    128: 1,
    132: (index.data + roots.objects) % data.count,
  });
  put32(view, { 136: index.descriptor, 140: 2, 144: index.data, 148: roots.objects, 180: layout.maxVolumes });
  putAll64(view, { 40: layout.count, 64: 2, 88: site.newOid(), 96: xid + 1 });
  new Uint8Array(view.buffer).set(UUID, 0x48);
  if (roots.keys > 0) putAll64(view, { 1264: 4, 1296: roots.keys, 1304: 1 });
  putAll64(view, { 112: descriptors.start, 120: data.start, 152: roots.spaceman, 160: roots.omap, 168: roots.reaper });
  for (const [slot, oid] of roots.volumes.entries()) put64(view, 0xb8 + 8 * slot, oid);
  put64(view, 0x510 + 0x10, (BigInt(layout.minEphemerals) << 32n) | (4n << 16n) | 1n);
  return view;
}
