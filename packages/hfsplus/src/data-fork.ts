// Contents of files: reading and writing the bytes of a fork.
//
// Invariants: blocks that the last commit holds are never written: what changes in them moves to new blocks. Bytes behind
// the end of a file in its last block are zero.

import { assert, CorruptError } from '@tintype/core';
import { blocksOf, type Extent, pushExtent, sliceExtents } from './extent.js';
import type { Mounted } from './mounted.js';
import type { Catalog, Place } from './records/catalog.js';
import { forkExtents, putForkExtents } from './records/extent-records.js';
import { CatalogFile, RECORD_TYPE } from './structs/catalog.js';
import { FORK_TYPE } from './structs/extents.js';
import { ForkData } from './structs/volume-header.js';

export type ForkKind = 'data' | 'resource';

interface OpenFork {
  readonly id: number;
  readonly kind: ForkKind;
  extents: Extent[];
  size: number;
  /** Extents as the catalog has them: overflow records among them must go when they change. */
  stored: readonly Extent[];
  dirty: boolean;
  /** Bytes that will be written in all, as far as is known. */
  expected: number;
}

/** Forks kept open: extents of the files in use. */
const OPEN_LIMIT = 64;

export class DataForks {
  readonly #volume: Mounted;
  readonly #catalog: Catalog;
  readonly #open = new Map<string, OpenFork>();
  /** Sizes that the caller announced for new files. */
  readonly #expected = new Map<number, number>();

  constructor(volume: Mounted, catalog: Catalog) {
    this.#volume = volume;
    this.#catalog = catalog;
  }

  /** A new file of which so many bytes will come: its blocks are taken in one piece. */
  expect(id: number, bytes: number): void {
    if (this.#expected.size > 4096) this.#expected.clear();
    this.#expected.set(id, bytes);
  }

  size(id: number, kind: ForkKind): number {
    return this.#fork(id, kind).size;
  }

  read(id: number, kind: ForkKind, position: number, target: Uint8Array): number {
    const fork = this.#fork(id, kind);
    const length = Math.max(0, Math.min(target.length, fork.size - position));
    if (length === 0) return 0;
    const { blockSize, device, writer } = this.#volume;
    writer.flush();
    let done = 0;
    let start = 0;
    for (const extent of fork.extents) {
      const bytes = extent.count * blockSize;
      const from = position + done - start;
      if (from < bytes) {
        const part = Math.min(length - done, bytes - from);
        device.read(extent.start * blockSize + from, target.subarray(done, done + part));
        done += part;
        if (done === length) return done;
      }
      start += bytes;
    }
    throw new CorruptError(
      'HFSPlusForkData',
      'logicalSize',
      id,
      `${fork.size} bytes do not lie in ${blocksOf(fork.extents)} blocks`,
    );
  }

  write(id: number, kind: ForkKind, position: number, source: Uint8Array): void {
    const fork = this.#fork(id, kind);
    if (source.length === 0) return;
    if (position > fork.size) this.#extend(fork, position);
    const end = position + source.length;
    const isLonger = end > fork.size;
    this.#reserve(fork, Math.max(end, fork.size));
    this.#put(fork, position, source, isLonger);
    fork.size = Math.max(fork.size, end);
    fork.dirty = true;
  }

  truncate(id: number, kind: ForkKind, size: number): void {
    const fork = this.#fork(id, kind);
    if (size > fork.size) this.#extend(fork, size);
    else if (size < fork.size) this.#shrink(fork, size);
    fork.dirty = true;
  }

  /** Frees all blocks of both forks, with their overflow records. The file's record is about to go. */
  free(id: number): void {
    for (const kind of ['data', 'resource'] as const) {
      const fork = this.#fork(id, kind);
      for (const extent of fork.extents) this.#volume.allocation.free(extent);
      if (fork.stored.length > 8) putForkExtents(this.#volume.extents.tree, owner(id, kind), fork.stored, []);
      this.#open.delete(`${id} ${kind}`);
    }
    this.#expected.delete(id);
  }

  /** Puts what changed into the catalog. Call before the catalog's record is read, moved or committed. */
  flush(): void {
    for (const fork of this.#open.values()) if (fork.dirty) this.#store(fork);
  }
  flushOf(id: number): void {
    for (const kind of ['data', 'resource'] as const) {
      const fork = this.#open.get(`${id} ${kind}`);
      if (fork?.dirty) this.#store(fork);
    }
  }

  #fork(id: number, kind: ForkKind): OpenFork {
    const known = this.#open.get(`${id} ${kind}`);
    if (known) return known;
    if (this.#open.size >= OPEN_LIMIT) {
      this.flush();
      this.#open.clear();
    }
    const place = this.#catalog.recordOf(id);
    const empty = { logicalSize: 0, clumpSize: 0, totalBlocks: 0, extents: [] };
    const record = place.type === RECORD_TYPE.file ? ForkData.read(place.node.view, forkAt(place, kind)) : empty;
    const extents = forkExtents(this.#volume.extents.tree, owner(id, kind), record, this.#volume.header.totalBlocks);
    const fork = {
      id,
      kind,
      extents,
      size: record.logicalSize,
      stored: [...extents],
      dirty: false,
      expected: this.#expected.get(id) ?? 0,
    };
    this.#open.set(`${id} ${kind}`, fork);
    return fork;
  }

  #store(fork: OpenFork): void {
    const { id, kind, extents, stored, size } = fork;
    const records =
      extents.length > 8 || stored.length > 8
        ? putForkExtents(this.#volume.extents.tree, owner(id, kind), stored, extents)
        : null;
    const place = this.#catalog.recordOf(id);
    assert(place.type === RECORD_TYPE.file, 'only files have forks');
    const { view } = place.node;
    const at = forkAt(place, kind);
    view.setUint32(at, Math.floor(size / 0x1_0000_0000));
    view.setUint32(at + 4, size >>> 0);
    view.setUint32(at + ForkData.at.totalBlocks, blocksOf(extents));
    for (let i = 0; i < 8; i += 1) {
      const extent = extents[i];
      view.setUint32(at + ForkData.at.extents + 8 * i, records ? (records[i]?.startBlock ?? 0) : (extent?.start ?? 0));
      view.setUint32(
        at + ForkData.at.extents + 8 * i + 4,
        records ? (records[i]?.blockCount ?? 0) : (extent?.count ?? 0),
      );
    }
    place.node.dirty = true;
    fork.stored = [...extents];
    fork.dirty = false;
  }

  /** Blocks for `bytes`, in one piece with what is there as far as can be. @throws VolumeFullError */
  #reserve(fork: OpenFork, bytes: number): void {
    const { blockSize, allocation } = this.#volume;
    const have = blocksOf(fork.extents);
    const needed = Math.ceil(bytes / blockSize) - have;
    if (needed <= 0) return;
    const expected = Math.max(needed, Math.ceil(fork.expected / blockSize) - have);
    const wanted = expected <= allocation.available ? expected : needed;
    if (needed > allocation.available) throw allocation.full(needed * blockSize);
    const last = fork.extents.at(-1);
    const after = last ? allocation.takeAfter(last.start + last.count, wanted) : null;
    if (after) pushExtent(fork.extents, after);
    const rest = wanted - (after?.count ?? 0);
    if (rest > 0) for (const extent of allocation.take(rest)) pushExtent(fork.extents, extent);
    if (after) allocation.next = after.start + after.count;
  }

  /** Writes into blocks that are there; those of the last commit are exchanged for new ones first. */
  #put(fork: OpenFork, position: number, source: Uint8Array, isLonger: boolean): void {
    const { blockSize, writer } = this.#volume;
    const end = position + source.length;
    const first = Math.floor(position / blockSize);
    const last = Math.ceil(end / blockSize);
    let touched = sliceExtents(fork.extents, first, last);
    if (!touched.every((extent) => this.#volume.allocation.isFresh(extent)))
      touched = this.#exchange(fork, first, last, position, end);
    let at = first * blockSize;
    for (const { start, count } of touched) {
      const from = Math.max(position, at);
      const to = Math.min(end, at + count * blockSize);
      writer.write(start * blockSize + from - at, source.subarray(from - position, to - position));
      at += count * blockSize;
      if (isLonger && to === end) writer.pad(start * blockSize + to - (at - count * blockSize), at - to);
    }
  }

  /** New blocks in place of `[first, last)`; bytes outside `[position, end)` in the outer ones are kept. */
  #exchange(fork: OpenFork, first: number, last: number, position: number, end: number): Extent[] {
    const { blockSize, allocation, device, writer } = this.#volume;
    writer.flush();
    const old = sliceExtents(fork.extents, first, last);
    const fresh = allocation.take(last - first);
    const copy = (block: number) => {
      const bytes = new Uint8Array(blockSize);
      const [from] = sliceExtents(fork.extents, block, block + 1);
      const [to] = sliceExtents(fresh, block - first, block - first + 1);
      if (!from || !to) return;
      device.read(from.start * blockSize, bytes);
      device.write(to.start * blockSize, bytes);
    };
    if (position % blockSize !== 0) copy(first);
    if (
      end % blockSize !== 0 &&
      (last - 1 !== first || position % blockSize === 0) &&
      (last - 1) * blockSize < fork.size
    )
      copy(last - 1);
    const total = blocksOf(fork.extents);
    const extents: Extent[] = sliceExtents(fork.extents, 0, first);
    for (const extent of fresh) pushExtent(extents, extent);
    for (const extent of sliceExtents(fork.extents, last, total)) pushExtent(extents, extent);
    fork.extents = extents;
    for (const extent of old) allocation.free(extent);
    return fresh;
  }

  /** Lengthens a fork by zeros. */
  #extend(fork: OpenFork, size: number): void {
    const { blockSize, device, writer } = this.#volume;
    this.#reserve(fork, size);
    const inBlock = fork.size % blockSize;
    const tail = inBlock === 0 ? 0 : Math.min(blockSize - inBlock, size - fork.size);
    if (tail > 0) this.#put(fork, fork.size, new Uint8Array(tail), false);
    const from = Math.ceil(fork.size / blockSize);
    writer.flush();
    for (const { start, count } of sliceExtents(fork.extents, from, Math.ceil(size / blockSize)))
      device.zero(start * blockSize, count * blockSize);
    fork.size = size;
  }

  #shrink(fork: OpenFork, size: number): void {
    const { blockSize, allocation } = this.#volume;
    const keep = Math.ceil(size / blockSize);
    const total = blocksOf(fork.extents);
    const freed = sliceExtents(fork.extents, keep, total);
    fork.extents = sliceExtents(fork.extents, 0, keep);
    this.#volume.writer.flush();
    for (const extent of freed) allocation.free(extent);
    fork.size = size;
    fork.expected = 0;
    const inBlock = size % blockSize;
    if (inBlock !== 0) this.#put(fork, size, new Uint8Array(blockSize - inBlock), false);
  }
}

function owner(id: number, kind: ForkKind) {
  return { id, forkType: FORK_TYPE[kind] };
}

function forkAt(place: Place, kind: ForkKind): number {
  return place.at + (kind === 'data' ? CatalogFile.at.dataFork : CatalogFile.at.resourceFork);
}
