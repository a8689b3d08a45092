// Every rule of the format tested, phase by phase, without changing the device and without the driver's own tree code:
// a checker must not trust what it checks. Kinds of findings: kinds.ts and README.md beside this file.

import { type BlockDevice, type CheckOptions, CorruptError, type Finding, OverlayDevice } from '@tintype/core';
import { Journal } from '../journal.js';
import { CNID, ForkData, VOLUME_ATTRIBUTES, VolumeHeader } from '../structs/volume-header.js';
import { checkBitmap, markReserved } from './allocation.js';
import { AttributeCheck } from './attributes.js';
import { BlockMap } from './block-map.js';
import { checkTree, type TreeResult, treeRules } from './btree.js';
import { CatalogCheck } from './catalog.js';
import { ExtentCheck, forkName, Overflow, OverflowCheck, type Placed, readExtents } from './extents.js';
import { ForkFile } from './fork-file.js';
import { checkHierarchy } from './hierarchy.js';
import { checkJournal, checkJournalFiles, type JournalResult, NO_JOURNAL } from './journal.js';
import { LinkCheck } from './links.js';
import { Report } from './report.js';
import { CatalogTables } from './tables.js';
import type { LeafVisitor } from './tree-walk.js';
import {
  type CheckedHeader,
  checkFreeBlocks,
  checkHeaderCounts,
  checkHeaderFields,
  FORK_BLOCKS,
  FORK_CLUMP,
  field,
  readHeader,
} from './volume.js';

/**
 * Checks the volume that fills `device`; answers findings as they come, at most 1,000 and one that counts the rest.
 * Bad bytes are never an error here. A journal that waits to be replayed is no finding: the volume is judged as it will
 * be after the replay.
 *
 * @throws whatever `device.read` and `options.progress` throw
 */
export function* check(device: BlockDevice, options: CheckOptions): Generator<Finding> {
  const report = new Report();
  const journaled = openJournal(device, report);
  const header = readHeader(journaled.device, report);
  yield* report.take();
  if (!header) return;
  let phase = 0;
  const tick = () => options.progress?.(phase, PHASES);
  const run = new CheckRun(journaled.device, header, journaled.journal, report, tick);
  const phases = [
    () => checkHeaderFields(run.header, report),
    () => run.extentsTree(),
    () => run.specialForks(),
    () => run.catalog(),
    () => run.hierarchy(),
    () => run.attributes(),
    () => run.overflowOwners(),
    () => run.bitmap(),
  ];
  for (const work of phases) {
    tick();
    work();
    phase += 1;
    yield* report.take();
  }
  report.close();
  tick();
  yield* report.take();
}

/** The device as it is after a replay of its journal, which is made in memory. */
function openJournal(device: BlockDevice, report: Report): { device: BlockDevice; journal: JournalResult } {
  const before = readHeader(device, new Report());
  if (!before) return { device, journal: NO_JOURNAL };
  const journal = checkJournal(device, before, report);
  if (!journal.replayable) return { device, journal };
  const overlay = new OverlayDevice(device);
  try {
    Journal.open(device, VolumeHeader.read(before.view, 0))?.replay(overlay);
  } catch (error) {
    if (!(error instanceof CorruptError)) throw error;
    report.add('journal-transaction', 'journal', `it cannot be replayed: ${error.message}`);
    return { device, journal };
  }
  return { device: overlay, journal };
}

const PHASES = 8;

type SpecialName = 'allocationFile' | 'extentsFile' | 'catalogFile' | 'attributesFile' | 'startupFile';

const SPECIAL_ID: Readonly<Record<SpecialName, number>> = {
  allocationFile: CNID.allocationFile,
  extentsFile: CNID.extentsFile,
  catalogFile: CNID.catalogFile,
  attributesFile: CNID.attributesFile,
  startupFile: CNID.startupFile,
};

/** What the phases hand on to each other. */
class CheckRun {
  readonly #overflow = new Overflow();
  readonly #blocks = new BlockMap();
  readonly #tables = new CatalogTables();
  readonly #links: LinkCheck;
  readonly #extents: ExtentCheck;
  readonly #catalogRecords: CatalogCheck;
  readonly #files = new Map<SpecialName, ForkFile>();
  /** The whole catalog was read and understood. */
  #complete = false;

  constructor(
    private readonly device: BlockDevice,
    readonly header: CheckedHeader,
    private readonly journal: JournalResult,
    private readonly report: Report,
    private readonly tick: () => void,
  ) {
    const { blockSize, totalBlocks } = header;
    markReserved(this.#blocks, blockSize, totalBlocks);
    this.#extents = new ExtentCheck(blockSize, totalBlocks, this.#blocks, this.#overflow, report);
    this.#links = new LinkCheck(report);
    const caseSensitive = header.caseSensitiveAllowed;
    this.#catalogRecords = new CatalogCheck(this.#tables, this.#extents, this.#links, report, caseSensitive);
  }

  extentsTree(): void {
    const file = this.#open('extentsFile');
    const records = new OverflowCheck(this.#extents, this.report);
    const result = file && this.#tree('extents', file, (...record) => records.visit(...record));
    if (!result?.complete) this.#extents.complete = false;
    const spared = (field(this.header, VolumeHeader.at.attributes) & VOLUME_ATTRIBUTES.sparedBlocks) !== 0;
    const bad = this.#overflow.claim(CNID.badBlocks, 0) >= 0;
    if (spared === bad || !result?.complete) return;
    const message = bad
      ? 'there are bad blocks, but the bit 0x200 is not set'
      : 'the bit 0x200 is set without bad blocks';
    this.report.add('volume-spared-blocks', 'volume header', message);
  }

  specialForks(): void {
    for (const name of ['allocationFile', 'catalogFile', 'attributesFile', 'startupFile'] as const) this.#open(name);
  }

  catalog(): void {
    const file = this.#files.get('catalogFile');
    const records = this.#catalogRecords;
    const result = file && this.#tree('catalog', file, (...record) => records.visit(...record));
    this.#complete = (result?.complete ?? false) && this.#tables.complete;
    if (!result?.complete) this.#extents.complete = false;
    if (!this.#complete) return;
    if (!records.hasRoot) this.report.add('catalog-root', 'catalog', 'there is no record of the root folder (id 2)');
    checkHeaderCounts(this.header, this.#tables, this.report);
    const files = { journal: records.journalFile, info: records.journalInfoFile };
    if (this.journal.place) checkJournalFiles(this.header, this.journal.place, files, this.report);
  }

  hierarchy(): void {
    checkHierarchy(this.#tables, this.#complete, this.report);
    this.#links.finishFiles(this.#tables, this.#catalogRecords.rootCreateDate, this.#complete);
  }

  attributes(): void {
    const file = this.#files.get('attributesFile');
    const records = new AttributeCheck(this.#tables, this.#extents, this.#links, this.#complete, this.report);
    const absent = this.#blocksOf('attributesFile') === 0;
    const result = file && !absent ? this.#tree('attributes', file, (...record) => records.visit(...record)) : null;
    const complete = absent || (result?.complete ?? false);
    if (!complete) this.#extents.complete = false;
    records.finish(complete);
    this.#links.finishDirectories(this.#tables, this.#complete && complete);
  }

  /** Overflow records that no fork needs. */
  overflowOwners(): void {
    if (!this.#complete || !this.#extents.complete) return;
    this.#overflow.unclaimed((id, forkType, blocks) => {
      const place = `extents records of file ${id}, ${forkName(forkType)} fork`;
      this.report.add('overflow-owner', place, `no fork needs these ${blocks} blocks`);
    });
  }

  bitmap(): void {
    const file = this.#files.get('allocationFile');
    if (!file) return;
    const { totalBlocks } = this.header;
    const options = { totalBlocks, complete: this.#extents.complete };
    const free = checkBitmap(file, this.#blocks, options, this.report);
    if (free >= 0) checkFreeBlocks(this.header, free, this.report);
  }

  #blocksOf(name: SpecialName): number {
    return field(this.header, VolumeHeader.at[name] + FORK_BLOCKS);
  }

  /** Tests the fork of a special file and makes it readable; null if its extents are bad or there are none. */
  #open(name: SpecialName): ForkFile | null {
    const { view, blockSize } = this.header;
    const at = VolumeHeader.at[name];
    const id = SPECIAL_ID[name];
    const placed: Placed = { place: () => `${name} fork in the volume header` };
    if (this.#extents.fork(view, at, id, 0, placed) < 0) return null;
    const extents = readExtents(view, at + ForkData.at.extents);
    const file = new ForkFile(this.device, blockSize, [...extents, ...this.#overflow.specialExtents(id)]);
    this.#files.set(name, file);
    return file;
  }

  #tree(name: 'extents' | 'catalog' | 'attributes', file: ForkFile, visit: LeafVisitor): TreeResult | null {
    const { journaled, caseSensitiveAllowed } = this.header;
    const clumpSize = field(this.header, VolumeHeader.at[`${name}File`] + FORK_CLUMP);
    const rules = treeRules(name, caseSensitiveAllowed);
    return checkTree({ name, file, journaled, clumpSize, ...rules, visit, tick: this.tick }, this.report);
  }
}
