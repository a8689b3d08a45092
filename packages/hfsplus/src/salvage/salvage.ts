// What can still be found of a volume: leaves of the trees' own files first, then, for what these do not answer for, leaves
// wherever they lie; paths from threads and parents.

import {
  type BlockDevice,
  type Finding,
  finding,
  type LostRange,
  OverlayDevice,
  type SalvagedVolume,
  type SalvageOptions,
  TintypeError,
} from '@tintype/core';
import type { KeyCompare } from '../btree/tree.js';
import type { Extent } from '../extent.js';
import { Journal } from '../journal.js';
import { toShown } from '../names.js';
import { compareAttributes, compareBinary, compareExtents, compareFolding } from '../records/keys.js';
import { KEY_COMPARE } from '../structs/btree.js';
import { FORK_TYPE } from '../structs/extents.js';
import { CNID } from '../structs/volume-header.js';
import { type BlockShape, type OverflowRecord, type Stretch, stretchesOf } from './forks.js';
import { type FoundItem, RANK } from './found-items.js';
import { FoundRecords } from './found-records.js';
import { type Geometry, readGeometry, treeForks } from './geometry.js';
import { geometryByJournal } from './guess.js';
import { findLandmarks, type Landmarks } from './header-nodes.js';
import { scanLeaves, type TreeName } from './leaves.js';
import { LIMITS } from './limits.js';
import { takenByNewer } from './overwritten.js';
import { hideOwnItems } from './own-items.js';
import { SalvagedHfsVolume } from './salvaged-volume.js';
import { SalvageSource } from './source.js';
import { TreeRemains } from './tree-remains.js';

const SECTOR = 512;

export function salvage(device: BlockDevice, options: SalvageOptions): readonly SalvagedVolume[] {
  return new Salvage(device, options).volumes();
}

class Salvage {
  readonly #device: BlockDevice;
  readonly #options: SalvageOptions;
  readonly #findings: Finding[] = [];
  readonly #records = new FoundRecords();
  #geometry: Geometry;
  /** Of a volume without a header. */
  #landmarks: Landmarks = { trees: new Map(), journals: [] };
  readonly #source: SalvageSource;

  constructor(device: BlockDevice, options: SalvageOptions) {
    this.#device = device;
    this.#options = options;
    this.#geometry = readGeometry(device, this.#findings);
    this.#source = new SalvageSource(this.#replayed(), device);
  }

  volumes(): SalvagedVolume[] {
    const trees = this.#readTrees();
    const damaged = [...trees].filter(([, tree]) => !tree.isWhole);
    if (damaged.length > 0) this.#scan(new Map(damaged));
    const { items } = this.#records;
    if (items.count === 0) return [];
    if (!this.#geometry.isCertain) this.#placeBlocks();
    const caseSensitive = this.#isSensitive(trees.get('catalog'));
    const taken = takenByNewer(this.#source, this.#records, this.#geometry);
    const remains = {
      source: this.#source,
      geometry: this.#geometry,
      records: this.#records,
      caseSensitive,
      overwritten: (id: number): readonly LostRange[] => taken.get(id) ?? [],
    };
    const volume = new SalvagedHfsVolume(remains);
    const threads = [...items.namesOnly()];
    items.settle(hideOwnItems(this.#source, this.#records));
    const shown = (item: FoundItem): string => volume.shownName(item);
    const namesOnly = threads.map(({ parent, name }) =>
      `${items.pathOf(parent, shown)}/${toShown(name)}`.replace('//', '/'),
    );
    return [
      {
        kind: 'hfs+',
        volume,
        lostFolder: volume.lostFolder,
        lost: (id) => volume.lost(id),
        namesOnly: namesOnly.sort(),
        findings: this.#findings.slice(0, LIMITS.findings),
      },
    ];
  }

  #placeBlocks(): void {
    const { journals } = this.#landmarks;
    this.#geometry = geometryByJournal(this.#source, this.#records, journals, this.#geometry);
    if (!this.#geometry.isCertain)
      this.#findings.push(
        finding('geometry', 'volume', 'nothing tells where its blocks begin, nor how large they are'),
      );
  }

  /** With what a cut left in the journal, in memory. */
  #replayed(): BlockDevice {
    const { header } = this.#geometry;
    if (!header) return this.#device;
    try {
      const journal = Journal.open(this.#device, header);
      if (!journal || journal.isEmpty) return this.#device;
      const overlay = new OverlayDevice(this.#device);
      journal.replay(overlay);
      return overlay;
    } catch (error) {
      if (!(error instanceof TintypeError)) throw error;
      this.#findings.push(
        finding('journal', 'journal', `the journal cannot be used: ${error.message}`, { severity: 'warning' }),
      );
      return this.#device;
    }
  }

  #readTrees(): Map<TreeName, TreeRemains> {
    const trees = new Map<TreeName, TreeRemains>();
    if (!this.#geometry.header) {
      this.#options.step?.('looking for the trees');
      this.#landmarks = findLandmarks(this.#source, (done) => this.#options.progress?.(done, this.#source.size));
    }
    for (const [name, id] of [
      ['extents', CNID.extentsFile],
      ['catalog', CNID.catalogFile],
      ['attributes', CNID.attributesFile],
    ] as const) {
      this.#options.step?.(`reading the ${name} tree`);
      const fork = treeForks(this.#geometry).get(id);
      if (this.#geometry.header && fork?.totalBlocks === 0) continue;
      const blockSize = this.#geometry.header ? this.#geometry.blockSize : SECTOR;
      const extents = this.#geometry.header ? this.#extentsOf(id) : this.#placeOf(name);
      const shape = (compare: KeyCompare) => ({ tree: name, compare, extents, blockSize });
      let tree = new TreeRemains(this.#source, shape(name === 'extents' ? compareExtents : compareAttributes));
      if (name === 'catalog') {
        tree = new TreeRemains(this.#source, shape(this.#isSensitive(tree) ? compareBinary : compareFolding));
      }
      tree.readFile((leaf) => this.#records.add(leaf, { rank: RANK.inTree, wants: () => true }));
      if (!tree.isWhole)
        this.#findings.push(finding('tree-damaged', name, `leaves of the ${name} tree are damaged or missing`));
      trees.set(name, tree);
    }
    return trees;
  }

  /** By the catalog's header node; the volume header tells only that it may be. */
  #isSensitive(catalog: TreeRemains | undefined): boolean {
    const { header, mayBeSensitive } = this.#geometry;
    const head = catalog?.head();
    return head ? head.keyCompareType === KEY_COMPARE.binary && (!header || mayBeSensitive) : mayBeSensitive;
  }

  /** In sectors. */
  #placeOf(tree: TreeName): Extent[] {
    const place = this.#landmarks.trees.get(tree);
    return place ? [{ start: place.start / SECTOR, count: place.length / SECTOR }] : [];
  }

  /** Where a tree's file lies, as far as records tell. */
  #extentsOf(id: number): Extent[] {
    const fork = treeForks(this.#geometry).get(id);
    if (!fork) return [];
    const overflow = id === CNID.extentsFile ? [] : this.#records.overflow(id, FORK_TYPE.data);
    const { blockSize } = this.#geometry;
    return extentsOfFork(fork.extents, overflow, this.#geometry).flatMap(({ at, length }) =>
      at === null ? [] : [{ start: at / blockSize, count: length / blockSize }],
    );
  }

  #scan(trees: ReadonlyMap<TreeName, TreeRemains>): void {
    this.#options.step?.('looking for leaves everywhere');
    const sizes = [...new Set([...trees.values()].flatMap((tree) => tree.sizes))];
    scanLeaves(
      this.#source,
      sizes,
      (leaf) => {
        const tree = trees.get(leaf.tree);
        if (!tree || (leaf.position !== null && tree.isWhole)) return;
        if (leaf.position !== null && tree.nodeSize !== null && tree.holds(leaf.position)) return;
        this.#records.add(leaf, { rank: RANK.elsewhere, wants: (view, at) => tree.misses(view, at) });
      },
      (done) => this.#options.progress?.(done, this.#source.size),
    );
  }
}

function extentsOfFork(
  extents: readonly { startBlock: number; blockCount: number }[],
  overflow: readonly OverflowRecord[],
  shape: BlockShape,
): Stretch[] {
  const view = new DataView(new ArrayBuffer(64));
  for (const [i, { startBlock, blockCount }] of extents.slice(0, 8).entries()) {
    view.setUint32(8 * i, startBlock);
    view.setUint32(8 * i + 4, blockCount);
  }
  return stretchesOf(view, 0, overflow, shape);
}
