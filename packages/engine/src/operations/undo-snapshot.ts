// Takes back a run whose SafetyNet is a snapshot: the live tree is mirrored from it, so it becomes what it was before the run,
// whoever changed it since. What goes is kept by a snapshot of its own, so an undo that was wrong can be mended.
//
// An undo that was cut is simply run again.

import { CancelledError, RefusedError, VolumeFullError } from '@tintype/core';
import { ChecksumBook } from '../checksums/checksum-book.js';
import { SerialHasher } from '../checksums/hasher.js';
import type { SummaryEvent } from '../events.js';
import { Committer } from '../history/committer.js';
import { OwnFolders } from '../history/own-folder.js';
import { startRecord } from '../history/run-record.js';
import { clearPartial, Discard } from '../history/safetynet.js';
import { makeNetSnapshot, type NetSnapshot } from '../history/snapshot-net.js';
import type { RunContext, UndoOptions } from '../operation.js';
import type { Stack } from '../stack.js';
import { ContentCopier } from '../tree/content.js';
import { Filter } from '../tree/filter.js';
import { Mirror } from '../tree/mirror.js';
import { OriginalNames } from '../tree/original-names.js';
import { Report } from '../tree/report.js';
import { GuardedSource } from '../tree/source-guard.js';
import type { Side } from './sides.js';

const COMMIT_EVERY = 30;
const LARGE_FILE = 64 << 20;
/** Percent of the items that may go: all, for a snapshot keeps them. */
const ALL = 100;

export interface RunToUndo {
  readonly name: string;
  readonly snapshot: NetSnapshot;
}

/** Closes the side, or abandons it with an error. @throws RefusedError if the snapshot is gone */
export function undoBySnapshot(options: UndoOptions, context: RunContext, side: Side, run: RunToUndo): SummaryEvent {
  const started = context.now();
  const { progress } = context;
  const report = new Report(context.emit, progress);
  const every = options.commitEvery ?? COMMIT_EVERY;
  const committer = new Committer({ fileSystem: side.fileSystem, progress, every, now: context.now });
  let isInterrupted = false;
  try {
    takeBack({ options, context, side, run, started, report, committer });
    side.close();
  } catch (error) {
    isInterrupted = error instanceof CancelledError;
    // The mirror is sound wherever it stops; the run stays one that can be taken back.
    if (isInterrupted || error instanceof VolumeFullError) side.close();
    else side.abandon();
    if (!isInterrupted) throw error;
  }
  report.close();
  return {
    type: 'summary',
    image: options.image,
    run: run.name,
    items: { ...report.counts },
    seconds: Math.round((context.now() - started) * 1000) / 1000,
    commits: committer.count,
    interrupted: isInterrupted,
    problems: report.problems,
  };
}

interface Parts {
  readonly options: UndoOptions;
  readonly context: RunContext;
  readonly side: Side;
  readonly run: RunToUndo;
  readonly started: number;
  readonly report: Report;
  readonly committer: Committer;
}

function takeBack(parts: Parts): void {
  const { options, context, side, run, started, report, committer } = parts;
  const { volume, fileSystem } = side;
  const { live } = side.stack as Stack;
  requireSnapshot(side, run);
  const { uid, gid } = volume.root;
  const folders = new OwnFolders(volume, { mode: 0o755, uid, gid, now: started });
  clearPartial(volume, folders, committer.settle);
  context.emit({ type: 'phase', name: 'snapshot' });
  const snapshot = makeNetSnapshot(fileSystem, live, started);
  const record = startRecord(volume, folders, {
    started,
    source: options.image,
    safetynet: null,
    snapshot,
    undoes: run.name,
    owner: volume.root,
    random: context.random,
  });
  report.record = record;
  committer.record = record;
  context.emit({ type: 'phase', name: 'copy' });
  const checksums = new ChecksumBook({ volume, folders, hasher: context.newHasher?.() ?? new SerialHasher() });
  committer.checksums = checksums;
  try {
    mirror(parts, folders, checksums);
    context.emit({ type: 'phase', name: 'commit' });
    committer.commit({ undone: run.name });
  } finally {
    checksums.close();
  }
}

function mirror({ context, side, run, report, committer }: Parts, folders: OwnFolders, checksums: ChecksumBook): void {
  const { volume } = side;
  const { live } = side.stack as Stack;
  const content = new ContentCopier(context.progress);
  content.checksums = checksums;
  const source = new GuardedSource(new OriginalNames(live.openSnapshot(run.snapshot.xid)), { mayLoop: true });
  const rules = { rules: [], excludeCaches: false, oneFileSystem: false, ownFiles: new Set<string>() };
  new Mirror({
    source,
    sourceRoot: source.root,
    target: volume,
    filter: new Filter(rules, source),
    report,
    content,
    aside: new Discard(volume, folders, committer.settle),
    partial: () => folders.own('partial'),
    largeFile: LARGE_FILE,
    idsLast: true,
    checksum: false,
    remove: true,
    maxDelete: ALL,
    settle: committer.settle,
    now: context.now,
    random: context.random,
  }).run();
}

function requireSnapshot({ stack }: Side, { name, snapshot }: RunToUndo): void {
  const isThere = stack?.live.snapshots?.some((each) => each.xid === snapshot.xid && each.name === snapshot.name);
  if (isThere) return;
  throw new RefusedError(
    'safetynet-gone',
    `run ${name} cannot be taken back: the snapshot ${snapshot.name}, which kept what it changed, is gone`,
    { snapshot: snapshot.name },
  );
}
