// Forks: their block counts, sizes and overflow records, and blocks that two of them claim. Sizes that do not go with the
// blocks are judged together: where both the size and the count say that extents are missing, nothing is changed.

import type { BlockDevice } from '@tintype/core';
import { ATTRIBUTE_TYPE, AttributeExtents, AttributeFork, AttributeKey } from '../structs/attributes.js';
import { CatalogFile } from '../structs/catalog.js';
import { FORK_TYPE } from '../structs/extents.js';
import { CNID, ForkData, VolumeHeader } from '../structs/volume-header.js';
import type { Acts } from './acts.js';
import { attributeName, attributeOwner } from './attributes.js';
import type { Headers, SpecialFork } from './headers.js';
import { forkBytes } from './item-fields.js';
import { idOf, itemKind, type LeafRecord } from './leaf-record.js';
import { type Continuation, Overflow, putSlot, type Slot, slotsAt } from './overflow.js';
import { type RepairCatalog, shown } from './repair-catalog.js';
import type { RepairTree } from './repair-tree.js';
import type { Space } from './space.js';

const SPECIAL_ID: Readonly<Record<SpecialFork, number>> = {
  allocationFile: CNID.allocationFile,
  extentsFile: CNID.extentsFile,
  catalogFile: CNID.catalogFile,
  attributesFile: CNID.attributesFile,
  startupFile: CNID.startupFile,
};

export interface ForkParts {
  readonly device: BlockDevice;
  readonly headers: Headers;
  readonly catalog: RepairCatalog;
  readonly attributes: RepairTree | null;
  readonly extents: RepairTree;
  readonly space: Space;
  readonly acts: Acts;
}

/** Who a fork belongs to, and where its `ForkData` lies. */
interface Fork {
  readonly view: DataView;
  readonly at: number;
  readonly id: number;
  readonly forkType: number;
  readonly place: string;
}

export class ForkMending {
  readonly #parts: ForkParts;
  readonly #overflow: Overflow;
  /** Extents of files whose blocks another fork had first. */
  readonly #clashes: { readonly slot: Slot; readonly place: string }[] = [];
  /** Blocks that may still be owned: each once on a sound volume. */
  #budget: number;
  /** Every extent could be read: what has no owner is free. */
  isComplete = true;

  constructor(parts: ForkParts) {
    this.#parts = parts;
    this.#overflow = new Overflow(parts.extents, parts.acts);
    this.#budget = 2 * parts.headers.totalBlocks;
  }

  run(): void {
    const { headers, catalog, attributes, acts } = this.#parts;
    for (const name of Object.keys(SPECIAL_ID) as SpecialFork[])
      this.#fork({
        view: headers.view,
        at: VolumeHeader.at[name],
        id: SPECIAL_ID[name],
        forkType: FORK_TYPE.data,
        place: name,
      });
    for (const { record } of this.#overflow.claim(CNID.badBlocks, FORK_TYPE.data))
      this.#own(record.view, record.data, '');
    for (const record of catalog.tree.sorted()) {
      if (itemKind(record) !== 'file' || !catalog.tree.has(record)) continue;
      const id = idOf(record);
      for (const [fork, forkType] of [
        [CatalogFile.at.dataFork, FORK_TYPE.data],
        [CatalogFile.at.resourceFork, FORK_TYPE.resource],
      ] as const)
        this.#fork({ view: record.view, at: record.data + fork, id, forkType, place: shown(record) });
    }
    if (attributes) this.#attributes(attributes);
    if (this.isComplete && catalog.isComplete && catalog.tree.lost + (attributes?.lost ?? 0) === 0)
      this.#overflow.removeUnclaimed(acts);
    this.#separate();
  }

  #fork(fork: Fork): void {
    const { view, at, id, forkType, place } = fork;
    if (!(place in SPECIAL_ID)) this.#closeGap(view, at, place);
    const own = this.#own(view, at + ForkData.at.extents, place);
    if (own < 0) return;
    const stated = view.getUint32(at + ForkData.at.totalBlocks);
    const continued = this.#continuations(fork, own, this.#overflow.claim(id, forkType));
    if (continued < 0) return;
    this.#mendSize(fork, stated, own + continued, continued > 0);
  }

  /** Extents that stand behind an empty one, where they are all that the fork has. */
  #closeGap(view: DataView, at: number, place: string): void {
    const slots = slotsAt(view, at + ForkData.at.extents);
    const used = slots.filter(({ start, count }) => start !== 0 || count !== 0);
    if (slots.slice(0, used.length).every(({ start, count }) => start !== 0 || count !== 0)) return;
    const sum = used.reduce((blocks, { count }) => blocks + count, 0);
    if (sum !== view.getUint32(at + ForkData.at.totalBlocks)) return;
    slots.forEach((slot, i) => {
      putSlot(slot, used[i]?.start ?? 0, used[i]?.count ?? 0);
    });
    this.#parts.acts.note('closed gaps between the extents of files', place);
  }

  /** Blocks of the overflow records, if they are the fork's; -1 if they leave a gap. */
  #continuations(fork: Fork, own: number, list: readonly Continuation[]): number {
    const { view, at, place } = fork;
    if (list.length === 0) return 0;
    const stated = view.getUint32(at + ForkData.at.totalBlocks);
    const isFull = slotsAt(view, at + ForkData.at.extents).every(({ count }) => count > 0);
    const needs = Math.ceil(forkBytes(view, at) / this.#parts.headers.blockSize);
    if (stated === own && needs <= own) {
      this.#overflow.remove(list);
      this.#parts.acts.note('removed overflow records that no file needs', place);
      return 0;
    }
    let blocks = 0;
    let isGapless = isFull;
    for (const { record, start } of list) {
      isGapless &&= start === own + blocks;
      const more = this.#own(record.view, record.data, place);
      if (more < 0) return -1;
      blocks += more;
    }
    return isGapless ? blocks : -1;
  }

  /** `blocks`: what the extents hold. */
  #mendSize({ view, at, place }: Fork, stated: number, blocks: number, isContinued: boolean): void {
    const { headers, acts } = this.#parts;
    const size = forkBytes(view, at);
    const needs = Math.ceil(size / headers.blockSize);
    if (stated !== blocks) {
      // Both the size and the count say that extents are missing: what they were, nobody knows.
      if (needs > blocks && stated > blocks) {
        this.isComplete = false;
        return;
      }
      if (stated < blocks && needs <= stated && stated > 0 && !isContinued) this.#trim(view, at, stated);
      else view.setUint32(at + ForkData.at.totalBlocks, blocks);
      acts.note('brought the number of blocks of files and their extents together', place);
    }
    const now = view.getUint32(at + ForkData.at.totalBlocks);
    if (needs <= now) return;
    const bytes = now * headers.blockSize;
    view.setUint32(at + ForkData.at.logicalSize, Math.floor(bytes / 0x1_0000_0000));
    view.setUint32(at + ForkData.at.logicalSize + 4, bytes % 0x1_0000_0000);
    acts.note('cut the size of files to the blocks that they have', place);
  }

  /** The extents end where the count says: what they have beyond holds none of the file's bytes. */
  #trim(view: DataView, at: number, blocks: number): void {
    let left = blocks;
    for (const slot of slotsAt(view, at + ForkData.at.extents)) {
      const count = Math.min(left, slot.count);
      putSlot(slot, count === 0 ? 0 : slot.start, count);
      left -= count;
    }
  }

  /** Takes the blocks of eight extents; answers how many, or -1 if one of them cannot be. */
  #own(view: DataView, at: number, place: string): number {
    let sum = 0;
    let hasEnded = false;
    for (const slot of slotsAt(view, at)) {
      const { start, count } = slot;
      if (start === 0 && count === 0) {
        hasEnded = true;
        continue;
      }
      const isBad = hasEnded || start === 0 || count === 0 || start + count > this.#parts.headers.totalBlocks - 1;
      this.#budget -= count;
      if (isBad || this.#budget < 0) {
        this.isComplete = false;
        return -1;
      }
      if (!this.#parts.space.own(slot) && place !== '') this.#clashes.push({ slot, place });
      sum += count;
    }
    return sum;
  }

  #attributes(tree: RepairTree): void {
    let open: { readonly fork: Fork; readonly name: string; blocks: number; readonly stated: number } | null = null;
    const close = () => {
      if (open && open.blocks >= 0) this.#mendSize(open.fork, open.stated, open.blocks, true);
      open = null;
    };
    for (const record of tree.sorted()) {
      const { view, data, end, key } = record;
      const type = end - data >= 4 ? view.getUint32(data) : 0;
      const place = `attribute ${JSON.stringify(attributeName(record))} of id ${attributeOwner(record)}`;
      const name = `${attributeOwner(record)} ${attributeName(record)}`;
      if (type === ATTRIBUTE_TYPE.fork && end - data === AttributeFork.size) {
        close();
        const at = data + AttributeFork.at.theFork;
        const blocks = this.#own(view, at + ForkData.at.extents, place);
        const stated = view.getUint32(at + ForkData.at.totalBlocks);
        open = { fork: { view, at, id: 0, forkType: 0, place }, name, blocks, stated };
      } else if (type === ATTRIBUTE_TYPE.extents && end - data === AttributeExtents.size) {
        const more = this.#own(view, data + AttributeExtents.at.extents, place);
        const start = view.getUint32(key + AttributeKey.at.startBlock);
        if (!open || open.name !== name) continue;
        open.blocks = more < 0 || open.blocks !== start ? -1 : open.blocks + more;
      } else close();
    }
    close();
  }

  /** Of two forks that claim the same blocks the later one gets a copy of its own. */
  #separate(): void {
    const { device, space, headers, acts } = this.#parts;
    const { blockSize } = headers;
    for (const { slot, place } of this.#clashes) {
      if (place in SPECIAL_ID) continue;
      // It may have been cut since.
      const count = slot.view.getUint32(slot.at + 4);
      if (count === 0 || slot.view.getUint32(slot.at) !== slot.start) continue;
      const run = space.take(count);
      if (!run) {
        acts.note('left blocks that two files claim as they are: the volume has no room for a copy', place);
        continue;
      }
      const piece = new Uint8Array(blockSize);
      for (let i = 0; i < count; i += 1) {
        device.read((slot.start + i) * blockSize, piece);
        device.write((run.start + i) * blockSize, piece);
      }
      putSlot(slot, run.start, count);
      acts.note(
        'gave files whose blocks another one claims too a copy of their own: one of the two is not whole',
        place,
      );
    }
  }
}

/** The blocks that all forks own, as they are now. */
export function ownBlocks(
  parts: Pick<ForkParts, 'headers' | 'catalog' | 'attributes' | 'extents'>,
  space: Space,
): void {
  const own = (view: DataView, at: number) => {
    for (const slot of slotsAt(view, at)) {
      const isSound = slot.start > 0 && slot.count > 0 && slot.start + slot.count < parts.headers.totalBlocks;
      if (isSound) space.own(slot);
    }
  };
  const { headers, catalog, attributes, extents } = parts;
  for (const name of Object.keys(SPECIAL_ID) as SpecialFork[])
    own(headers.view, VolumeHeader.at[name] + ForkData.at.extents);
  for (const record of extents.live()) own(record.view, record.data);
  for (const record of catalog.tree.live()) {
    if (itemKind(record) !== 'file') continue;
    for (const fork of [CatalogFile.at.dataFork, CatalogFile.at.resourceFork])
      own(record.view, record.data + fork + ForkData.at.extents);
  }
  for (const record of attributes?.live() ?? []) ownAttribute(record, own);
}

function ownAttribute({ view, data, end }: LeafRecord, own: (view: DataView, at: number) => void): void {
  const type = end - data >= 4 ? view.getUint32(data) : 0;
  if (type === ATTRIBUTE_TYPE.fork && end - data === AttributeFork.size)
    own(view, data + AttributeFork.at.theFork + ForkData.at.extents);
  if (type === ATTRIBUTE_TYPE.extents && end - data === AttributeExtents.size)
    own(view, data + AttributeExtents.at.extents);
}
