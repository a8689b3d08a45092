// Mends a volume: everything that follows from what is there. Nothing is guessed: what two readings would explain stays
// as it is, and the check goes on naming it. See README.md beside this file.
//
// Invariants: a volume without findings is not touched; contents, names, attributes and dates of what is whole stay; a
// record that only changes stays where it is, any other change of a tree makes that tree anew.

import { assert, type BlockDevice, type RepairOptions, VolumeFullError } from '@tintype/core';
import { check } from '../check/check.js';
import { ForkFile } from '../check/fork-file.js';
import { EXTENT_RECORD_SIZE, ExtentKey } from '../structs/extents.js';
import { CNID, ForkData, VolumeHeader } from '../structs/volume-header.js';
import { Acts } from './acts.js';
import { FirstLinks, mendAttributes, removeDoubles } from './attributes.js';
import { mendBitmap } from './bitmap.js';
import { ForkMending, ownBlocks } from './forks.js';
import { mendHeaderFields } from './header-fields.js';
import { Headers, type SpecialFork } from './headers.js';
import { mendCounts, mendFields } from './item-fields.js';
import { mendItems } from './items.js';
import { mendJournalFiles, mendMountMarks, settleJournal } from './journal.js';
import { mendLinks } from './links.js';
import { slotsAt } from './overflow.js';
import { RepairCatalog } from './repair-catalog.js';
import { RepairTree } from './repair-tree.js';
import { Space } from './space.js';
import type { TreeName } from './tree-data.js';

/** What one round makes readable, the next one can mend. */
const ROUNDS = 4;

/**
 * Mends the volume that fills `device`, and answers what was done. @throws VolumeFullError if a tree must become longer
 * and there is no room
 */
export function repair(device: BlockDevice, options: RepairOptions): readonly string[] {
  const acts = new Acts();
  for (let round = 0; round < ROUNDS; round += 1) {
    options.progress?.(round, ROUNDS);
    if (isSound(device, options)) break;
    const before = acts.total;
    new Round(device, options, acts).run();
    if (acts.total === before) break;
  }
  options.progress?.(ROUNDS, ROUNDS);
  return acts.sentences();
}

function isSound(device: BlockDevice, { progress }: RepairOptions): boolean {
  const parts = progress ? { progress: () => progress(0, ROUNDS) } : {};
  return check(device, parts)[Symbol.iterator]().next().done === true;
}

class Round {
  readonly #device: BlockDevice;
  readonly #options: RepairOptions;
  readonly #acts: Acts;

  constructor(device: BlockDevice, options: RepairOptions, acts: Acts) {
    this.#device = device;
    this.#options = options;
    this.#acts = acts;
  }

  run(): void {
    const first = Headers.choose(this.#device, new Acts());
    if (!first) return;
    settleJournal(this.#device, first, this.#acts);
    const headers = Headers.choose(this.#device, this.#acts);
    if (!headers) return;
    mendMountMarks(headers, this.#acts);
    this.#contents(headers);
    headers.write(this.#acts);
  }

  #contents(headers: Headers): void {
    const acts = this.#acts;
    const extents = this.#read(headers, 'extents', null);
    const catalogTree = extents && this.#read(headers, 'catalog', extents);
    if (!extents || !catalogTree) return;
    const hasAttributes = headers.get(VolumeHeader.at.attributesFile + ForkData.at.totalBlocks) > 0;
    const attributes = hasAttributes ? this.#read(headers, 'attributes', extents) : null;
    for (const tree of [extents, catalogTree, attributes])
      if (tree && tree.lost > 0) acts.note(`lost what stood in parts of the ${tree.name} tree that cannot be read`);
    const catalog = new RepairCatalog(catalogTree, acts, {
      now: this.#options.now,
      nextId: headers.get(VolumeHeader.at.nextCatalogID),
      caseSensitive: headers.caseSensitiveAllowed,
    });
    removeDoubles(extents, acts);
    mendItems(catalog);
    mendLinks(catalog, attributes && new FirstLinks(attributes));
    mendFields(catalog, headers.caseSensitiveAllowed);
    if (attributes) mendAttributes(attributes, catalog);
    mendJournalFiles(this.#device, headers, catalog);
    const space = new Space(headers.blockSize, headers.totalBlocks);
    const forks = new ForkMending({ device: this.#device, headers, catalog, attributes, extents, space, acts });
    forks.run();
    mendCounts(catalog);
    for (const tree of [extents, catalogTree, attributes]) if (tree) this.#write(headers, tree, extents, space);
    const isComplete = forks.isComplete && catalog.isComplete && hasAttributes === (attributes !== null);
    this.#sums(headers, { catalog, attributes, extents }, isComplete);
  }

  #sums(
    headers: Headers,
    trees: { catalog: RepairCatalog; attributes: RepairTree | null; extents: RepairTree },
    isComplete: boolean,
  ): void {
    const { totalBlocks, blockSize } = headers;
    let bitmap = this.#file(headers, 'allocationFile', trees.extents);
    const isTooShort = bitmap === null || bitmap.size * 8 < totalBlocks;
    if (isTooShort && isComplete) clearFork(headers, 'allocationFile');
    const space = new Space(blockSize, totalBlocks);
    ownBlocks({ headers, ...trees }, space);
    if (isTooShort && isComplete) {
      newBitmap(headers, space, this.#acts);
      bitmap = this.#file(headers, 'allocationFile', trees.extents);
    }
    const freeBlocks = bitmap ? mendBitmap(bitmap, this.#device, space, { totalBlocks, isComplete }, this.#acts) : -1;
    let hasBadBlocks = false;
    for (const { view, key } of trees.extents.live())
      if (view.getUint32(key + ExtentKey.at.fileID) === CNID.badBlocks) hasBadBlocks = true;
    mendHeaderFields(headers, trees.catalog, { freeBlocks, hasBadBlocks });
  }

  #read(headers: Headers, name: TreeName, extents: RepairTree | null): RepairTree | null {
    const file = this.#file(headers, `${name}File`, extents);
    if (!file) return null;
    const { isJournaled: journaled, caseSensitiveAllowed } = headers;
    const clumpSize = headers.get(VolumeHeader.at[`${name}File`] + ForkData.at.clumpSize);
    return RepairTree.read({ name, file, journaled, caseSensitiveAllowed, clumpSize });
  }

  /** A special file as bytes; null if it has no extents, or such as cannot be. */
  #file(headers: Headers, name: SpecialFork, extents: RepairTree | null): ForkFile | null {
    const list = slotsAt(headers.view, VolumeHeader.at[name] + ForkData.at.extents).map(({ start, count }) => ({
      start,
      count,
    }));
    const ids = {
      allocationFile: CNID.allocationFile,
      catalogFile: CNID.catalogFile,
      attributesFile: CNID.attributesFile,
    };
    const id = name in ids ? ids[name as keyof typeof ids] : 0;
    for (const { view, key, data, end } of extents?.sorted() ?? [])
      if (id !== 0 && view.getUint32(key + ExtentKey.at.fileID) === id && end - data === EXTENT_RECORD_SIZE)
        list.push(...slotsAt(view, data));
    const used = list.filter(({ start, count }) => start !== 0 || count !== 0);
    if (used.some(({ start, count }) => start === 0 || count === 0 || start + count >= headers.totalBlocks))
      return null;
    if (used.length === 0) return null;
    return new ForkFile(
      this.#device,
      headers.blockSize,
      used.flatMap(({ start, count }) => [start, count]),
    );
  }

  #write(headers: Headers, tree: RepairTree, extents: RepairTree, space: Space): void {
    const name = `${tree.name}File` as const;
    let file = this.#file(headers, name, tree.name === 'extents' ? null : extents);
    assert(file !== null, 'a tree that was read has a file');
    for (let needed = tree.nodesNeeded(); needed * tree.form.nodeSize > file.size; needed += 1) {
      grow(headers, name, needed * tree.form.nodeSize - file.size, tree.form.nodeSize, space);
      file = this.#file(headers, name, tree.name === 'extents' ? null : extents);
      assert(file !== null, 'a tree that has grown has a file');
    }
    tree.write(file, this.#device, this.#acts);
  }
}

/** Adds blocks to a special file, behind its last ones or in a free slot of its eight. @throws VolumeFullError */
function grow(headers: Headers, name: SpecialFork, bytes: number, nodeSize: number, space: Space): void {
  const { blockSize } = headers;
  const at = VolumeHeader.at[name];
  const count = Math.ceil(Math.ceil(bytes / nodeSize) * (nodeSize / blockSize));
  const slots = slotsAt(headers.view, at + ForkData.at.extents);
  const used = slots.filter((slot) => slot.count > 0);
  const last = used.at(-1);
  const after = last ? last.start + last.count : 1;
  const run = space.take(Math.max(1, count), after);
  const isContiguous = last !== undefined && run !== null && run.start === after;
  const slot = isContiguous ? last : slots[used.length];
  const stated = headers.get(at + ForkData.at.totalBlocks);
  const isWhole = used.reduce((sum, each) => sum + each.count, 0) === stated;
  if (!run || !slot || !isWhole) throw new VolumeFullError(bytes, 0);
  headers.view.setUint32(slot.at, isContiguous ? slot.start : run.start);
  headers.view.setUint32(slot.at + 4, isContiguous ? slot.count + run.count : run.count);
  headers.set(at + ForkData.at.totalBlocks, stated + run.count);
  const size = (stated + run.count) * blockSize;
  headers.set(at + ForkData.at.logicalSize, Math.floor(size / 0x1_0000_0000));
  headers.set(at + ForkData.at.logicalSize + 4, size % 0x1_0000_0000);
}

function clearFork(headers: Headers, name: SpecialFork): void {
  const at = VolumeHeader.at[name];
  for (let i = 0; i < ForkData.size; i += 4) if (i !== ForkData.at.clumpSize) headers.set(at + i, 0);
}

/** Blocks for a bitmap that is gone; its content is the caller's. @throws VolumeFullError */
function newBitmap(headers: Headers, space: Space, acts: Acts): void {
  const bytes = Math.ceil(headers.totalBlocks / 8);
  const run = space.take(Math.ceil(bytes / headers.blockSize));
  if (!run) throw new VolumeFullError(bytes, 0);
  const at = VolumeHeader.at.allocationFile;
  headers.set(at + ForkData.at.extents, run.start);
  headers.set(at + ForkData.at.extents + 4, run.count);
  headers.set(at + ForkData.at.totalBlocks, run.count);
  headers.set(at + ForkData.at.logicalSize + 4, run.count * headers.blockSize);
  acts.note('gave the map of used blocks new room: its own was too short');
}
