// Data that snapshots hold, in the pieces that can be moved: leaves of a snapshot cannot be split, so no extent may become two,
// and what overlaps in any state of the volume goes together.

import { checkNode, Node } from '../btree/node.js';
import { readBlock, requireObject, viewOf } from '../object.js';
import type { ObjectVersion } from '../object-map.js';
import { type ExtentPlace, extentPlace } from '../records/extent-place.js';
import { ExtentReferences } from '../records/extent-references.js';
import type { Extent } from '../spaceman.js';
import { OBJECT_TYPE, ObjectHeader, TYPE_MASK } from '../structs/object.js';
import { EXTENT_KIND } from '../structs/records.js';
import type { Mounted } from './mounted.js';
import { SnapshotWriter } from './snapshot-writer.js';

/** Versions of objects looked for at once. */
const BATCH = 1024;
/** Extents that are kept before those that overlap are joined. */
const MANY = 1 << 18;

/** Blocks that are moved as one. */
export interface HeldStretch extends Extent {
  readonly volume: Mounted;
  /** Records that name a part of it: at most so many leaves change with it. */
  readonly mentions: number;
}

interface Mentioned extends Extent {
  readonly mentions: number;
}

/** What snapshots of these volumes hold, ascending in each volume. Reads the leaves of all states. @throws CorruptError */
export function heldStretches(volumes: readonly Mounted[]): HeldStretch[] {
  return volumes.filter(({ hasSnapshots }) => hasSnapshots).flatMap(stretchesOf);
}

function stretchesOf(volume: Mounted): HeldStretch[] {
  const held = ownOfSnapshots(volume);
  const extents = new Joined();
  for (const { leaf } of leafVersions(volume))
    eachExtent(volume, leaf, ({ start, count }) => extents.add(start, count));
  const stretches: HeldStretch[] = [];
  let next = 0;
  for (const each of extents.all()) {
    while (next < held.length && endOf(held[next]) <= each.start) next += 1;
    if ((held[next]?.start ?? Number.POSITIVE_INFINITY) < each.start + each.count) stretches.push({ ...each, volume });
  }
  return stretches;
}
function endOf(extent: Extent | undefined): number {
  return extent ? extent.start + extent.count : 0;
}

/** Names of the snapshots in which a part of it is in use, oldest first. @throws CorruptError */
export function holdersOf({ start, count, volume }: HeldStretch): string[] {
  // Streams that use each block, in the state that was looked at last.
  const uses = new Int32Array(count);
  return new SnapshotWriter(volume).references.flatMap(({ name, tree }) => {
    new ExtentReferences(volume, tree).each((piece) => {
      const from = Math.max(0, piece.start - start);
      const end = Math.min(count, piece.start + piece.count - start);
      for (let i = from; i < end; i += 1) uses[i] = (uses[i] as number) + piece.references;
    });
    return uses.some((each) => each > 0) ? name : [];
  });
}

/** Blocks that were taken before a snapshot was made, and not freed since. */
function ownOfSnapshots(volume: Mounted): readonly Extent[] {
  const held = new Joined();
  for (const { tree } of new SnapshotWriter(volume).references)
    new ExtentReferences(volume, tree).each(({ start, count, kind }) => {
      if (kind === EXTENT_KIND.new) held.add(start, count);
    });
  return held.all();
}

/** Leaves of the file-system tree as it is and as snapshots see it. Nothing may be changed meanwhile. @throws CorruptError */
export function* leafVersions(
  volume: Mounted,
): Generator<{ readonly version: ObjectVersion; readonly leaf: Node }, void, undefined> {
  let after: Pick<ObjectVersion, 'oid' | 'xid'> | undefined = { oid: 0, xid: -1 };
  while (after) {
    const versions: ObjectVersion[] = volume.omap.mappedBehind(1, after, BATCH);
    for (const version of versions) {
      const leaf = leafOf(volume, version);
      if (leaf) yield { version, leaf };
    }
    after = versions.length < BATCH ? undefined : versions.at(-1);
  }
}
/** Null for an inner node, and for an object of another kind. @throws CorruptError */
export function leafOf(volume: Mounted, { oid, block }: Pick<ObjectVersion, 'oid' | 'block'>): Node | null {
  const bytes = readBlock(volume.place.device, block);
  const view = viewOf(bytes);
  const type = view.getUint32(ObjectHeader.at.o_type, true) & TYPE_MASK;
  requireObject(view, block, { structure: 'object', type, oid });
  const isNode = type === OBJECT_TYPE.btree || type === OBJECT_TYPE.btreeNode;
  if (!isNode || view.getUint32(ObjectHeader.at.o_subtype, true) !== OBJECT_TYPE.fsTree) return null;
  const node = new Node(volume.catalog.kind, bytes, block);
  if (node.level > 0) return null;
  checkNode(node, 0, type === OBJECT_TYPE.btree ? 'root' : 'inner');
  return node;
}

/** Where the records of a leaf say that data lies. @throws CorruptError */
export function eachExtent(volume: Mounted, leaf: Node, visit: (place: ExtentPlace) => void): void {
  const { blocks } = volume.place.spaceman;
  for (let index = 0; index < leaf.count; index += 1) {
    const place = extentPlace(leaf, index, blocks);
    if (place) visit(place);
  }
}

/** Extents in any order, those that overlap as one. */
class Joined {
  #extents: Mentioned[] = [];
  #limit = MANY;

  add(start: number, count: number): void {
    this.#extents.push({ start, count, mentions: 1 });
    if (this.#extents.length < this.#limit) return;
    this.#extents = joined(this.#extents);
    this.#limit = Math.max(MANY, 2 * this.#extents.length);
  }
  /** Ascending. */
  all(): readonly Mentioned[] {
    return joined(this.#extents);
  }
}

function joined(extents: Mentioned[]): Mentioned[] {
  const all: Mentioned[] = [];
  for (const { start, count, mentions } of extents.sort((a, b) => a.start - b.start)) {
    const last = all.at(-1);
    if (!last || start >= last.start + last.count) all.push({ start, count, mentions });
    else {
      const end = Math.max(last.start + last.count, start + count);
      all[all.length - 1] = { start: last.start, count: end - last.start, mentions: last.mentions + mentions };
    }
  }
  return all;
}
