// Backup: brings an image (or a folder) up to date with a source.

import { CancelledError, type Item, LockedError, StoreError, VolumeFullError } from '@tintype/core';
import { giveMemoryBack, identityAt } from '@tintype/host';
import { ChecksumBook } from '../checksums/checksum-book.js';
import { SerialHasher } from '../checksums/hasher.js';
import type { SummaryEvent } from '../events.js';
import { Committer } from '../history/committer.js';
import { OwnFolders } from '../history/own-folder.js';
import { lastTotals } from '../history/run-log.js';
import { startRecord } from '../history/run-record.js';
import { type Aside, clearPartial, Discard, pruneSafetyNet, SafetyNet } from '../history/safetynet.js';
import { freeSafetyNetName } from '../history/safetynet-name.js';
import type { NetSnapshot } from '../history/snapshot-net.js';
import { isKnownVolume, rememberVolume } from '../home.js';
import type { BackupOptions, Operation, RunContext } from '../operation.js';
import { withReproducibleTimes } from '../reproducible.js';
import { newEncryption } from '../rules/new-encryption.js';
import { ContentCopier } from '../tree/content.js';
import { Filter } from '../tree/filter.js';
import { Mirror } from '../tree/mirror.js';
import { Report } from '../tree/report.js';
import { GuardedSource } from '../tree/source-guard.js';
import { type ArchivePlan, archivePlan, makeArchive } from './archive.js';
import { type Destination, destinationKind, openDestination, requireItems } from './backup-destination.js';
import { dryRun } from './backup-dry-run.js';
import { RunSnapshots } from './backup-snapshots.js';
import { verifyBackup } from './backup-verify.js';
import { noticeClearCopy } from './clear-copy.js';
import { compactFirst } from './compaction-first.js';
import { fileRoom } from './file-room.js';
import { noticeFolderLosses } from './folder-losses.js';
import { growing } from './growth.js';
import { noticeKeptForm } from './kept-form.js';
import { noticeLeftOut } from './left-out.js';
import { resuming } from './link-loss.js';
import { Resumption } from './resumption.js';
import { openReadable, openWhole, type Side, secondPassphrase } from './sides.js';
import { newSnapshotName } from './snapshot.js';
import { type HostReserve, startupRoom } from './startup-room.js';
import { noticeSystemSource } from './system-source.js';

/** Seconds between commits. */
const COMMIT_EVERY = 30;
/** Bytes from which a file is built under another name first. */
const LARGE_FILE = 64 << 20;
/** B25: SafetyNet of an image that a backup made is kept for a day. */
const SAFETYNET_KEEP = 86_400;

export const backup: Operation<'backup'> = (given, context) =>
  resuming(given, context, (once, watched, resumption) => {
    // From here on the destination's passphrase is the only one.
    const passphrase = secondPassphrase(once.source, once, watched);
    const plan = archivePlan({ ...once, passphrase }, watched);
    if (plan) return backUpArchive(plan, once, watched);
    const plain = { ...watched, sourceDateEpoch: undefined };
    return growing(once, plain, (same, inner) => backUp(same, inner, resumption));
  });

/** Begins at nothing after each loss of the destination: what is not whole is nothing. */
function backUpArchive(plan: ArchivePlan, given: BackupOptions, context: RunContext): SummaryEvent {
  const started = context.now();
  const options = { ...given, passphrase: secondPassphrase(given.source, given, context) };
  context.emit({ type: 'phase', name: 'identity' });
  const source = openSource(given, context);
  try {
    if (source.stack === null) noticeFolderLosses(options.source, context);
    noticeLeftOut(source, context);
    if (!plan.replaces && plan.encryption === undefined) noticeClearCopy(options, context);
    if (options.dryRun) return dryRun(options, 'new-image', source, context, plan);
    noticeSystemSource(options.source, source.volume, context);
    const reserve = startupRoom(options, 'new-image', source, context);
    const perform = (destination: Destination, own: RunContext) => {
      context.progress.set('items', 0);
      const resumption = new Resumption(options);
      const parts = { options, context: own, source, destination, started: own.now(), resumption, reserve };
      return newRun(parts, false).perform();
    };
    const summary = makeArchive(plan, { options, source, perform }, context);
    return { ...summary, seconds: Math.round((context.now() - started) * 1000) / 1000 };
  } finally {
    source.close();
  }
}

function backUp(given: BackupOptions, context: RunContext, resumption: Resumption): SummaryEvent {
  context.progress.set('items', 0);
  const started = context.now();
  // From here on the destination's passphrase is the only one.
  const options = { ...given, passphrase: secondPassphrase(given.source, given, context) };
  context.emit({ type: 'phase', name: 'identity' });
  const kind = destinationKind(options, context);
  const source = openSource(given, context);
  try {
    const isFirst = given.continues === undefined;
    if (isFirst && source.stack === null) noticeFolderLosses(options.source, context);
    if (isFirst) noticeLeftOut(source, context);
    if (isFirst && kind === 'new-image' && newEncryption(options) === undefined) noticeClearCopy(options, context);
    if (options.dryRun) return dryRun(options, kind, source, context);
    if (kind === 'image' || kind === 'folder') resumption.found();
    if (isFirst && kind.endsWith('image')) noticeSystemSource(options.source, source.volume, context);
    const reserve = startupRoom(options, kind, source, context);
    if (kind === 'image') compactFirst(options, context);
    context.emit({ type: 'phase', name: 'open' });
    const destination = openDestination(options, source, context);
    return newRun({ options, context, source, destination, started, resumption, reserve }, isFirst).perform();
  } finally {
    source.close();
  }
}

/** An image's checksums are compared before the first attempt. */
function openSource(given: BackupOptions, context: RunContext): Side {
  const { source, sourceVolume: volume, passphrase, waitLock, ignoreChecksums, dryRun, continues } = given;
  const open = dryRun || continues !== undefined ? openReadable : openWhole;
  return open(source, { volume, passphrase, waitLock, ignoreChecksums }, context);
}

interface RunParts {
  readonly options: BackupOptions;
  readonly context: RunContext;
  readonly source: Side;
  readonly destination: Destination;
  readonly started: number;
  readonly resumption: Resumption;
  readonly reserve: HostReserve | null;
}

function newRun(parts: RunParts, isFirst: boolean): BackupRun {
  try {
    if (isFirst) noticeKeptForm(parts.options, parts.destination, parts.context);
    parts.resumption.opened(parts.destination);
    return new BackupRun(parts);
  } catch (error) {
    giveUp(parts.destination);
    throw error;
  }
}

/** Null if there is none to make, or an attempt before made it. */
function snapshotToMake({ options, destination, started, resumption }: RunParts): string | null {
  if (options.makeSnapshot === undefined) return null;
  const known = resumption.snapshotName;
  if (known !== null) return destination.stack?.live.snapshots?.some(({ name }) => name === known) ? null : known;
  resumption.snapshotName = newSnapshotName(destination, options.makeSnapshot, started);
  return resumption.snapshotName;
}

/** After a failure: what a host that is gone says to it is nothing new. */
function giveUp(destination: Destination): void {
  try {
    destination.abandon();
  } catch (error) {
    if (!(error instanceof StoreError) && !(error instanceof LockedError)) throw error;
  }
}

class BackupRun {
  readonly #options: BackupOptions;
  readonly #context: RunContext;
  readonly #source: Side;
  readonly #destination: Destination;
  readonly #started: number;
  readonly #resumption: Resumption;
  readonly #report: Report;
  readonly #content: ContentCopier;
  readonly #committer: Committer;
  readonly #snapshotName: string | null;
  readonly #snapshots: RunSnapshots;
  #checksums: ChecksumBook | null = null;

  constructor(parts: RunParts) {
    const { options, context, source, destination, started, resumption } = parts;
    this.#options = options;
    this.#context = context;
    this.#source = source;
    this.#destination = destination;
    this.#started = started;
    this.#resumption = resumption;
    this.#snapshotName = snapshotToMake(parts);
    this.#snapshots = new RunSnapshots(options, { ...destination, isNew: resumption.isNew }, context);
    this.#report = new Report(context.emit, context.progress);
    this.#content = new ContentCopier(context.progress);
    const rooms = [fileRoom(destination, context), parts.reserve].filter((room) => room !== null);
    this.#content.room = { require: (bytes) => rooms.forEach((room) => void room.require(bytes)) };
    this.#committer = new Committer({
      fileSystem: destination.fileSystem,
      progress: context.progress,
      every: options.commitEvery ?? (destination.isDraft ? Number.POSITIVE_INFINITY : COMMIT_EVERY),
      now: context.now,
      committing: () => {
        // What the last commit's nodes left lies between what stays, and this one is the peak.
        if (destination.isDraft) giveMemoryBack();
        this.#noteCommit();
      },
      committed: () => resumption.committed(),
    });
  }

  #noteCommit(): void {
    const { record, count: commits } = this.#committer;
    if (!record) return;
    const { counts } = this.#report;
    this.#resumption.committing({
      run: record.run,
      commits,
      counts,
      copied: this.#content.bytes,
      written: this.#written,
    });
  }

  perform(): SummaryEvent {
    let failure: unknown = null;
    try {
      this.#mirror();
      if (this.#options.verify) this.#verify();
    } catch (error) {
      failure = error;
    }
    const interrupted = failure instanceof CancelledError;
    try {
      const isKept = interrupted || failure instanceof VolumeFullError;
      this.#end(failure === null || (isKept && !this.#destination.isDraft), failure === null);
    } finally {
      this.#checksums?.close();
    }
    this.#report.close();
    if (failure !== null && !interrupted) throw failure;
    return this.#summary(interrupted || this.#snapshots.wasCut);
  }

  /** Commits, and reads once more what was written; what differs is a problem. */
  #verify(): void {
    this.#context.emit({ type: 'phase', name: 'commit' });
    this.#committer.commit();
    this.#context.emit({ type: 'phase', name: 'verify' });
    const source = this.#source.volume;
    const told = new Set(this.#report.problems.map(({ path }) => path));
    verifyBackup({
      source,
      target: this.#destination.volume,
      filter: new Filter(this.#filterOptions(), source),
      checksums: this.#checksums,
      between: () => {
        if (this.#context.progress.cancelled) throw new CancelledError();
      },
      differs: (path, how) => {
        if (!told.has(path)) this.#report.problem(path, 'verify', `differs after the backup: ${how}`);
      },
    });
  }

  /** What was finished is committed, unless the tree may show something half-done. */
  #end(isSound: boolean, isWhole: boolean): void {
    try {
      if (isSound) this.#finish(isWhole);
    } catch (error) {
      giveUp(this.#destination);
      throw error;
    }
    if (isSound) this.#destination.close();
    else giveUp(this.#destination);
  }

  #finish(isWhole: boolean): void {
    this.#context.emit({ type: 'phase', name: 'commit' });
    const { counts, bytesScanned } = this.#report;
    this.#committer.commit(isWhole ? { items: counts.scanned, bytes: bytesScanned } : null);
    if (!isWhole) return;
    this.#makeSnapshot();
    this.#snapshots.retain();
  }

  /** Only of a run that saw all of its source. */
  #makeSnapshot(): void {
    const name = this.#snapshotName;
    const { stack, fileSystem } = this.#destination;
    if (name === null || !stack) return;
    this.#context.emit({ type: 'phase', name: 'snapshot' });
    fileSystem.createSnapshot(stack.live, name);
  }

  #mirror(): void {
    const { emit, now } = this.#context;
    const { volume } = this.#destination;
    if (!this.#resumption.isNew) requireItems(this.#source, this.#destination, this.#options);
    const folders = this.#folders();
    const hasNetFolder = (this.#options.safetyNet ?? true) && !this.#snapshots.keepsBySnapshot;
    const netName = hasNetFolder ? freeSafetyNetName(volume, folders, this.#started) : null;
    emit({ type: 'phase', name: 'prune' });
    this.#prune(folders);
    clearPartial(volume, folders, this.#committer.settle);
    this.#openRecord(folders, netName, this.#snapshots.keepBefore(this.#started));
    this.#openChecksums(folders);
    emit({ type: 'phase', name: 'copy' });
    const { sourceDateEpoch: epoch, random } = this.#context;
    const isFolder = this.#source.stack === null;
    const shown = isFolder && epoch !== undefined ? (item: Item) => withReproducibleTimes(item, epoch) : undefined;
    const source = new GuardedSource(this.#source.volume, { mayLoop: !isFolder, shown });
    const aside = this.#aside(folders, netName);
    this.#report.onMade = (path) => aside.made(path);
    new Mirror({
      source,
      sourceRoot: source.root,
      target: volume,
      filter: new Filter(this.#filterOptions(), source),
      report: this.#report,
      content: this.#content,
      aside,
      partial: () => folders.own('partial'),
      largeFile: LARGE_FILE,
      idsLast: this.#destination.stack !== null,
      checksum: this.#options.checksum ?? false,
      remove: this.#options.delete ?? true,
      maxDelete: this.#options.maxDelete ?? null,
      settle: this.#committer.settle,
      // What is made afresh each time is never compared with its source again.
      now: this.#destination.isDraft ? () => Number.POSITIVE_INFINITY : now,
      random,
    }).run();
    rememberVolume(volume.uuid);
  }

  #folders(): OwnFolders {
    const { uid, gid } = this.#source.volume.root;
    return new OwnFolders(this.#destination.volume, { mode: 0o755, uid, gid, now: this.#started });
  }

  #prune(folders: OwnFolders): void {
    const asked = this.#options.safetyNetKeep;
    const isOurs =
      this.#resumption.isNew ||
      folders.find('.tintype', 'runs') !== null ||
      isKnownVolume(this.#destination.volume.uuid);
    if (asked === undefined && !isOurs) return;
    pruneSafetyNet(this.#destination.volume, folders, {
      keep: asked ?? SAFETYNET_KEEP,
      now: this.#started,
      between: this.#committer.settle,
    });
    this.#snapshots.prune(this.#started);
  }

  /** Of images: in a folder, the host's inodes say nothing lasting. */
  #openChecksums(folders: OwnFolders): void {
    if (!this.#destination.stack) return;
    const hasher = this.#context.newHasher?.() ?? new SerialHasher();
    const book = new ChecksumBook({ volume: this.#destination.volume, folders, hasher });
    this.#checksums = book;
    this.#content.checksums = book;
    this.#committer.checksums = book;
  }

  #openRecord(folders: OwnFolders, safetynet: string | null, snapshot: NetSnapshot | null): void {
    this.#context.progress.set('totalItems', lastTotals(this.#destination.volume)?.items ?? 0);
    const { previous } = this.#resumption;
    // Neither place nor host is part of the input.
    const place = this.#context.sourceDateEpoch === undefined ? {} : { source: '', host: '' };
    const record = startRecord(this.#destination.volume, folders, {
      started: this.#started,
      source: this.#options.source,
      ...place,
      safetynet,
      ...(snapshot ? { snapshot } : {}),
      ...(previous === null ? {} : { continues: previous }),
      owner: this.#source.volume.root,
      random: this.#context.random,
    });
    this.#resumption.recorded(record.run);
    this.#report.record = record;
    this.#committer.record = record;
  }

  #aside(folders: OwnFolders, netName: string | null): Aside {
    const { volume } = this.#destination;
    if (netName === null) return new Discard(volume, folders, this.#committer.settle);
    const { uid, gid } = this.#source.volume.root;
    return new SafetyNet(
      volume,
      folders,
      netName,
      { mode: 0o755, uid, gid, now: this.#started },
      this.#committer.settle,
    );
  }

  #filterOptions() {
    const { filters, excludeCaches, oneFileSystem } = this.#options;
    const paths = this.#destination.stack?.image.ownPaths ?? [this.#options.destination];
    const ownFiles = new Set(paths.flatMap((path) => identityAt(path) ?? []));
    return {
      rules: filters ?? [],
      excludeCaches: excludeCaches ?? false,
      oneFileSystem: oneFileSystem ?? false,
      ownFiles,
    };
  }

  get #written(): number {
    return this.#destination.stack?.device.bytesWritten ?? this.#content.bytes;
  }

  #summary(interrupted: boolean): SummaryEvent {
    const { counts, problems, bytesScanned } = this.#report;
    const resumption = this.#resumption;
    return {
      type: 'summary',
      source: this.#options.source,
      destination: this.#options.destination,
      items: resumption.items(counts),
      bytes: { scanned: bytesScanned, ...resumption.bytes(this.#content.bytes, this.#written) },
      seconds: Math.round((this.#context.now() - (this.#options.continues ?? this.#started)) * 1000) / 1000,
      commits: resumption.commitsWith(this.#committer.count),
      interrupted,
      ...this.#snapshots.summary,
      problems,
    };
  }
}
