// Extents of one file that came from versions of different age: no two may hold the same bytes of it.

import type { RecordPlace } from '../btree/cursor.js';
import { idAt, typeAt } from '../records/ids.js';
import { FileExtentValue, RECORD_TYPE } from '../structs/records.js';

const LENGTH_BITS = (1n << 56n) - 1n;

/** A record, and the transaction of the leaf that it stands in. */
export interface DatedRecord {
  readonly place: RecordPlace;
  readonly xid: number;
}

/** Of extents that overlap, the newest; all else as it is. `records`: in the order of their keys. */
export function withoutOverlaps(records: Iterable<DatedRecord>): RecordPlace[] {
  const kept: DatedRecord[] = [];
  for (const record of records) if (makesRoom(kept, record)) kept.push(record);
  return kept.map(({ place }) => place);
}

/** False if one that is kept is newer. Older ones go. */
function makesRoom(kept: DatedRecord[], record: DatedRecord): boolean {
  for (let last = kept.at(-1); last && overlap(last.place, record.place); last = kept.at(-1)) {
    if (last.xid >= record.xid) return false;
    kept.pop();
  }
  return true;
}

/** True if both are extents of one file, and the second begins before the end of the first. */
function overlap(first: RecordPlace, second: RecordPlace): boolean {
  if (!isExtent(first) || !isExtent(second)) return false;
  if (idAt(first.view, first.keyAt) !== idAt(second.view, second.keyAt)) return false;
  const start = first.view.getBigUint64(first.keyAt + 8, true);
  const length = first.view.getBigUint64(first.valueAt + FileExtentValue.at.len_and_flags, true) & LENGTH_BITS;
  return second.view.getBigUint64(second.keyAt + 8, true) < start + length;
}

function isExtent({ view, keyAt, keyLength, valueLength }: RecordPlace): boolean {
  return keyLength >= 16 && valueLength >= FileExtentValue.size && typeAt(view, keyAt) === RECORD_TYPE.fileExtent;
}
