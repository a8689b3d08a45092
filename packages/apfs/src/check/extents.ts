// Who refers to data blocks: streams in the trees of a volume, and the extent reference trees, which count them. Both are swept
// over the blocks in order. See docs/formats/apfs.md.

import { physicalPlaces } from '../btree/disk-tree.js';
import { EXTENT_REFERENCE_TREE } from '../btree/kinds.js';
import { idAt } from '../records/ids.js';
import { EXTENT_KIND, PhysicalExtentValue } from '../structs/records.js';
import { isReserved } from './catalog.js';
import type { Changes } from './changes.js';
import type { ContainerCheck } from './container.js';
import { isNobody } from './record-forms.js';
import { checkTree } from './tree.js';

export interface ReferenceTree {
  readonly root: number;
  readonly name: string;
  /** Next number that the volume gives: owners have smaller ones. */
  readonly nextId: number;
  /** Counts of this and all earlier trees. */
  readonly counts: Changes;
}

/** Reads one tree: adds its counts, marks what it owns; answers blocks of the tree and of its data. */
export function checkReferences(check: ContainerCheck, { root, name, counts, nextId }: ReferenceTree) {
  const { container, report, used } = check;
  const { blocks, xid } = container;
  let nodes = 0;
  let data = 0;
  let end = 0;
  const result = checkTree({
    blocks,
    report,
    kind: EXTENT_REFERENCE_TREE,
    name,
    root,
    resolve: physicalPlaces(blocks, xid),
    visitNode: (_, pointer) => {
      used.mark(pointer, 1, name);
      nodes += 1;
    },
    visitRecord: (node, index) => {
      const { view } = node;
      const start = idAt(view, node.keyAt(index));
      const value = node.valueAt(index);
      const size = node.valueLength(index);
      if (size !== PhysicalExtentValue.size) {
        report.add('reference-record', name, `the record of block ${start} has ${size} bytes`);
        return;
      }
      const kind = view.getUint8(value + 7) >>> 4;
      const length = idAt(view, value);
      const count = view.getInt32(value + PhysicalExtentValue.at.refcnt, true);
      const isSound = length > 0 && count !== 0 && (kind === EXTENT_KIND.new ? count > 0 : kind === EXTENT_KIND.update);
      if (!isSound)
        report.add('reference-record', name, `${length} blocks at ${start} of kind ${kind} counted ${count}`);
      const owner = value + PhysicalExtentValue.at.owning_obj_id;
      if (!ownerFits(view, owner, kind === EXTENT_KIND.new ? nextId : null))
        report.add('reference-record', name, `the record of block ${start} has an owner that cannot be`);
      if (start < end) report.add('reference-record', name, `the records before and at block ${start} overlap`);
      end = start + length;
      counts.add(start, length, count);
      if (kind !== EXTENT_KIND.new) return;
      used.mark(start, length, name);
      data += length;
    },
  });
  return { nodes, data, isComplete: result.isComplete };
}

/** Data has an owner with a number that was given; `nextId` null: a change of a count, which nobody owns. */
function ownerFits(view: DataView, at: number, nextId: number | null): boolean {
  if (nextId === null || isNobody(view, at)) return isNobody(view, at) && nextId === null;
  if (view.getUint8(at + 7) >>> 4 !== 0) return false;
  const owner = idAt(view, at);
  return !isReserved(owner) && owner < nextId;
}

/** Blocks that are in so many streams, and counted so often. */
export interface CountDifference {
  readonly start: number;
  readonly count: number;
  readonly held: number;
  readonly counted: number;
}

/** Blocks whose count differs between the streams and the reference trees, ascending. */
export function* countDifferences(streams: Changes, references: Changes): Generator<CountDifference> {
  const a = streams.sorted();
  const b = references.sorted();
  let i = 0;
  let j = 0;
  let held = 0;
  let counted = 0;
  for (let at = Math.min(blockAt(a, 0), blockAt(b, 0)); at < Number.POSITIVE_INFINITY; ) {
    for (; blockAt(a, i) === at; i += 2) held += a[i + 1] as number;
    for (; blockAt(b, j) === at; j += 2) counted += b[j + 1] as number;
    const next = Math.min(blockAt(a, i), blockAt(b, j));
    if (held !== counted && next < Number.POSITIVE_INFINITY) yield { start: at, count: next - at, held, counted };
    at = next;
  }
}

/** Block of the pair at `index`; infinity behind the last. */
function blockAt(pairs: Float64Array, index: number): number {
  return index < pairs.length ? (pairs[index] as number) : Number.POSITIVE_INFINITY;
}

/** At most one finding for each stretch. */
export function compareCounts({ report }: ContainerCheck, name: string, streams: Changes, references: Changes): void {
  for (const { start, count, held, counted } of countDifferences(streams, references))
    report.add(
      'reference-count',
      name,
      `blocks ${start} to ${start + count - 1} are in ${held} streams, but counted ${counted} times`,
    );
}
