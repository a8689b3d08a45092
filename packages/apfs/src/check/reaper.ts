// The reaper, which deletes volumes and snapshots piece by piece, and the lists of what it has to do. While it has something to do, blocks
// belong to what is half deleted, and nobody else can tell which. See docs/formats/apfs.md.

import { u32le, u64le } from '@tintype/core';
import { type EphemeralPlace, readEphemeral } from '../reading/checkpoint-choice.js';
import type { ContainerReader } from '../reading/container-reader.js';
import { NxSuperblock } from '../structs/container.js';
import { OBJECT_TYPE, TYPE_MASK } from '../structs/object.js';
import {
  NxReaper,
  NxReapList,
  NxReapListEntry,
  REAP_ENTRY_FLAGS,
  REAP_INDEX_NONE,
  REAPER_FLAGS,
} from '../structs/reaper.js';
import { exactly, type FieldRules, judgeFields, oneOf, ZERO } from './fields.js';
import type { Report } from './report.js';

/** What is looked into, and where what is wrong goes. */
interface Judged {
  readonly container: ContainerReader;
  readonly report: Report;
  readonly claimed: Set<number>;
}

/** Of a reaper that never had anything to do; once it had, a list stays with it. */
const IDLE_REAPER: FieldRules<typeof NxReaper.fields, unknown> = {
  nr_next_reap_id: oneOf(1),
  nr_completed_id: ZERO,
  nr_tail: ZERO,
  nr_rlcount: ZERO,
  nr_type: ZERO,
  nr_size: ZERO,
  nr_fs_oid: ZERO,
  nr_oid: ZERO,
  nr_xid: ZERO,
  nr_nrle_flags: ZERO,
};

/** The number is that of entries that fit. */
const LIST: FieldRules<typeof NxReapList.fields, number> = { nrl_flags: ZERO, nrl_max: exactly((most) => most) };

/** True if it has nothing to do. @throws CorruptError */
export function checkReaper(judged: Judged): boolean {
  const { container, report } = judged;
  const { superblock, blocks } = container;
  const view = objectOf(judged, u64le(superblock, 0, NxSuperblock.at.nx_reaper_oid), OBJECT_TYPE.reaper);
  if (!view) {
    report.add('reaper', 'reaper', 'the reaper is not in the checkpoint');
    return false;
  }
  const flags = u32le(view, 0, NxReaper.at.nr_flags);
  const known = REAPER_FLAGS.magicBlockHeadersMaintained | REAPER_FLAGS.continues;
  report.expect((flags & ~known) === 0 && (flags & 1) === 1, 'reaper', 'reaper', `flags ${flags} are not known`);
  const buffer = u32le(view, 0, NxReaper.at.nr_state_buffer_size);
  const wanted = blocks.size - NxReaper.size;
  report.expect(buffer === wanted, 'reaper', 'reaper', `a state buffer of ${buffer} bytes, not ${wanted}`);
  const jobs = checkFields(judged, view);
  const isBusy = (flags & REAPER_FLAGS.continues) !== 0 || jobs > 0;
  report.expect(!isBusy, 'reaper-busy', 'reaper', 'something is not deleted to its end');
  return !isBusy;
}

function objectOf({ container, claimed }: Judged, oid: number, type: number): DataView | null {
  const isIt = (place: EphemeralPlace): boolean => place.oid === oid && (place.type & TYPE_MASK) === type;
  const place = container.checkpoint.ephemerals.find(isIt);
  if (place) claimed.add(oid);
  return place ? readEphemeral(container.blocks, container.superblock, place) : null;
}

/** What a reaper holds beside its flags; answers how much it has to do. */
function checkFields(judged: Judged, view: DataView): number {
  const tell = (message: string): void => judged.report.add('reaper', 'reaper', message);
  const head = u64le(view, 0, NxReaper.at.nr_head);
  if (head === 0) {
    judgeFields(NxReaper, IDLE_REAPER, { view, at: 0, facts: null }, tell);
    const buffer = new Uint8Array(view.buffer, view.byteOffset + NxReaper.size, view.byteLength - NxReaper.size);
    if (buffer.some((byte) => byte !== 0)) tell('has nothing to do, but keeps the state of something');
    return 0;
  }
  const next = u64le(view, 0, NxReaper.at.nr_next_reap_id);
  const done = u64le(view, 0, NxReaper.at.nr_completed_id);
  if (done >= next) tell(`job ${done} is done, and ${next} is the next`);
  return checkLists(judged, view, head);
}

/** Lists that follow one another from the head to the tail. */
function checkLists(judged: Judged, reaper: DataView, head: number): number {
  const { report } = judged;
  const seen = new Set<number>();
  let last = 0;
  let jobs = 0;
  for (let oid = head; oid !== 0 && !seen.has(oid); ) {
    seen.add(oid);
    last = oid;
    const list = objectOf(judged, oid, OBJECT_TYPE.reapList);
    if (!list) {
      report.add('reaper', 'reaper', `its list ${oid} is not in the checkpoint`);
      break;
    }
    jobs += checkList(judged, list, `list ${oid} of the reaper`);
    oid = u64le(list, 0, NxReapList.at.nrl_next);
  }
  const tail = u64le(reaper, 0, NxReaper.at.nr_tail);
  report.expect(tail === last, 'reaper', 'reaper', `its last list is ${last}, not ${tail}`);
  const said = u32le(reaper, 0, NxReaper.at.nr_rlcount);
  report.expect(said === seen.size, 'reaper', 'reaper', `counts ${said} lists of ${seen.size}`);
  return jobs;
}

/** One list: entries in use, one after another, and those that are free. Answers how many are in use. */
function checkList({ container, report }: Judged, view: DataView, place: string): number {
  const tell = (message: string): void => report.add('reaper', place, message);
  const most = Math.floor((view.byteLength - NxReapList.size) / NxReapListEntry.size);
  judgeFields(NxReapList, LIST, { view, at: 0, facts: most }, tell);
  const taken = new Set<number>();
  const follow = (start: number): readonly number[] => {
    const found: number[] = [];
    for (
      let index = start;
      index !== REAP_INDEX_NONE;
      index = u32le(view, entryAt(index), NxReapListEntry.at.nrle_next)
    ) {
      if (index >= most || taken.has(index)) {
        tell(`entry ${index} is none, or in its lists twice`);
        break;
      }
      taken.add(index);
      found.push(index);
    }
    return found;
  };
  const used = follow(u32le(view, 0, NxReapList.at.nrl_first));
  follow(u32le(view, 0, NxReapList.at.nrl_free));
  const last = u32le(view, 0, NxReapList.at.nrl_last);
  if (last !== (used.at(-1) ?? REAP_INDEX_NONE)) tell(`entry ${last} is said to be the last in use`);
  const count = u32le(view, 0, NxReapList.at.nrl_count);
  if (count !== used.length) tell(`counts ${count} entries of ${used.length}`);
  const volumes = new Set(container.volumes().map(({ oid }) => oid));
  for (const index of used) {
    const entry = NxReapListEntry.read(view, entryAt(index));
    const isKnown = (entry.nrle_flags & ~REAP_ENTRY_FLAGS) === 0 && (entry.nrle_flags & 1) === 1;
    if (!isKnown) tell(`entry ${index} has flags ${entry.nrle_flags.toString(16)}`);
    if (!volumes.has(entry.nrle_fs_oid)) tell(`entry ${index} is of volume ${entry.nrle_fs_oid}, which is none`);
  }
  return Math.max(count, used.length);
}

function entryAt(index: number): number {
  return NxReapList.size + index * NxReapListEntry.size;
}
