// Forks, their extents and the overflow tree (hfsplus.md 2.1, 2.2): every extent is tested and its blocks are marked.

import { EXTENT_RECORD_SIZE, ExtentKey, FORK_TYPE } from '../structs/extents.js';
import { CNID, ExtentDescriptor, ForkData } from '../structs/volume-header.js';
import type { BlockMap } from './block-map.js';
import { u8Column, u32Column } from './id-table.js';
import type { Report } from './report.js';

/** Whoever holds a fork can say where it is; asked only when something is wrong. */
export interface Placed {
  place(): string;
}

const SLOTS = 8;

/** Everything that owns blocks goes through this one object. */
export class ExtentCheck {
  /** False once an extent had to be left out: then some marked blocks have an owner that is not known. */
  complete = true;
  /** Slots in use of the eight that `record` saw last. */
  slots = 0;
  /** Blocks that may still be marked: on a sound volume each once. It bounds the time that overlaps can cost. */
  #budget: number;

  constructor(
    readonly blockSize: number,
    readonly totalBlocks: number,
    readonly blocks: BlockMap,
    readonly overflow: Overflow,
    private readonly report: Report,
  ) {
    this.#budget = 2 * totalBlocks;
  }

  /** Tests and marks the eight extents at `at`; answers their blocks, or -1 with a finding. */
  record(view: DataView, at: number, owner: Placed): number {
    let sum = 0;
    let slots = 0;
    let ended = false;
    for (let i = 0; i < SLOTS; i += 1) {
      const start = view.getUint32(at + i * ExtentDescriptor.size);
      const count = view.getUint32(at + i * ExtentDescriptor.size + 4);
      if (count === 0 && start === 0) {
        ended = true;
        continue;
      }
      const problem = ended ? 'comes after an empty one' : this.#extentProblem(start, count);
      if (problem !== '') {
        this.report.add('extent-invalid', owner.place(), `extent ${i} (${start}, ${count} blocks) ${problem}`);
        this.complete = false;
        return -1;
      }
      this.#mark(start, count, owner);
      sum += count;
      slots += 1;
    }
    this.slots = slots;
    return sum;
  }

  /**
   * Tests a fork with its overflow records, and marks its blocks.
   * Answers the blocks that it has, or -1 if some of its extents are bad.
   */
  fork(view: DataView, at: number, id: number, forkType: number, owner: Placed): number {
    const stated = view.getUint32(at + ForkData.at.totalBlocks);
    let sum = this.record(view, at + ForkData.at.extents, owner);
    if (sum < 0) return -1;
    if (stated > sum) {
      const row = this.overflow.claim(id, forkType);
      if (row >= 0) {
        if (this.overflow.isBad(row)) return -1;
        const first = this.overflow.first(row);
        if (this.slots < SLOTS || first !== sum) {
          const message = `its overflow records begin at block ${first}, its own ${this.slots} extents end at ${sum}`;
          this.report.add('overflow-start', owner.place(), message);
        }
        sum += this.overflow.blocksOf(row);
      }
    }
    if (sum !== stated)
      this.report.add('fork-block-count', owner.place(), `totalBlocks is ${stated}, but its extents have ${sum}`);
    const size = view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
    const most = Math.max(sum, stated);
    if (size > most * this.blockSize)
      this.report.add('fork-size', owner.place(), `${size} bytes do not fit in ${most} blocks of ${this.blockSize}`);
    return sum;
  }

  #extentProblem(start: number, count: number): string {
    if (count === 0) return 'has a start, but no blocks';
    if (start === 0) return 'begins at block 0';
    return start + count > this.totalBlocks - 1 ? `reaches past the last usable block ${this.totalBlocks - 2}` : '';
  }

  #mark(start: number, count: number, owner: Placed): void {
    this.#budget -= count;
    if (this.#budget < 0) {
      this.complete = false;
      return;
    }
    const clash = this.blocks.mark(start, count);
    if (clash >= 0) this.report.add('extent-overlap', owner.place(), `block ${clash} has another owner too`);
  }
}

/** Overflow records of all forks, summed: they come in key order, so the rows are sorted. */
export class Overflow {
  readonly #ids = u32Column();
  readonly #forks = u8Column();
  readonly #first = u32Column();
  readonly #blocks = u32Column();
  readonly #state = u8Column();
  /** Extents (start and count by turns) of the special files, which must be read themselves. */
  readonly #special = new Map<number, number[]>();
  count = 0;

  first(row: number): number {
    return this.#first.get(row);
  }
  blocksOf(row: number): number {
    return this.#blocks.get(row);
  }
  isBad(row: number): boolean {
    return (this.#state.get(row) & BAD) !== 0;
  }
  specialExtents(id: number): readonly number[] {
    return this.#special.get(id) ?? [];
  }

  /** The row of a fork, or -1; it counts as owned from now on. */
  claim(id: number, forkType: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = this.#ids.get(middle) - id || this.#forks.get(middle) - forkType;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    if (low >= this.count || this.#ids.get(low) !== id || this.#forks.get(low) !== forkType) return -1;
    this.#state.add(low, CLAIMED);
    return low;
  }

  /** Takes a record; answers what is wrong with its start, or an empty string. */
  add(id: number, forkType: number, start: number, blocks: number, extents: readonly number[]): string {
    let row = this.count - 1;
    let problem = '';
    if (row < 0 || this.#ids.get(row) !== id || this.#forks.get(row) !== forkType) {
      row += 1;
      this.count += 1;
      this.#ids.set(row, id);
      this.#forks.set(row, forkType);
      this.#first.set(row, start);
    } else if (!this.isBad(row)) {
      const expected = this.first(row) + this.blocksOf(row);
      if (start !== expected) problem = `the record begins at block ${start} of the fork, not at ${expected}`;
    }
    if (blocks < 0) this.#state.add(row, BAD);
    else this.#blocks.set(row, this.blocksOf(row) + blocks);
    if (id < CNID.firstUser && blocks > 0) this.#keepSpecial(id, extents);
    return problem;
  }

  #keepSpecial(id: number, extents: readonly number[]): void {
    const list = this.#special.get(id);
    if (list) list.push(...extents);
    else this.#special.set(id, [...extents]);
  }

  /** Calls back for each fork that no record claimed. */
  unclaimed(visit: (id: number, forkType: number, blocks: number) => void): void {
    for (let row = 0; row < this.count; row += 1)
      if ((this.#state.get(row) & CLAIMED) === 0) visit(this.#ids.get(row), this.#forks.get(row), this.blocksOf(row));
  }
}

const CLAIMED = 1;
const BAD = 2;

/** Visits the leaves of the overflow tree. */
export class OverflowCheck implements Placed {
  #id = 0;
  #forkType = 0;
  #start = 0;

  constructor(
    private readonly extents: ExtentCheck,
    private readonly report: Report,
  ) {}

  place(): string {
    return `extents record of file ${this.#id}, ${forkName(this.#forkType)} fork, block ${this.#start}`;
  }

  visit(view: DataView, keyAt: number, dataAt: number, endAt: number): void {
    this.#id = view.getUint32(keyAt + ExtentKey.at.fileID);
    this.#forkType = view.getUint8(keyAt + ExtentKey.at.forkType);
    this.#start = view.getUint32(keyAt + ExtentKey.at.startBlock);
    const problem = this.#keyProblem(endAt - dataAt);
    if (problem !== '') {
      this.report.add('overflow-key', this.place(), problem);
      this.extents.complete = false;
      return;
    }
    const blocks = this.extents.record(view, dataAt, this);
    if (blocks === 0) this.report.add('overflow-empty', this.place(), 'the record has no extents');
    const list = this.#id < CNID.firstUser && blocks > 0 ? readExtents(view, dataAt) : [];
    const wrong = this.extents.overflow.add(this.#id, this.#forkType, this.#start, blocks, list);
    if (wrong !== '') this.report.add('overflow-start', this.place(), wrong);
  }

  #keyProblem(length: number): string {
    if (length !== EXTENT_RECORD_SIZE) return `the record has ${length} bytes, not ${EXTENT_RECORD_SIZE}`;
    if (this.#forkType !== FORK_TYPE.data && this.#forkType !== FORK_TYPE.resource)
      return `the fork type is ${this.#forkType}`;
    if (this.#id === CNID.extentsFile) return 'the extents file cannot have overflow extents';
    const special = this.#id >= CNID.catalogFile && this.#id <= CNID.attributesFile;
    if (this.#id < CNID.firstUser && !(special && this.#forkType === FORK_TYPE.data))
      return `${this.#id} is no file that can have overflow extents`;
    return '';
  }
}

export function forkName(forkType: number): string {
  return forkType === FORK_TYPE.data ? 'data' : 'resource';
}

/** Extents up to the first empty one, start and count by turns. */
export function readExtents(view: DataView, at: number): number[] {
  const list: number[] = [];
  for (let i = 0; i < SLOTS; i += 1) {
    const count = view.getUint32(at + i * ExtentDescriptor.size + 4);
    if (count === 0) break;
    list.push(view.getUint32(at + i * ExtentDescriptor.size), count);
  }
  return list;
}
