// Takes back what the last run did to the tree: what it made goes to a SafetyNet folder of its own, what it moved away
// comes back. Nothing is destroyed, so an undo that was wrong can be mended by hand. A run that was taken back does not
// count any more: the next undo takes back the one before it.
//
// A run whose SafetyNet is a snapshot is taken back by `undo-snapshot`.
//
// Each step leaves alone what is as it should be already, so an undo that was cut is simply run again.

import { CancelledError, RefusedError, showCount, VolumeFullError, type WritableVolume } from '@tintype/core';
import type { SummaryEvent } from '../events.js';
import { type AttributesBefore, restoreAttributes } from '../history/attributes-before.js';
import { Committer } from '../history/committer.js';
import { OwnFolders } from '../history/own-folder.js';
import { actionsBackwards, type RunAction, type RunFile, runFiles } from '../history/run-log.js';
import { startRecord } from '../history/run-record.js';
import { SafetyNet } from '../history/safetynet.js';
import { freeSafetyNetName } from '../history/safetynet-name.js';
import type { Operation, RunContext, UndoOptions } from '../operation.js';
import { SAFETYNET_FOLDER } from '../tree/filter.js';
import { findItem } from '../tree/find-item.js';
import { Report } from '../tree/report.js';
import { imageSide, type Side } from './sides.js';
import { undoBySnapshot } from './undo-snapshot.js';

const COMMIT_EVERY = 30;

export const undo: Operation<'undo'> = (options, context): SummaryEvent => {
  context.emit({ type: 'phase', name: 'open' });
  const side = imageSide(options.image, true, options, context);
  let run: Attempts;
  try {
    run = runToUndo(side, options.image);
    if (!run[0].head?.snapshot) requireAll(side.volume, run);
  } catch (error) {
    side.abandon();
    throw error;
  }
  const [{ name, head }] = run;
  if (head?.snapshot) return undoBySnapshot(options, context, side, { name, snapshot: head.snapshot });
  return new UndoRun(options, context, side, run).perform();
};

/** The records of one run, the last attempt first: of one that lost its image or found it full there are several. */
type Attempts = readonly [RunFile, ...RunFile[]];

/** The newest run that was not taken back, and is no taking back itself. @throws RefusedError if there is none */
function runToUndo({ volume }: Side, image: string): Attempts {
  const files = runFiles(volume);
  const undone = new Set(
    files.flatMap((file) => (file.undone === null ? [] : attemptsOf(files, file.undone))).map(({ name }) => name),
  );
  // Attempts of a run that made a snapshot first have that in common: one undo takes back all of them.
  const states = new Set(files.flatMap(({ name, head }) => (undone.has(name) ? (head?.snapshot?.xid ?? []) : [])));
  const isLeft = ({ name, head }: RunFile): boolean =>
    head !== null && head.undoes === undefined && !undone.has(name) && !states.has(head.snapshot?.xid ?? -1);
  const run = files.findLast(isLeft);
  if (!run) throw new RefusedError('nothing-to-undo', `${image} has no run that can be taken back`, { path: image });
  const [, ...before] = attemptsOf(files, run.name);
  return [run, ...before.filter(isLeft)];
}

/** Whoever wrote the image may have made a circle of them. */
function attemptsOf(files: readonly RunFile[], name: string): RunFile[] {
  const found = new Set<RunFile>();
  const byName = (wanted: string | undefined) => files.find((file) => file.name === wanted);
  for (let file = byName(name); file && !found.has(file); file = byName(file.head?.continues)) found.add(file);
  return [...found];
}

function* actionsOf(volume: WritableVolume, run: Attempts): Generator<RunAction> {
  for (const { item } of run) yield* actionsBackwards(volume, item);
}

/** @throws RefusedError if something that the run moved away is gone: half an undo would be none */
function requireAll(volume: WritableVolume, run: Attempts): void {
  let missing = 0;
  let sample = '';
  let replaced = 0;
  let moved = 0;
  for (const { action, path, to } of actionsOf(volume, run)) {
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
      `run ${run[0].name} cannot be taken back: ${showCount(missing, 'item')} that it replaced or removed ${missing === 1 ? 'is' : 'are'} not in SafetyNet any more${sample && ` (such as ${sample})`}`,
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
  readonly #run: Attempts;
  readonly #started: number;
  readonly #report: Report;
  readonly #committer: Committer;
  readonly #aside: SafetyNet;
  readonly #folders: OwnFolders;
  /** Folders in SafetyNet that something came back from. */
  readonly #left = new Set<string>();

  constructor(options: UndoOptions, context: RunContext, side: Side, run: Attempts) {
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
      undoes: this.#run[0].name,
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
      for (const action of actionsOf(this.#volume, this.#run)) {
        this.#takeBack(action);
        this.#context.progress.add('items', 1);
        this.#committer.settle();
      }
      for (const path of this.#left) this.#removeEmpty(path);
      this.#context.emit({ type: 'phase', name: 'commit' });
      this.#committer.commit({ undone: this.#run[0].name });
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
      run: this.#run[0].name,
      items: { ...this.#report.counts },
      seconds: Math.round((this.#context.now() - this.#started) * 1000) / 1000,
      commits: this.#committer.count,
      interrupted: isInterrupted,
      problems: this.#report.problems,
    };
  }

  #takeBack({ action, path, to, before }: RunAction): void {
    if (before) this.#putBack(path, before);
    else if (to !== null) this.#bringBack(path, to);
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

  /** Attributes. What the run did to the item besides is taken back already. */
  #putBack(path: string, before: AttributesBefore): void {
    const item = findItem(this.#volume, path);
    if (!item) return;
    if (before.xattrs === null)
      this.#report.problem(path, 'xattrs', 'keeps its extended attributes: those of before were too long to be kept');
    this.#report.attributesChanged(path, restoreAttributes(this.#volume, item, before));
    this.#report.counts.updated += 1;
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
    this.#left.add(kept.folder);
  }

  /** What stood for folders in SafetyNet goes when nothing is left in it. */
  #removeEmpty(path: string): void {
    if (!path.startsWith(`/${SAFETYNET_FOLDER}/`)) return;
    for (let place = splitPath(path); place.folder !== ''; place = splitPath(place.folder)) {
      const above = findItem(this.#volume, place.folder);
      const item = above && this.#volume.lookup(above.id, place.name);
      if (!above || item?.kind !== 'directory' || this.#volume.list(item.id).length > 0) return;
      this.#volume.remove(above.id, place.name);
    }
  }
}
