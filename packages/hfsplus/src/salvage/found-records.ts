// Everything that leaves told, by tree. What records hold is read again when it is wanted: there are millions of them.

import { readName } from '../records/catalog-records.js';
import { AttributeKey } from '../structs/attributes.js';
import { CatalogFile, CatalogThread, RECORD_TYPE } from '../structs/catalog.js';
import { EXTENT_RECORD_SIZE, ExtentKey } from '../structs/extents.js';
import { FILE_LINKS_FOLDER } from '../structs/hard-links.js';
import type { OverflowRecord } from './forks.js';
import { FoundItems, type RecordPlace } from './found-items.js';
import type { Leaf } from './leaves.js';
import { LIMITS } from './limits.js';

export interface LeafUse {
  /** `RANK`. */
  readonly rank: number;
  /** Which records are wanted: those that better leaves do not answer for. */
  readonly wants: (view: DataView, at: number) => boolean;
}

interface RankedOverflow extends OverflowRecord {
  readonly rank: number;
}
interface RankedRecord {
  readonly rank: number;
  readonly record: RecordPlace;
}

const INODE_NAME = /^iNode(\d{1,10})$/;
const DIRECTORY_NAME = /^dir_(\d{1,10})$/;

export class FoundRecords {
  readonly items = new FoundItems();
  readonly #overflow = new Map<string, RankedOverflow[]>();
  readonly #attributes = new Map<number, RankedRecord[]>();
  /** Ids of the files that stand behind hard links, by the number in their names; and of folders. */
  readonly inodes = new Map<number, number>();
  readonly directories = new Map<number, number>();
  #extraRecords = 0;

  add(leaf: Leaf, use: LeafUse): void {
    const { node, tree, records } = leaf;
    for (const index of records) {
      if (!use.wants(node.view, node.at(index))) continue;
      if (tree === 'catalog') this.#catalog(leaf, index, use.rank);
      else if (tree === 'extents') this.#extents(leaf, index, use.rank);
      else this.#attribute(leaf, index, use.rank);
    }
  }

  /** Overflow records of a fork, the best of each place. */
  overflow(id: number, forkType: number): readonly OverflowRecord[] {
    return this.#overflow.get(`${id}:${forkType}`) ?? [];
  }
  /** Records of an item's attributes, the best first. */
  attributes(id: number): readonly RecordPlace[] {
    const found = this.#attributes.get(id) ?? [];
    return [...found].sort((a, b) => b.rank - a.rank).map(({ record }) => record);
  }

  #catalog(leaf: Leaf, index: number, rank: number): void {
    const { view } = leaf.node;
    const key = leaf.node.at(index);
    const parent = view.getUint32(key + 2);
    const data = leaf.node.dataAt(index);
    const type = view.getUint16(data);
    if (type === RECORD_TYPE.folderThread || type === RECORD_TYPE.fileThread) {
      this.items.addThread({
        id: parent,
        parent: view.getUint32(data + CatalogThread.at.parentID),
        name: readName(view, data + CatalogThread.size),
        isFolder: type === RECORD_TYPE.folderThread,
        rank,
      });
      return;
    }
    const id = view.getUint32(data + CatalogFile.at.fileID);
    if (id === 0 || id === parent) return;
    const date = Math.max(
      view.getUint32(data + CatalogFile.at.contentModDate),
      view.getUint32(data + CatalogFile.at.attributeModDate),
    );
    const isFolder = type === RECORD_TYPE.folder;
    this.items.add({ id, parent, record: placeOf(leaf, index), isFolder, rank, date, name: null });
    this.#privateName(id, readName(view, key + 6), isFolder);
  }

  #privateName(id: number, name: string, isFolder: boolean): void {
    const found = (isFolder ? DIRECTORY_NAME : INODE_NAME).exec(name);
    if (found) (isFolder ? this.directories : this.inodes).set(Number(found[1]), id);
  }

  #extents(leaf: Leaf, index: number, rank: number): void {
    const { view, bytes } = leaf.node;
    const key = leaf.node.at(index);
    const id = `${view.getUint32(key + ExtentKey.at.fileID)}:${view.getUint8(key + ExtentKey.at.forkType)}`;
    const startBlock = view.getUint32(key + ExtentKey.at.startBlock);
    const data = leaf.node.dataAt(index);
    const known = this.#overflow.get(id) ?? [];
    const same = known.findIndex((each) => each.startBlock === startBlock);
    if ((known[same]?.rank ?? 0) >= rank || !this.#count()) return;
    const extents = new DataView(bytes.slice(data, data + EXTENT_RECORD_SIZE).buffer);
    if (same >= 0) known[same] = { startBlock, extents, rank };
    else known.push({ startBlock, extents, rank });
    this.#overflow.set(id, known);
  }

  #attribute(leaf: Leaf, index: number, rank: number): void {
    const id = leaf.node.view.getUint32(leaf.node.at(index) + AttributeKey.at.fileID);
    if (!this.#count()) return;
    const record = { rank, record: placeOf(leaf, index) };
    const known = this.#attributes.get(id);
    if (known) known.push(record);
    else this.#attributes.set(id, [record]);
  }

  #count(): boolean {
    this.#extraRecords += 1;
    return this.#extraRecords <= LIMITS.records;
  }
}

function placeOf({ node, position }: Leaf, index: number): RecordPlace {
  const at = node.at(index);
  const length = node.at(index + 1) - at;
  return position === null ? node.bytes.slice(at, at + length) : { position: position + at, length };
}

/** True for the folders and files that are the file system's own, by their names in the root folder. */
export function isPrivateName(name: string): boolean {
  return (
    name === FILE_LINKS_FOLDER ||
    name === '.journal' ||
    name === '.journal_info_block' ||
    name.startsWith('.HFS+ Private Directory Data')
  );
}
