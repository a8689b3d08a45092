// Data that lies behind a block of the container goes before it: of files and of long extended attributes, the volume's own
// and not a snapshot's.
//
// Invariant: after each record that is moved the trees are sound, so a commit may come between any two. Blocks that several
// streams share are copied once: the first stream to be met moves them, the others follow when their records come.

import { assert, type BlockDevice, VolumeFullError } from '@tintype/core';
import { get64, put64 } from '../object.js';
import { extentPlace } from '../records/extent-place.js';
import { ExtentReferences, type Use } from '../records/extent-references.js';
import { KEY_HEADER } from '../records/inode-record.js';
import { BLOCK_SIZE } from '../structs/container.js';
import { FileExtentValue, RECORD_TYPE } from '../structs/records.js';
import { Catalog, idAt } from './catalog.js';
import { type Extent, pushExtent } from './extent.js';
import type { Mounted } from './mounted.js';
import { MovedBlocks } from './moved-blocks.js';

const at = FileExtentValue.at;
const COPY_BYTES = 1 << 20;
/** Records looked for at once. */
const BATCH = 256;

/** A record of the file-system tree that says where a part of a stream lies. */
interface ExtentRecord extends Extent {
  readonly stream: number;
  /** Bytes from the start of the stream. */
  readonly position: number;
  readonly flags: number;
  readonly cryptoId: number;
}

/** Blocks that lie elsewhere from now on. */
interface Move {
  readonly use: Use;
  readonly to: number;
  readonly how: 'first' | 'shared';
}

export class DataMover {
  readonly #volume: Mounted;
  readonly #catalog: Catalog;
  readonly #references: ExtentReferences;
  readonly #limit: number;
  readonly #shared = new MovedBlocks();

  constructor(volume: Mounted, limit: number) {
    this.#volume = volume;
    this.#catalog = new Catalog(volume);
    this.#references = new ExtentReferences(volume);
    this.#limit = limit;
  }

  /** One scan of the file-system tree. `between` is called after each record and may commit. @throws VolumeFullError */
  run(between: () => void, commit: () => void): void {
    if (this.#references.firstFrom(this.#limit) === null) return;
    let next: Pick<ExtentRecord, 'stream' | 'position'> | undefined = { stream: 0, position: 0 };
    while (next) {
      const records = this.#recordsFrom(next);
      for (const record of records) {
        try {
          this.#move(record);
        } catch (error) {
          // What was freed since the last commit may be all that is missing.
          if (!(error instanceof VolumeFullError)) throw error;
          commit();
          this.#move(record);
        }
        between();
      }
      const last = records.at(-1);
      next = records.length < BATCH || !last ? undefined : { ...last, position: last.position + BLOCK_SIZE };
    }
  }

  #recordsFrom({ stream, position }: Pick<ExtentRecord, 'stream' | 'position'>): ExtentRecord[] {
    const found: ExtentRecord[] = [];
    this.#catalog.putKey(stream, RECORD_TYPE.fileExtent, position);
    this.#catalog.tree.scan(this.#catalog.record, (leaf, index) => {
      const place = extentPlace(leaf, index, this.#volume.place.spaceman.blocks);
      if (!place || place.start + place.count <= this.#limit) return true;
      const { view } = leaf;
      const key = leaf.keyAt(index);
      const { start, count, flags, value } = place;
      found.push({
        stream: idAt(view, key),
        position: get64(view, key + KEY_HEADER),
        start,
        count,
        flags,
        cryptoId: get64(view, value + at.crypto_id),
      });
      return found.length < BATCH;
    });
    return found;
  }

  /** @throws VolumeFullError, with nothing changed */
  #move(record: ExtentRecord): void {
    const kept = Math.max(0, this.#limit - record.start);
    const uses = this.#references.uses(record.start + kept, record.count - kept);
    const moves = this.#plan(uses);
    const extents: Extent[] = [];
    pushExtent(extents, { start: record.start, count: kept });
    for (const { use, to, how } of moves) {
      if (how === 'first') copyBlocks(this.#volume.place.device, use, to);
      pushExtent(extents, { start: to, count: use.count });
    }
    for (const { use, to, how } of moves) {
      this.#references.move(use, to, how);
      if (how === 'first' && use.references > 1) this.#shared.add(use.start, use.count, to);
    }
    this.#putRecords(record, extents);
  }

  /** Where the blocks go: to where another stream took them, or to free ones. @throws VolumeFullError */
  #plan(uses: readonly Use[]): Move[] {
    const parts = uses.flatMap((use) => this.#known(use));
    const wanted = parts.reduce((sum, { use, to }) => sum + (to === null ? use.count : 0), 0);
    const free = this.#take(wanted, parts.length);
    const moves: Move[] = [];
    for (const { use, to } of parts) {
      if (to !== null) moves.push({ use, to, how: 'shared' });
      else moves.push(...fill(use, free));
    }
    return moves;
  }
  #known(use: Use): { readonly use: Use; readonly to: number | null }[] {
    const parts: { use: Use; to: number | null }[] = [];
    for (let done = 0; done < use.count; ) {
      const start = use.start + done;
      const { count, to } = this.#shared.find(start, use.count - done);
      parts.push({ use: { ...use, start, count }, to });
      done += count;
    }
    return parts;
  }

  /** Free blocks, with room for the records of all their pieces and of `parts` others. @throws VolumeFullError */
  #take(wanted: number, parts: number): Extent[] {
    const { spaceman } = this.#volume.place;
    this.#require(parts, wanted);
    const extents = wanted > 0 ? spaceman.take(wanted) : [];
    try {
      this.#require(parts + extents.length, 0);
    } catch (error) {
      for (const { start, count } of extents) spaceman.free(start, count);
      throw error;
    }
    return extents;
  }
  #require(pieces: number, data: number): void {
    this.#volume.require({ catalog: 2, bytes: 60 * pieces, references: 2 * pieces + 2, data }, 'removal');
  }

  /** Another record, or several, say where this part of the stream lies. */
  #putRecords(record: ExtentRecord, extents: readonly Extent[]): void {
    let { position } = record;
    for (const extent of extents) {
      const isThere = position === record.position;
      this.#putRecord({ ...record, ...extent, position }, isThere ? 'replace' : 'insert');
      position += extent.count * BLOCK_SIZE;
    }
    this.#volume.changed = true;
  }
  #putRecord({ stream, position, start, count, flags, cryptoId }: ExtentRecord, how: 'insert' | 'replace'): void {
    const { record, tree } = this.#catalog;
    this.#catalog.putKey(stream, RECORD_TYPE.fileExtent, position);
    const value = record.keyLength;
    const { view } = record;
    put64(view, value + at.len_and_flags, count * BLOCK_SIZE);
    const high = value + at.len_and_flags + 4;
    view.setUint32(high, (view.getUint32(high, true) | (flags << 24)) >>> 0, true);
    put64(view, value + at.phys_block_num, start);
    put64(view, value + at.crypto_id, cryptoId);
    record.valueLength = FileExtentValue.size;
    tree[how](record);
  }
}

/** Takes the blocks of `use` from the front of `free`. */
function fill(use: Use, free: Extent[]): Move[] {
  const moves: Move[] = [];
  for (let done = 0; done < use.count; ) {
    const [first] = free;
    assert(first !== undefined, 'as many blocks were taken as are moved');
    const count = Math.min(first.count, use.count - done);
    moves.push({ use: { ...use, start: use.start + done, count }, to: first.start, how: 'first' });
    if (count < first.count) free[0] = { start: first.start + count, count: first.count - count };
    else free.shift();
    done += count;
  }
  return moves;
}

/** Copies blocks to others. */
export function copyBlocks(device: BlockDevice, { start, count }: Extent, to: number): void {
  const buffer = new Uint8Array(Math.min(COPY_BYTES, count * BLOCK_SIZE));
  for (let done = 0; done < count * BLOCK_SIZE; done += buffer.length) {
    const part = buffer.subarray(0, Math.min(buffer.length, count * BLOCK_SIZE - done));
    device.read(start * BLOCK_SIZE + done, part);
    device.write(to * BLOCK_SIZE + done, part);
  }
}
