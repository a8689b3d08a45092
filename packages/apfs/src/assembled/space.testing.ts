// The space manager of an assembled container, its free queues and the reaper (docs/formats/apfs-writing.md, sections 1 and 2).
// Only tests import this.

import { draft, EPHEMERAL, finish, PHYSICAL, put32, put64, putAll64 } from './objects.testing.js';
import { bytes64 } from './records.testing.js';
import { FORMS, layTree } from './trees.testing.js';

const STRUCT = 2520;
const RING = 16;
const CHUNK_INFO = 32;
const NONE = 0xffff;

/** Where everything lies that a container has before its volumes. */
export interface Layout {
  readonly size: number;
  readonly count: number;
  readonly maxVolumes: number;
  readonly minEphemerals: number;
  readonly mainQueueLimit: number;
  readonly descriptors: { readonly start: number; readonly count: number };
  readonly data: { readonly start: number; readonly count: number };
  readonly ring: number;
  readonly pool: { readonly start: number; readonly count: number };
  /** The first block behind all this. */
  readonly first: number;
}

/** The formulas of section 1.2, for a container of few chunks. */
export function layoutOf(size: number, bytes: number): Layout {
  const count = Math.floor(bytes / size);
  const chunks = Math.ceil(count / (8 * size));
  const limit = 1 + Math.floor((count - 1) / 4544);
  const mainQueueLimit = limit === 2 ? 3 : limit;
  const maxVolumes = Math.ceil((count * size) / 2 ** 29);
  const minEphemerals = count * size < 2 ** 27 ? mainQueueLimit : 8;
  const most = 3 + 1 + mainQueueLimit + 8 * minEphemerals * maxVolumes;
  const mappings = Math.floor((size - 40) / 40);
  const descriptors = { start: 1, count: 4 * (Math.ceil(most / mappings) + 1) };
  const data = { start: 1 + descriptors.count, count: 4 * most };
  const ring = data.start + data.count;
  const pool = { start: ring + RING, count: 3 * (chunks + 1) };
  const first = pool.start + pool.count;
  return { size, count, maxVolumes, minEphemerals, mainQueueLimit, descriptors, data, ring, pool, first };
}

export interface SpaceFacts {
  readonly layout: Layout;
  readonly xid: number;
  /** All blocks before this one are in use. */
  readonly end: number;
  /** Blocks that the last transaction freed: of each the first, and how many. */
  readonly queued: readonly (readonly [number, number])[];
  readonly oids: {
    readonly spaceman: number;
    readonly reaper: number;
    readonly poolQueue: number;
    readonly queue: number;
  };
  readonly put: (block: number, bytes: Uint8Array) => void;
}

/** Writes bitmaps and chunk infos; answers the ephemeral objects. */
export function laySpace(facts: SpaceFacts): Uint8Array[] {
  const { layout, xid, end, put } = facts;
  const { size, pool } = layout;
  // The chunk infos in the second block of the pool, the bitmap of the first chunk in the first.
  const cib = pool.start + 1;
  const bitmap = new Uint8Array(size);
  for (let block = 0; block < end; block += 1) bitmap[block >>> 3] = (bitmap[block >>> 3] ?? 0) | (1 << (block & 7));
  put(pool.start, bitmap);
  put(cib, chunkInfos(facts));
  const poolBitmap = new Uint8Array(size);
  poolBitmap[0] = 3;
  put(layout.ring, poolBitmap);
  const queue = (oid: number, records: readonly (readonly [number, number])[]): Uint8Array => {
    const form = { ...FORMS.freeQueue, size, storage: EPHEMERAL };
    const laid = records.map(([start, count]) => ({
      key: bytes64([xid, start]),
      value: count === 1 ? null : bytes64([count]),
    }));
    return layTree(laid, form, xid, () => ({ oid, block: 0 })).root.bytes;
  };
  const { oids } = facts;
  return [spaceman(facts, cib), reaper(facts), queue(oids.poolQueue, []), queue(oids.queue, facts.queued)];
}

function chunkInfos({ layout, xid, end }: SpaceFacts): Uint8Array {
  const { size, count, pool } = layout;
  const view = draft(size, { oid: pool.start + 1, xid, type: PHYSICAL + 7 });
  const perChunk = 8 * size;
  const chunks = Math.ceil(count / perChunk);
  put32(view, { 36: chunks });
  for (let i = 0; i < chunks; i += 1) {
    const at = 40 + CHUNK_INFO * i;
    const blocks = Math.min(perChunk, count - i * perChunk);
    putAll64(view, { [at]: xid, [at + 8]: i * perChunk, [at + 24]: i === 0 ? pool.start : 0 });
    put32(view, { [at + 16]: blocks, [at + 20]: i === 0 ? blocks - end : blocks });
  }
  return finish(view);
}

function spaceman({ layout, xid, end, queued, oids }: SpaceFacts, cib: number): Uint8Array {
  const { size, count, pool, ring } = layout;
  const view = draft(size, { oid: oids.spaceman, xid, type: EPHEMERAL + 5 });
  const [xids, slots, next] = [STRUCT, STRUCT + 8, STRUCT + 16];
  const addresses = next + 2 * RING;
  put32(view, { 32: size, 36: 8 * size, 40: Math.floor((size - 40) / 32), 44: Math.floor((size - 40) / 8) });
  putAll64(view, { 48: count, 56: Math.ceil(count / (8 * size)), 72: count - end });
  put32(view, { 64: 1, 80: addresses, 128: addresses + 8 });
  put32(view, { 144: 1, 148: RING, 160: 1, 164: RING });
  putAll64(view, { 152: pool.count, 168: ring, 176: pool.start });
  putAll64(view, { 208: oids.poolQueue });
  view.setUint16(224, 1, true);
  const blocks = queued.reduce((sum, [, length]) => sum + length, 0);
  putAll64(view, { 240: blocks, 248: oids.queue, 256: queued.length > 0 ? xid : 0 });
  view.setUint16(264, layout.mainQueueLimit, true);
  // Slot 0 of the ring is in use; the free ones follow one another from 1 on.
  view.setUint16(320, 1, true);
  view.setUint16(322, RING - 1, true);
  put32(view, { 324: xids, 328: slots, 332: next, 336: 1, 340: STRUCT });
  put64(view, xids, xid);
  for (let slot = 0; slot < RING; slot += 1)
    view.setUint16(next + 2 * slot, slot === 0 || slot === RING - 1 ? NONE : slot + 1, true);
  put64(view, addresses, cib);
  return finish(view);
}

function reaper({ layout, xid, oids }: SpaceFacts): Uint8Array {
  const view = draft(layout.size, { oid: oids.reaper, xid, type: EPHEMERAL + 0x11 });
  putAll64(view, { 32: 1 });
  put32(view, { 64: 1, 108: layout.size - 112 });
  return finish(view);
}
