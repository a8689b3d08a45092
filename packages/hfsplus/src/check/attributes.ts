// Leaf records of the attributes tree (hfsplus.md 7, 8), and the flags of the catalog that tell of them.

import {
  ATTRIBUTE_TYPE,
  AttributeExtents,
  AttributeFork,
  AttributeInline,
  AttributeKey,
} from '../structs/attributes.js';
import { CNID, ForkData } from '../structs/volume-header.js';
import { forkBytes, isName } from './catalog.js';
import type { ExtentCheck, Placed } from './extents.js';
import type { LinkCheck } from './links.js';
import { shownName } from './names.js';
import type { Report } from './report.js';
import { type CatalogTables, SEEN } from './tables.js';
import { attributeKeys } from './tree-keys.js';

const SECURITY = 'com.apple.system.Security';
const COMPRESSION = 'com.apple.decmpfs';
const FIRST_LINK = 'com.apple.system.hfs.firstlink';
/** macOS ignores longer ones (xnu). */
const LONGEST_COMPRESSION = 3802;
/** `cmpf`, little endian. */
const COMPRESSION_MAGIC = 0x636d_7066;
const COMPRESSION_TYPES: readonly number[] = [1, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 0x8000_0001, 0x8000_0002];
/** Types whose data is in the resource fork. */
const IN_FORK: readonly number[] = [4, 8, 10, 12, 14];
const LONGEST_KEY = 270;

export class AttributeCheck implements Placed {
  #view: DataView = new DataView(new ArrayBuffer(0));
  #keyAt = 0;
  /** A value in blocks whose further extents may follow: its key, and what it has so far. */
  readonly #fork = { open: false, bad: false, stated: 0, size: 0, blocks: 0, place: '' };
  readonly #forkKey = new DataView(new ArrayBuffer(LONGEST_KEY));

  /** `complete`: the whole catalog was read, so an owner that is not in the tables does not exist. */
  constructor(
    private readonly tables: CatalogTables,
    private readonly extents: ExtentCheck,
    private readonly links: LinkCheck,
    private readonly complete: boolean,
    private readonly report: Report,
  ) {}

  place(): string {
    const id = this.#view.getUint32(this.#keyAt + AttributeKey.at.fileID);
    return `attribute ${shownName(this.#view, this.#keyAt + AttributeKey.at.attrNameLen)} of id ${id}`;
  }

  visit(view: DataView, keyAt: number, dataAt: number, endAt: number): void {
    this.#view = view;
    this.#keyAt = keyAt;
    const length = endAt - dataAt;
    const type = length >= 4 ? view.getUint32(dataAt) : 0;
    const start = view.getUint32(keyAt + AttributeKey.at.startBlock);
    if (type !== ATTRIBUTE_TYPE.extents) this.#closeFork();
    switch (type) {
      case ATTRIBUTE_TYPE.inline:
        this.#inline(view, dataAt, length);
        break;
      case ATTRIBUTE_TYPE.fork:
        this.#openFork(view, dataAt, length);
        break;
      case ATTRIBUTE_TYPE.extents:
        this.#moreExtents(view, dataAt, length, start);
        return;
      default:
        this.report.add('attribute-type', this.place(), `the record type is 0x${type.toString(16)}`);
    }
    if (start !== 0) this.report.add('attribute-key', this.place(), `the start block is ${start}, not 0`);
    this.#owner(view, keyAt);
  }

  /** After the last record. `complete`: all of the tree was read. */
  finish(complete: boolean): void {
    this.#closeFork();
    if (!complete) return;
    const { ids, seen } = this.tables;
    for (let row = 0; row < ids.count; row += 1) {
      const bits = seen.get(row);
      if ((bits & SEEN.record) === 0) continue;
      const place = `catalog id ${ids.ids.get(row)}`;
      if (((bits & SEEN.attributesFlag) !== 0) !== ((bits & SEEN.attribute) !== 0)) {
        const what =
          (bits & SEEN.attribute) !== 0 ? 'has attributes, but not the flag' : 'has no attribute, but the flag';
        this.report.add('attribute-flag', place, `the item ${what} 0x4`);
      }
      if (((bits & SEEN.securityFlag) !== 0) !== ((bits & SEEN.security) !== 0)) {
        const what =
          (bits & SEEN.security) !== 0 ? 'has an access list, but not the flag' : 'has no access list, but the flag';
        this.report.add('attribute-security-flag', place, `the item ${what} 0x8`);
      }
      if ((bits & SEEN.compressed) !== 0 && (bits & SEEN.compressionAttribute) === 0)
        this.report.add('attribute-compression', place, 'the file is flagged as compressed, but no attribute says how');
    }
  }

  #owner(view: DataView, keyAt: number): void {
    const id = view.getUint32(keyAt + AttributeKey.at.fileID);
    const row = this.tables.ids.find(id);
    if (row >= 0 && (this.tables.seen.get(row) & SEEN.record) !== 0) {
      const security = isName(view, keyAt + AttributeKey.at.attrNameLen, SECURITY) ? SEEN.security : 0;
      this.tables.seen.add(row, SEEN.attribute | security);
    } else if (this.complete && id >= CNID.firstUser)
      this.report.add('attribute-owner', this.place(), 'there is no file or folder of this id');
  }

  #inline(view: DataView, at: number, length: number): void {
    const size = length >= AttributeInline.size ? view.getUint32(at + AttributeInline.at.attrSize) : -1;
    const wanted = AttributeInline.size + size + (size % 2);
    if (size < 0 || length !== wanted) {
      this.report.add('attribute-length', this.place(), `a value of ${size} bytes is in a record of ${length}`);
      return;
    }
    const nameAt = this.#keyAt + AttributeKey.at.attrNameLen;
    const id = view.getUint32(this.#keyAt + AttributeKey.at.fileID);
    if (isName(view, nameAt, COMPRESSION)) this.#compression(view, at + AttributeInline.size, size, id);
    else if (isName(view, nameAt, FIRST_LINK))
      this.links.firstLink(id, firstLink(view, at + AttributeInline.size, size));
  }

  #compression(view: DataView, at: number, size: number, id: number): void {
    const problem = compressionProblem(view, at, size);
    if (problem !== '') {
      this.report.add('attribute-compression', this.place(), problem);
      // The item has its finding; that it is not compressed after all would be a second one for the same bytes.
    }
    const row = this.tables.ids.find(id);
    if (row < 0) return;
    this.tables.seen.add(row, SEEN.compressionAttribute);
    const seen = this.tables.seen.get(row);
    const inFork = problem === '' && IN_FORK.includes(view.getUint32(at + 4, true));
    if (inFork && (seen & SEEN.compressed) !== 0 && (seen & SEEN.resourceFork) === 0)
      this.report.add('attribute-compression', this.place(), 'the data should be in a resource fork, which is empty');
  }

  #openFork(view: DataView, at: number, length: number): void {
    if (length !== AttributeFork.size) {
      this.extents.complete = false;
      this.report.add('attribute-length', this.place(), `the record has ${length} bytes, not ${AttributeFork.size}`);
      return;
    }
    const forkAt = at + AttributeFork.at.theFork;
    const blocks = this.extents.record(view, forkAt + ForkData.at.extents, this);
    const fork = this.#fork;
    fork.open = true;
    fork.bad = blocks < 0;
    fork.blocks = blocks;
    fork.stated = view.getUint32(forkAt + ForkData.at.totalBlocks);
    fork.size = forkBytes(view, forkAt);
    fork.place = this.place();
    const keyLength = 2 + view.getUint16(this.#keyAt);
    for (let i = 0; i < keyLength; i += 1) this.#forkKey.setUint8(i, view.getUint8(this.#keyAt + i));
  }

  #moreExtents(view: DataView, at: number, length: number, start: number): void {
    const fork = this.#fork;
    if (length !== AttributeExtents.size) {
      this.extents.complete = false;
      fork.bad = true;
      this.report.add('attribute-length', this.place(), `the record has ${length} bytes, not ${AttributeExtents.size}`);
      return;
    }
    const blocks = this.extents.record(view, at + AttributeExtents.at.extents, this);
    this.#forkKey.setUint32(AttributeKey.at.startBlock, start);
    if (!fork.open || attributeKeys.compare(view, this.#keyAt, this.#forkKey, 0) !== 0) {
      this.report.add('attribute-extents', this.place(), 'the record has further extents of no value');
      return;
    }
    if (blocks < 0) fork.bad = true;
    if (fork.bad) return;
    if (start !== fork.blocks)
      this.report.add('attribute-extents', this.place(), `the record begins at block ${start}, not at ${fork.blocks}`);
    fork.blocks += blocks;
  }

  #closeFork(): void {
    const fork = this.#fork;
    if (fork.open && !fork.bad) {
      if (fork.stated !== fork.blocks)
        this.report.add(
          'fork-block-count',
          fork.place,
          `totalBlocks is ${fork.stated}, but its extents have ${fork.blocks}`,
        );
      if (fork.size > fork.blocks * this.extents.blockSize)
        this.report.add('fork-size', fork.place, `${fork.size} bytes do not fit in ${fork.blocks} blocks`);
    }
    fork.open = false;
  }
}

function compressionProblem(view: DataView, at: number, size: number): string {
  if (size < 16) return `the header has ${size} bytes, not 16`;
  if (size > LONGEST_COMPRESSION) return `${size} bytes are more than the ${LONGEST_COMPRESSION} that macOS reads`;
  if (view.getUint32(at, true) !== COMPRESSION_MAGIC) return 'the magic is not fpmc';
  const type = view.getUint32(at + 4, true);
  return COMPRESSION_TYPES.includes(type) ? '' : `the compression type is ${type}`;
}

/** Decimal digits and a NUL; 0 if it is not that. */
function firstLink(view: DataView, at: number, size: number): number {
  if (size < 2 || size > 11 || view.getUint8(at + size - 1) !== 0) return 0;
  let value = 0;
  for (let i = 0; i < size - 1; i += 1) {
    const digit = view.getUint8(at + i) - 0x30;
    if (digit < 0 || digit > 9) return 0;
    value = value * 10 + digit;
  }
  return value;
}
