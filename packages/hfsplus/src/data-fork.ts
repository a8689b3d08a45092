// Contents of files: reading and writing the bytes of a fork.
//
// Invariants: blocks that the last commit holds are never written: what changes in them moves to new blocks. Bytes behind
// the end of a file are zero in a last block that was written; where a file was only cut they may be its own old ones.

import { assert, type BlockDevice, CorruptError } from '@tintype/core';
import { blocksOf, EMPTY_FORK, type Extent, pushExtent, sliceExtents } from './extent.js';
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

/** Bytes of a file: from `position` up to `end`. */
interface Span {
  readonly position: number;
  readonly end: number;
}

/** Bytes of a record of eight overflow extents in its leaf. */
const OVERFLOW_RECORD = 78;
const COPY_BYTES = 1 << 20;
/** Forks kept open: extents of the files in use. */
const OPEN_LIMIT = 64;

export class DataForks {
  readonly #volume: Mounted;
  readonly #catalog: Catalog;
  readonly #open = new Map<number, OpenFork>();
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

  /** True if this file's fork was used lately. */
  isOpen(id: number, kind: ForkKind): boolean {
    return this.#open.has(openKey(id, kind));
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
        const piece = part === target.length ? target : target.subarray(done, done + part);
        device.read(extent.start * blockSize + from, piece);
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

  /** @throws VolumeFullError, with nothing changed */
  write(id: number, kind: ForkKind, position: number, source: Uint8Array): void {
    const fork = this.#fork(id, kind);
    if (source.length === 0) return;
    const end = position + source.length;
    const from = Math.min(position, fork.size);
    this.#claim(fork, from, end);
    if (position > fork.size) this.#zero(fork, fork.size, position);
    this.#put(fork, position, source, end >= fork.size);
    fork.size = Math.max(fork.size, end);
  }

  /** @throws VolumeFullError, with nothing changed */
  truncate(id: number, kind: ForkKind, size: number): void {
    const fork = this.#fork(id, kind);
    if (size > fork.size) {
      this.#claim(fork, fork.size, size);
      this.#zero(fork, fork.size, size);
      fork.size = size;
    } else if (size < fork.size || blocksOf(fork.extents) > Math.ceil(size / this.#volume.blockSize))
      this.#shrink(fork, size);
  }

  /** Frees all blocks of both forks, with their overflow records. The file's record is about to go. */
  free(id: number): void {
    this.#volume.writer.flush();
    for (const kind of ['data', 'resource'] as const) {
      const fork = this.#fork(id, kind);
      for (const extent of fork.extents) this.#volume.allocation.free(extent);
      if (fork.stored.length > 8) putForkExtents(this.#volume.extents.tree, owner(id, kind), fork.stored, []);
      this.#open.delete(openKey(id, kind));
    }
    this.#expected.delete(id);
  }

  /** All that lies at block `limit` of the volume or behind moves before it. @throws VolumeFullError, with nothing changed */
  moveBelow(id: number, kind: ForkKind, limit: number): void {
    const fork = this.#fork(id, kind);
    const { allocation, device, writer, blockSize } = this.#volume;
    writer.flush();
    const before = fork.extents;
    const old: Extent[] = [];
    const taken: Extent[] = [];
    const extents: Extent[] = [];
    fork.dirty = true;
    try {
      for (const { start, count } of before) {
        const kept = Math.max(0, Math.min(count, limit - start));
        if (kept > 0) pushExtent(extents, { start, count: kept });
        if (kept === count) continue;
        const fresh = allocation.take(count - kept);
        taken.push(...fresh);
        old.push({ start: start + kept, count: count - kept });
        copyBlocks(device, { start: start + kept, count: count - kept }, fresh, blockSize);
        for (const extent of fresh) pushExtent(extents, extent);
      }
      fork.extents = extents;
      this.#reserveOverflow(fork);
    } catch (error) {
      for (const extent of taken) allocation.giveBack(extent);
      fork.extents = before;
      throw error;
    }
    for (const extent of old) allocation.free(extent);
  }

  /** Puts what changed into the catalog. Call before the catalog's record is read, moved or committed. */
  flush(): void {
    for (const fork of this.#open.values()) if (fork.dirty) this.#store(fork);
  }
  flushOf(id: number): void {
    for (const kind of ['data', 'resource'] as const) {
      const fork = this.#open.get(openKey(id, kind));
      if (fork?.dirty) this.#store(fork);
    }
  }

  #fork(id: number, kind: ForkKind): OpenFork {
    const known = this.#open.get(openKey(id, kind));
    if (known) return known;
    if (this.#open.size >= OPEN_LIMIT) {
      this.flush();
      this.#open.clear();
    }
    const place = this.#catalog.recordOf(id);
    const isEmpty = place.type !== RECORD_TYPE.file || isEmptyFork(place.node.view, forkAt(place, kind));
    const record = isEmpty ? EMPTY_FORK : ForkData.read(place.node.view, forkAt(place, kind));
    const extents = isEmpty
      ? []
      : forkExtents(this.#volume.extents.tree, owner(id, kind), record, this.#volume.header.totalBlocks);
    const fork = {
      id,
      kind,
      extents,
      size: record.logicalSize,
      stored: [...extents],
      dirty: false,
      expected: this.#expected.get(id) ?? 0,
    };
    this.#open.set(openKey(id, kind), fork);
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

  /** Fresh blocks for all of `[position, end)`. Bytes outside it stay. @throws VolumeFullError, with nothing changed */
  #claim(fork: OpenFork, position: number, end: number): void {
    const { blockSize, allocation } = this.#volume;
    const have = blocksOf(fork.extents);
    const needed = Math.max(0, Math.ceil(Math.max(end, fork.size) / blockSize) - have);
    const first = Math.floor(position / blockSize);
    const last = Math.min(have, Math.ceil(end / blockSize));
    const old = first < last ? sliceExtents(fork.extents, first, last) : [];
    const exchanged = old.every((extent) => allocation.isFresh(extent)) ? 0 : last - first;
    fork.dirty = true;
    if (needed + exchanged === 0) return;
    if (needed + exchanged > allocation.available) throw allocation.full((needed + exchanged) * blockSize);
    const before = fork.extents;
    const taken: Extent[] = [];
    fork.extents = [...before];
    try {
      if (exchanged > 0) taken.push(...this.#exchange(fork, first, last, { position, end }));
      if (needed > 0) taken.push(...this.#lengthen(fork, needed, have));
      this.#reserveOverflow(fork);
    } catch (error) {
      for (const extent of taken) allocation.giveBack(extent);
      fork.extents = before;
      throw error;
    }
    if (exchanged > 0) for (const extent of old) allocation.free(extent);
  }

  /** More blocks at the fork's end, in one piece with what is there as far as can be, and as many as are expected. */
  #lengthen(fork: OpenFork, needed: number, have: number): Extent[] {
    const { blockSize, allocation } = this.#volume;
    const expected = Math.max(needed, Math.ceil(fork.expected / blockSize) - have);
    const wanted = expected <= allocation.available ? expected : needed;
    const last = fork.extents.at(-1);
    const after = last ? allocation.takeAfter(last.start + last.count, wanted) : null;
    const rest = wanted - (after?.count ?? 0);
    const taken = [...(after ? [after] : []), ...(rest > 0 ? allocation.take(rest) : [])];
    if (after && rest === 0) allocation.next = after.start + after.count;
    for (const extent of taken) pushExtent(fork.extents, extent);
    return taken;
  }

  /** Nodes for the records of all extents that do not fit their catalog records. @throws VolumeFullError */
  #reserveOverflow(fork: OpenFork): void {
    if (fork.extents.length <= 8) return;
    let bytes = 0;
    let forks = 0;
    for (const { extents, dirty } of this.#open.values()) {
      if (!dirty || extents.length <= 8) continue;
      bytes += Math.ceil((extents.length - 8) / 8) * OVERFLOW_RECORD;
      forks += 1;
    }
    this.#volume.extents.tree.reserveRuns(bytes, forks);
  }

  /** Writes into fresh blocks that are there; `isEnd`: zeros follow, up to the end of the last block. */
  #put(fork: OpenFork, position: number, source: Uint8Array, isEnd: boolean): void {
    const { blockSize, writer } = this.#volume;
    const end = position + source.length;
    const first = Math.floor(position / blockSize);
    let at = first * blockSize;
    for (const { start, count } of sliceExtents(fork.extents, first, Math.ceil(end / blockSize))) {
      const from = Math.max(position, at);
      const to = Math.min(end, at + count * blockSize);
      writer.write(start * blockSize + from - at, source.subarray(from - position, to - position));
      at += count * blockSize;
      if (isEnd && to === end) writer.pad(start * blockSize + to - (at - count * blockSize), at - to);
    }
  }

  /** New blocks in place of `[first, last)`; bytes outside `[position, end)` in the outer ones are copied. */
  #exchange(fork: OpenFork, first: number, last: number, { position, end }: Span): Extent[] {
    const { blockSize, allocation, device, writer } = this.#volume;
    writer.flush();
    const fresh = allocation.take(last - first);
    const copy = (block: number) => {
      const bytes = new Uint8Array(blockSize);
      const [from] = sliceExtents(fork.extents, block, block + 1);
      const [to] = sliceExtents(fresh, block - first, block - first + 1);
      if (!from || !to) return;
      device.read(from.start * blockSize, bytes);
      device.write(to.start * blockSize, bytes);
    };
    const isHeadKept = position % blockSize !== 0;
    const isTailKept = end < last * blockSize && end < fork.size;
    if (isHeadKept) copy(first);
    if (isTailKept && (last - 1 !== first || !isHeadKept)) copy(last - 1);
    const total = blocksOf(fork.extents);
    const extents: Extent[] = sliceExtents(fork.extents, 0, first);
    for (const extent of fresh) pushExtent(extents, extent);
    for (const extent of sliceExtents(fork.extents, last, total)) pushExtent(extents, extent);
    fork.extents = extents;
    return fresh;
  }

  /** Zeros in `[from, to)`, which begins at the fork's end; its blocks are fresh. */
  #zero(fork: OpenFork, from: number, to: number): void {
    const { blockSize, device, writer } = this.#volume;
    const nextBlock = Math.ceil(from / blockSize);
    if (from < nextBlock * blockSize)
      this.#put(fork, from, new Uint8Array(Math.min(nextBlock * blockSize, to) - from), true);
    writer.flush();
    for (const { start, count } of sliceExtents(fork.extents, nextBlock, Math.ceil(to / blockSize)))
      device.zero(start * blockSize, count * blockSize);
  }

  #shrink(fork: OpenFork, size: number): void {
    const { blockSize, allocation, writer } = this.#volume;
    const keep = Math.ceil(size / blockSize);
    const freed = sliceExtents(fork.extents, keep, blocksOf(fork.extents));
    fork.extents = sliceExtents(fork.extents, 0, keep);
    fork.size = size;
    fork.expected = 0;
    fork.dirty = true;
    writer.flush();
    for (const extent of freed) allocation.free(extent);
    const [last] = size % blockSize === 0 ? [] : sliceExtents(fork.extents, keep - 1, keep);
    if (last && allocation.isFresh(last)) this.#put(fork, size, new Uint8Array(keep * blockSize - size), false);
  }
}

/** Copies the blocks of one extent to others, as many. */
export function copyBlocks(device: BlockDevice, from: Extent, to: readonly Extent[], blockSize: number): void {
  const buffer = new Uint8Array(COPY_BYTES);
  let source = from.start * blockSize;
  for (const { start, count } of to)
    for (let at = 0; at < count * blockSize; at += COPY_BYTES) {
      const piece = buffer.subarray(0, Math.min(COPY_BYTES, count * blockSize - at));
      device.read(source, piece);
      device.write(start * blockSize + at, piece);
      source += piece.length;
    }
}

/** Most forks that are opened are those of new files. */
function isEmptyFork(view: DataView, at: number): boolean {
  return view.getUint32(at) === 0 && view.getUint32(at + 4) === 0 && view.getUint32(at + ForkData.at.totalBlocks) === 0;
}

function openKey(id: number, kind: ForkKind): number {
  return id * 2 + (kind === 'data' ? 0 : 1);
}

function owner(id: number, kind: ForkKind) {
  return { id, forkType: FORK_TYPE[kind] };
}

function forkAt(place: Place, kind: ForkKind): number {
  return place.at + (kind === 'data' ? CatalogFile.at.dataFork : CatalogFile.at.resourceFork);
}
