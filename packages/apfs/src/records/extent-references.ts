// Who uses which blocks: one record for each stretch that was taken since the last snapshot, and changes of counts of what
// snapshots own. See docs/formats/apfs.md.

import { CorruptError } from '@tintype/core';
import { type Node, RecordBuffer } from '../btree/node.js';
import type { Tree } from '../btree/tree.js';
import { put64 } from '../object.js';
import { EXTENT_KIND, PhysicalExtentValue, RECORD_TYPE } from '../structs/records.js';
import type { Mounted } from '../writing/mounted.js';
import { KEY_HEADER, putKeyHeader } from './inode-record.js';

const at = PhysicalExtentValue.at;
const NO_OWNER = 0xffff_ffff;
const LAST_BLOCK = Number.MAX_SAFE_INTEGER;

interface Piece {
  readonly start: number;
  readonly count: number;
  readonly kind: number;
  readonly references: number;
  /** Low and high half of the owner. */
  readonly owner: readonly [number, number];
}

/** Blocks of one record, or a part of them. */
export type Use = Omit<Piece, 'kind'>;

export class ExtentReferences {
  readonly #volume: Mounted;
  readonly #record = new RecordBuffer();

  readonly #tree: Tree | null;

  /** `tree`: of a snapshot; else that of the volume as it is now. */
  constructor(volume: Mounted, tree: Tree | null = null) {
    this.#volume = volume;
    this.#tree = tree;
  }
  get #records(): Tree {
    return this.#tree ?? this.#volume.extentReferences;
  }

  /** Blocks just taken, used once. */
  add(start: number, count: number, owner: number): void {
    this.#add(start, count, halves(owner));
  }
  #add(start: number, count: number, owner: Piece['owner']): void {
    this.#insert({ start, count, kind: EXTENT_KIND.new, references: 1, owner });
    this.#volume.add('apfs_fs_alloc_count', count);
    this.#volume.add('apfs_total_blocks_alloced', count);
  }
  /** The record of the blocks before `start` grows over new ones, if these are `owner`'s and used once; else as `add`. */
  grow(start: number, count: number, owner: number): void {
    this.#grow(start, count, halves(owner));
  }
  #grow(start: number, count: number, owner: Piece['owner']): void {
    const tree = this.#records;
    this.#putKey(start);
    if (tree.floor(this.#record)) {
      const piece = this.#piece();
      const [low, high] = owner;
      const isIts = piece.owner[0] === low && piece.owner[1] === high && piece.kind === EXTENT_KIND.new;
      if (isIts && piece.start + piece.count === start && piece.references === 1) {
        this.#putLength(piece.count + count, piece.kind);
        this.#volume.add('apfs_fs_alloc_count', count);
        this.#volume.add('apfs_total_blocks_alloced', count);
        return;
      }
    }
    this.#add(start, count, owner);
  }
  /** One more stream uses these blocks. */
  take(start: number, count: number): void {
    this.#change(start, count, 1);
  }
  /** One stream less; blocks that nobody uses any more are free. */
  put(start: number, count: number): void {
    this.#change(start, count, -1);
  }

  /** The records of these blocks, cut at both ends. @throws CorruptError if there are gaps */
  uses(start: number, count: number): Use[] {
    const uses: Use[] = [];
    const end = start + count;
    this.#putKey(start);
    if (!this.#records.floor(this.#record)) this.#putKey(0);
    else this.#putKey(this.#piece().start);
    let next = start;
    this.#records.scan(this.#record, (leaf, index) => {
      const piece = pieceAt(leaf, index);
      if (piece.start >= end) return false;
      const last = Math.min(end, piece.start + piece.count);
      if (last <= next) return true;
      if (piece.start > next || piece.kind !== EXTENT_KIND.new) return false;
      uses.push({ start: next, count: last - next, references: piece.references, owner: piece.owner });
      next = last;
      return next < end;
    });
    if (next < end)
      throw new CorruptError('j_phys_ext_key', 'block', next, 'blocks that are moved belong to no record of their own');
    return uses;
  }
  /** What one of the users of `use` had there, it has from `to` on: `first`, or as others before it. */
  move({ start, count, owner }: Use, to: number, how: 'first' | 'shared'): void {
    if (how === 'first') this.#grow(to, count, owner);
    else this.take(to, count);
    this.put(start, count);
  }
  /** Another place for these blocks: what was said of them is said of as many from `to` on. Answers how many are this tree's own. */
  shift(start: number, count: number, to: number): number {
    const tree = this.#records;
    let own = 0;
    for (let block = start; block < start + count; ) {
      const piece = this.#cut(block, start + count);
      block += piece.count;
      if (piece.kind === 0) continue;
      this.#putKey(piece.start);
      tree.remove(this.#record);
      this.#insert({ ...piece, start: to + piece.start - start });
      if (piece.kind === EXTENT_KIND.new) own += piece.count;
    }
    return own;
  }
  /** All records, ascending. Nothing may be changed meanwhile. */
  each(visit: (piece: Omit<Piece, 'owner'>) => void): void {
    this.#putKey(0);
    this.#records.scan(this.#record, (leaf, index) => {
      visit(pieceAt(leaf, index));
      return true;
    });
  }
  /** The first block from `limit` on that is in a record, or null. */
  firstFrom(limit: number): number | null {
    let first: number | null = null;
    this.#putKey(limit);
    if (this.#records.floor(this.#record)) {
      const { start, count } = this.#piece();
      if (start + count > limit) return Math.max(start, limit);
    }
    this.#records.scan(this.#record, (leaf, index) => {
      first = blockAt(leaf.view, leaf.keyAt(index));
      return false;
    });
    return first;
  }
  /** The block behind the last that is in a record, or 0. */
  get end(): number {
    this.#putKey(LAST_BLOCK);
    if (!this.#records.floor(this.#record)) return 0;
    const { start, count } = this.#piece();
    return start + count;
  }

  /** All records of an older tree are put into this one, the next newer: the older one's snapshot goes. */
  merge(older: Tree): void {
    this.#putKey(0);
    older.scan(this.#record, (leaf, index) => {
      const piece = pieceAt(leaf, index);
      for (let block = piece.start; block < piece.start + piece.count; ) {
        const newer = this.#cut(block, piece.start + piece.count);
        this.#mergePiece({ ...piece, start: block, count: newer.count }, newer);
        block += newer.count;
      }
      return true;
    });
  }
  /** As `merge`, the other way round: all records of a newer tree are put into this one, which takes its place. */
  mergeNewer(newer: Tree): void {
    this.#putKey(0);
    newer.scan(this.#record, (leaf, index) => {
      const piece = pieceAt(leaf, index);
      for (let block = piece.start; block < piece.start + piece.count; ) {
        const older = this.#cut(block, piece.start + piece.count);
        if (older.kind === 0) this.#insert({ ...piece, start: block, count: older.count });
        else {
          requireUpdate(piece);
          this.#count(older, older.references + piece.references);
        }
        block += older.count;
      }
      return true;
    });
  }
  #mergePiece(older: Piece, newer: Piece): void {
    if (newer.kind === 0) {
      this.#insert(older);
      return;
    }
    requireUpdate(newer);
    this.#count({ ...newer, kind: older.kind }, older.references + newer.references);
    if (older.references + newer.references === 0 || older.kind !== EXTENT_KIND.new) return;
    this.#putKey(newer.start);
    this.#records.remove(this.#record);
    this.#insert({ ...newer, kind: older.kind, owner: older.owner, references: older.references + newer.references });
  }

  /** Frees all that was taken since the last snapshot. The tree itself is to be dropped. */
  freeAll(): void {
    this.#putKey(0);
    this.#records.scan(this.#record, (leaf, index) => {
      const piece = pieceAt(leaf, index);
      if (piece.kind === EXTENT_KIND.new) this.#free(piece);
      return true;
    });
  }

  #change(start: number, count: number, by: number): void {
    for (let block = start; block < start + count; ) {
      const piece = this.#cut(block, start + count);
      if (piece.kind === 0)
        this.#insert({ ...piece, kind: EXTENT_KIND.update, references: by, owner: [NO_OWNER, NO_OWNER] });
      else this.#count(piece, piece.references + by);
      block += piece.count;
    }
  }
  #count(piece: Piece, count: number): void {
    const tree = this.#records;
    this.#putKey(piece.start);
    if (count !== 0) {
      tree.find(this.#record);
      const leaf = tree.change();
      leaf.view.setInt32(leaf.valueAt(tree.index) + at.refcnt, count, true);
      return;
    }
    tree.remove(this.#record);
    // Blocks of an update belong to a snapshot.
    if (piece.kind === EXTENT_KIND.new) this.#free(piece);
  }
  #free({ start, count }: Piece): void {
    this.#volume.place.spaceman.free(start, count);
    this.#volume.add('apfs_fs_alloc_count', -count);
    this.#volume.add('apfs_total_blocks_freed', count);
  }

  /** The record that begins at `block` and does not pass `end`, cut so; kind 0: there is none, up to the next one. */
  #cut(block: number, end: number): Piece {
    const tree = this.#records;
    this.#putKey(block);
    if (tree.floor(this.#record)) {
      let piece = this.#piece();
      if (piece.start + piece.count > block) {
        if (piece.start < block) {
          this.#putLength(block - piece.start, piece.kind);
          piece = { ...piece, start: block, count: piece.start + piece.count - block };
          this.#insert(piece);
        }
        const rest = piece.start + piece.count - end;
        if (rest <= 0) return piece;
        this.#putKey(block);
        tree.find(this.#record);
        this.#putLength(end - block, piece.kind);
        this.#insert({ ...piece, start: end, count: rest });
        return { ...piece, count: end - block };
      }
    }
    if (!this.#volume.hasSnapshots && !this.#tree)
      throw new CorruptError(
        'j_phys_ext_key',
        'block',
        block,
        'blocks in use are in no record of the extent references',
      );
    let next = end;
    tree.scan(this.#record, (leaf, index) => {
      next = Math.min(end, blockAt(leaf.view, leaf.keyAt(index)));
      return false;
    });
    return { start: block, count: next - block, kind: 0, references: 0, owner: [0, 0] };
  }

  /** The record that the last search found. */
  #piece(): Piece {
    const { leaf, index } = this.#records;
    return pieceAt(leaf, index);
  }
  /** Changes the length of the record that the last search found. */
  #putLength(count: number, kind: number): void {
    const tree = this.#records;
    const leaf = tree.change();
    putLength(leaf.view, leaf.valueAt(tree.index), count, kind);
  }
  #insert({ start, count, kind, references, owner }: Piece): void {
    const { view } = this.#record;
    this.#putKey(start);
    putLength(view, KEY_HEADER, count, kind);
    view.setUint32(KEY_HEADER + at.owning_obj_id, owner[0], true);
    view.setUint32(KEY_HEADER + at.owning_obj_id + 4, owner[1], true);
    view.setInt32(KEY_HEADER + at.refcnt, references, true);
    this.#record.valueLength = PhysicalExtentValue.size;
    this.#records.insert(this.#record);
  }
  #putKey(block: number): void {
    putKeyHeader(this.#record.view, 0, block, RECORD_TYPE.extent);
    this.#record.keyLength = KEY_HEADER;
  }
}

/** What a later state says of blocks that an earlier one has. */
function requireUpdate({ kind, start }: Piece): void {
  if (kind !== EXTENT_KIND.update)
    throw new CorruptError('j_phys_ext_val', 'kind', start, 'blocks that a snapshot holds were taken again');
}

function pieceAt(leaf: Node, index: number): Piece {
  const { view } = leaf;
  const value = leaf.valueAt(index);
  if (leaf.valueLength(index) < PhysicalExtentValue.size)
    throw PhysicalExtentValue.corrupt(view, value, 'len_and_kind', 'the record is too short');
  const high = view.getUint32(value + at.len_and_kind + 4, true);
  const count = (high & 0x0fff_ffff) * 0x1_0000_0000 + view.getUint32(value + at.len_and_kind, true);
  const owner = [
    view.getUint32(value + at.owning_obj_id, true),
    view.getUint32(value + at.owning_obj_id + 4, true),
  ] as const;
  const start = blockAt(view, leaf.keyAt(index));
  return { start, count, kind: high >>> 28, references: view.getInt32(value + at.refcnt, true), owner };
}
function putLength(view: DataView, value: number, count: number, kind: number): void {
  put64(view, value + at.len_and_kind, count);
  const high = view.getUint32(value + at.len_and_kind + 4, true);
  view.setUint32(value + at.len_and_kind + 4, (high | (kind << 28)) >>> 0, true);
}
function blockAt(view: DataView, key: number): number {
  return (view.getUint32(key + 4, true) & 0x0fff_ffff) * 0x1_0000_0000 + view.getUint32(key, true);
}
function halves(owner: number): [number, number] {
  return [owner >>> 0, Math.floor(owner / 0x1_0000_0000)];
}
