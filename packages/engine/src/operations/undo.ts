// Takes back what the last run did to the tree: what it made goes to a SafetyNet folder of its own, what it moved away
// comes back. Nothing is destroyed, so an undo that was wrong can be mended by hand. A run that was taken back does not
// count any more: the next undo takes back the one before it.
//
// A run whose SafetyNet is a snapshot is taken back by `undo-snapshot`.
//
// Each step leaves alone what is as it should be already, so an undo that was cut is simply run again.

import { CancelledError, RefusedError, VolumeFullError, type WritableVolume } from '@tintype/core';
import type { SummaryEvent } from '../events.js';
import { Committer } from '../history/committer.js';
import { OwnFolders } from '../history/own-folder.js';
import { actionsBackwards, type RunAction, type RunFile, runFiles } from '../history/run-log.js';
import { startRecord } from '../history/run-record.js';
import { freeSafetyNetName, SafetyNet } from '../history/safetynet.js';
import type { Operation, RunContext, UndoOptions } from '../operation.js';
import { findItem } from '../tree/find-item.js';
import { Report } from '../tree/report.js';
import { imageSide, type Side } from './sides.js';
import { undoBySnapshot } from './undo-snapshot.js';

const COMMIT_EVERY = 30;

export const undo: Operation<'undo'> = (options, context): SummaryEvent => {
  context.emit({ type: 'phase', name: 'open' });
  const side = imageSide(options.image, true, options, context);
  let run: RunFile;
  try {
    run = runToUndo(side, options.image);
    if (!run.head?.snapshot) requireAll(side.volume, run);
  } catch (error) {
    side.abandon();
    throw error;
  }
  const { name, head } = run;
  if (head?.snapshot) return undoBySnapshot(options, context, side, { name, snapshot: head.snapshot });
  return new UndoRun(options, context, side, run).perform();
};

/** The newest run that was not taken back, and is no taking back itself. @throws RefusedError if there is none */
function runToUndo({ volume }: Side, image: string): RunFile {
  const files = runFiles(volume);
  const undone = new Set(files.map((file) => file.undone));
  // A run that grew its image has a record for each attempt, all with one snapshot: one undo takes back all of them.
  const states = new Set(files.flatMap(({ name, head }) => (undone.has(name) ? (head?.snapshot?.xid ?? []) : [])));
  const isLeft = ({ name, head }: RunFile): boolean =>
    head !== null && head.undoes === undefined && !undone.has(name) && !states.has(head.snapshot?.xid ?? -1);
  const run = files.findLast(isLeft);
  if (!run) throw new RefusedError('nothing-to-undo', `${image} has no run that can be taken back`, { path: image });
  return run;
}

/** @throws RefusedError if something that the run moved away is gone: half an undo would be none */
function requireAll(volume: WritableVolume, run: RunFile): void {
  let missing = 0;
  let sample = '';
  let replaced = 0;
  let moved = 0;
  for (const { action, path, to } of actionsBackwards(volume, run.item)) {
    if (action === 'replaced') replaced += 1;
    if (action === 'moved') moved += 1;
    const isGone = to === null ? action === 'removed' : !findItem(volume, to) && !findItem(volume, path);
    if (!isGone) continue;
    missing += 1;
    sample = path;
  }
  missing += Math.max(0, replaced - moved);
  if (missing > 0)
    throw new RefusedError(
      'safetynet-gone',
      `run ${run.name} cannot be taken back: ${missing} items that it replaced or removed are not in SafetyNet any more${sample && ` (such as ${sample})`}`,
      { count: missing },
    );
}

function splitPath(path: string): { folder: string; name: string } {
  const at = path.lastIndexOf('/');
  return { folder: path.slice(0, at), name: path.slice(at + 1) };
}

class UndoRun {
  readonly #options: UndoOptions;
  readonly #context: RunContext;
  readonly #side: Side;
  readonly #volume: WritableVolume;
  readonly #run: RunFile;
  readonly #started: number;
  readonly #report: Report;
  readonly #committer: Committer;
  readonly #aside: SafetyNet;
  readonly #folders: OwnFolders;

  constructor(options: UndoOptions, context: RunContext, side: Side, run: RunFile) {
    this.#options = options;
    this.#context = context;
    this.#side = side;
    this.#volume = side.volume;
    this.#run = run;
    this.#started = context.now();
    this.#report = new Report(context.emit, context.progress);
    const { progress } = context;
    const every = options.commitEvery ?? COMMIT_EVERY;
    this.#committer = new Committer({ fileSystem: side.fileSystem, progress, every, now: context.now });
    const { uid, gid } = side.volume.root;
    const template = { mode: 0o755, uid, gid, now: this.#started };
    this.#folders = new OwnFolders(side.volume, template);
    const name = freeSafetyNetName(side.volume, this.#folders, this.#started);
    this.#aside = new SafetyNet(side.volume, this.#folders, name, template);
    this.#openRecord(name);
  }

  #openRecord(safetynet: string): void {
    const record = startRecord(this.#volume, this.#folders, {
      started: this.#started,
      source: this.#options.image,
      safetynet,
      undoes: this.#run.name,
      owner: this.#volume.root,
      random: this.#context.random,
    });
    this.#report.record = record;
    this.#committer.record = record;
  }

  perform(): SummaryEvent {
    this.#context.emit({ type: 'phase', name: 'copy' });
    let isInterrupted = false;
    try {
      for (const action of actionsBackwards(this.#volume, this.#run.item)) {
        this.#takeBack(action);
        this.#context.progress.add('items', 1);
        this.#committer.settle();
      }
      this.#context.emit({ type: 'phase', name: 'commit' });
      this.#committer.commit({ undone: this.#run.name });
      this.#side.close();
    } catch (error) {
      isInterrupted = error instanceof CancelledError;
      // Each step is whole by itself: what was taken back until here may stay.
      if (isInterrupted || error instanceof VolumeFullError) this.#side.close();
      else this.#side.abandon();
      if (!isInterrupted) throw error;
    }
    this.#report.close();
    return {
      type: 'summary',
      image: this.#options.image,
      run: this.#run.name,
      items: { ...this.#report.counts },
      seconds: Math.round((this.#context.now() - this.#started) * 1000) / 1000,
      commits: this.#committer.count,
      interrupted: isInterrupted,
      problems: this.#report.problems,
    };
  }

  #takeBack({ action, path, to }: RunAction): void {
    if (to !== null) this.#bringBack(path, to);
    else if (action === 'created' || action === 'replaced') this.#takeAway(path);
  }

  /** What the run made goes aside; a folder that holds things which came later stays with them. */
  #takeAway(path: string): void {
    const { folder, name } = splitPath(path);
    const parent = findItem(this.#volume, folder);
    const item = parent?.kind === 'directory' ? this.#volume.lookup(parent.id, name) : null;
    if (!parent || !item) return;
    if (item.kind !== 'directory') {
      this.#report.removed(path, this.#aside.put(parent.id, folder, item), 1);
      return;
    }
    if (this.#volume.list(item.id).length > 0) {
      this.#report.problem(path, 'not-empty', 'stays: it holds items that the run did not make');
      return;
    }
    this.#volume.remove(parent.id, name);
    this.#report.removed(path, null, 1);
  }

  #bringBack(path: string, to: string): void {
    const kept = splitPath(to);
    const place = splitPath(path);
    const from = findItem(this.#volume, kept.folder);
    const target = findItem(this.#volume, place.folder);
    if (!from || !this.#volume.lookup(from.id, kept.name)) return;
    if (target?.kind !== 'directory') {
      this.#report.problem(path, 'no-folder', `stays in SafetyNet as ${to}: its folder is gone`);
      return;
    }
    if (this.#volume.lookup(target.id, place.name)) {
      this.#report.problem(path, 'in-the-way', `stays in SafetyNet as ${to}: something else has its name now`);
      return;
    }
    this.#volume.rename(from.id, kept.name, target.id, place.name);
    this.#report.made(path, false);
  }
}
