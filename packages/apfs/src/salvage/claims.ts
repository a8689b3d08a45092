// Which files' extents come from older nodes than others', and what of their blocks newer files have.

import { RangeSet, TintypeError, u64le } from '@tintype/core';
import { idAt, typeAt } from '../records/ids.js';
import { FileExtentValue, RECORD_TYPE } from '../structs/records.js';
import { type LeafRef, recordsOf } from './found-tree.js';

const LENGTH_HIGH = 0x00ff_ffff;

interface Claim {
  readonly stream: number;
  readonly xid: number;
  readonly start: number;
  readonly length: number;
}

/** By stream: bytes of the device that streams from newer nodes have, too. Files that were cloned share theirs. */
export function takenByNewer(leaves: readonly LeafRef[], blockSize: number): ReadonlyMap<number, RangeSet> {
  const claims = leaves.flatMap((leaf) => claimsOf(leaf, blockSize)).sort((a, b) => a.start - b.start || b.xid - a.xid);
  const taken = new Map<number, RangeSet>();
  let last: Claim | null = null;
  for (const claim of claims) {
    const isShared = last !== null && claim.start < last.start + last.length && claim.stream !== last.stream;
    if (last && isShared && claim.xid !== last.xid) {
      const older = claim.xid < last.xid ? claim : last;
      const newer = older === claim ? last : claim;
      const ranges = taken.get(older.stream) ?? new RangeSet();
      ranges.add(newer.start, newer.length);
      taken.set(older.stream, ranges);
    }
    if (!last || claim.start + claim.length > last.start + last.length) last = claim;
  }
  return taken;
}

function claimsOf(leaf: LeafRef, blockSize: number): Claim[] {
  const claims: Claim[] = [];
  try {
    for (const { view, keyAt, valueAt, valueLength } of recordsOf(leaf)) {
      if (typeAt(view, keyAt) !== RECORD_TYPE.fileExtent || valueLength < FileExtentValue.size) continue;
      const block = u64le(view, valueAt, FileExtentValue.at.phys_block_num);
      const length = (view.getUint32(valueAt + 4, true) & LENGTH_HIGH) * 0x1_0000_0000 + view.getUint32(valueAt, true);
      if (block === 0 || length === 0) continue;
      claims.push({ stream: idAt(view, keyAt), xid: leaf.xid, start: block * blockSize, length });
    }
  } catch (error) {
    if (!(error instanceof TintypeError)) throw error;
  }
  return claims;
}
