// Header nodes of the trees and journals, found by what they look like: where things begin when no volume header tells.

import { HEADER_RECORD_AT, HeaderRecord, MAX_KEY, NODE_KIND } from '../structs/btree.js';
import type { TreeName } from './leaves.js';
import { NODE_SIZES } from './limits.js';
import type { SalvageSource } from './source.js';

const SECTOR = 512;
const JOURNALS = 1000;

/** A tree's file as its header node has it: one piece of the device, as far as nobody tells otherwise. */
export interface TreePlace {
  /** Byte of the device. */
  readonly start: number;
  readonly length: number;
}

export interface Landmarks {
  /** By tree; of several header nodes the one that tells of the most leaf records (others are old copies). */
  readonly trees: ReadonlyMap<TreeName, TreePlace>;
  /** Bytes of the device where a journal may begin. */
  readonly journals: readonly number[];
}

export function findLandmarks(source: SalvageSource, progress: (done: number) => void): Landmarks {
  const journals = new Set<number>();
  const found = new Map<TreeName, TreePlace & { readonly records: number }>();
  source.scan(
    SECTOR,
    (bytes, position) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let at = 0; at + SECTOR <= bytes.length; at += SECTOR) {
        if (isJournal(view, at) && journals.size < JOURNALS) journals.add(position + at);
        if (bytes[at + 8] !== NODE_KIND.header || bytes[at + 9] !== 0 || view.getUint16(at + 10) !== 3) continue;
        const head = headAt(view, at);
        const place = head && placeOf(source, position + at, head);
        if (place && place.records >= (found.get(head.tree)?.records ?? -1)) found.set(head.tree, place);
      }
    },
    progress,
  );
  return { trees: found, journals: [...journals] };
}

/** `JNLx` and the mark of its byte order. */
function isJournal(view: DataView, at: number): boolean {
  const [magic, order] = [view.getUint32(at), view.getUint32(at + 4)];
  return (magic === 0x4a4e_4c78 && order === 0x1234_5678) || (magic === 0x784c_4e4a && order === 0x7856_3412);
}

interface Head {
  readonly tree: TreeName;
  readonly nodeSize: number;
  readonly totalNodes: number;
  readonly leafRecords: number;
  readonly firstLeafNode: number;
}

function headAt(view: DataView, at: number): Head | null {
  const { nodeSize, totalNodes, maxKeyLength, treeDepth, leafRecords, firstLeafNode } = HeaderRecord.read(
    view,
    at + HEADER_RECORD_AT,
  );
  const tree = (Object.keys(MAX_KEY) as TreeName[]).find((name) => MAX_KEY[name] === maxKeyLength);
  if (!tree || !(NODE_SIZES as readonly number[]).includes(nodeSize) || treeDepth > 8 || totalNodes === 0) return null;
  return { tree, nodeSize, totalNodes, leafRecords, firstLeafNode };
}

/** Null if the first leaf is not where a tree that begins here has it: a copy in the journal. */
function placeOf(source: SalvageSource, start: number, head: Head): (TreePlace & { readonly records: number }) | null {
  const { nodeSize, totalNodes, leafRecords, firstLeafNode } = head;
  if (leafRecords > 0) {
    const leaf = source.bytes(start + firstLeafNode * nodeSize, 16);
    if (leaf?.[8] !== NODE_KIND.leaf || leaf[9] !== 1) return null;
  }
  const length = Math.min(nodeSize * totalNodes, Math.floor((source.size - start) / nodeSize) * nodeSize);
  return { start, length, records: leafRecords };
}
