// Restore: copies out of a backup. What lies at the target is never overwritten without being asked (B48).

import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  CancelledError,
  hostPath,
  type Item,
  type ItemId,
  type ItemKind,
  RefusedError,
  type Volume,
  type WritableVolume,
} from '@tintype/core';
import { attempt } from '@tintype/host';
import type { SummaryEvent } from '../events.js';
import { lastTotals } from '../history/run-log.js';
import type { Operation, RestoreOptions, RunContext } from '../operation.js';
import { compareItems } from '../tree/compare.js';
import { type ContentChecksums, ContentCopier } from '../tree/content.js';
import { Creator } from '../tree/creator.js';
import { HardLinks } from '../tree/hard-links.js';
import { pairItems } from '../tree/pair.js';
import { type Change, planFolder } from '../tree/plan.js';
import { removeTree } from '../tree/remove.js';
import { Report } from '../tree/report.js';
import { SourceError } from '../tree/source-guard.js';
import { copyXattrs, mirrorXattrs } from '../tree/xattrs.js';
import { differences, type PathDifference } from './diff.js';
import { noticeFolderLosses } from './folder-losses.js';
import { RestoreView, rightsHere } from './restore-view.js';
import { folderSide, isWholeVolume, itemAt, openReadable, openWhole, requireFolder, type Side } from './sides.js';

export const restore: Operation<'restore'> = (options, context): SummaryEvent => {
  const started = context.now();
  context.emit({ type: 'phase', name: 'open' });
  // A sum is one of a whole table: who wants a part of it asks none.
  const open = isWholeVolume(options.path) && !options.dryRun ? openWhole : openReadable;
  const backup = open(options.image, options, context);
  try {
    // Before anything is made: what is not there cannot be restored.
    const { kind } = itemAt(backup.volume, options.path ?? '/');
    requireFolder(context.store, options.target);
    const made = prepareTarget(options, kind);
    const target = made && options.dryRun ? null : folderSide(options.target, !options.dryRun);
    noticeFolderLosses(options.target, context);
    const source = { volume: backup.volume, isImage: backup.stack !== null };
    const run = new RestoreRun(options, context, source, target);
    const interrupted = perform(run, made, target);
    if (options.verify && !options.dryRun && !interrupted) run.verify(context);
    return run.summary(started, interrupted);
  } finally {
    backup.close();
  }
};

/** Answers true if it was interrupted. Should it fail, what is whole by then gets its attributes, so that the same call goes on. */
function perform(run: RestoreRun, made: boolean, target: Side | null): boolean {
  let interrupted: boolean;
  try {
    interrupted = run.perform(made);
  } catch (error) {
    despite(() => target?.close());
    throw error;
  }
  target?.close();
  return interrupted;
}

/** One item that is restored by itself, and is not there. */
const MISSING: readonly PathDifference[] = [{ path: '/', difference: 'only in a' }];

/** What is still tried after a failure: that one is to be told, and not what comes of it. */
function despite(call: () => void): void {
  try {
    call();
  } catch {
    // Told is the failure before.
  }
}

/** True if the target was made by us (or would be). Closed until it gets the attributes of the folder that is restored. */
function prepareTarget({ target, dryRun }: RestoreOptions, kind: ItemKind): boolean {
  if (existsSync(hostPath(target))) return false;
  if (!existsSync(hostPath(dirname(target))))
    throw new RefusedError('no-parent', `the folder ${dirname(target)} does not exist`, { path: dirname(target) });
  if (!dryRun) attempt('mkdir', target, () => mkdirSync(hostPath(target), kind === 'directory' ? { mode: 0o700 } : {}));
  return true;
}

interface Frame {
  readonly source: Item;
  /** Null in a dry run where the folder is not there. */
  readonly target: Item | null;
  readonly path: string;
  readonly fresh: boolean;
  rest: Frame[] | null;
  /** Links that wait are here, or below: the folder gets its attributes with them. */
  waits: 'no' | 'here' | 'below';
}

/** A folder that links wait for, by path: handles of folders behind the walk were given up. */
interface WaitingFolder {
  readonly path: string;
  readonly fresh: boolean;
  readonly waits: 'here' | 'below';
}

function frameOf(source: Item, target: Item | null, path: string, fresh: boolean): Frame {
  return { source, target, path, fresh, rest: null, waits: 'no' };
}

/** @throws RefusedError if the folder is gone, or something else took its place */
function folderBelow(volume: Volume, from: Item, path: string): Item {
  let folder = from;
  for (const name of path.split('/').slice(1)) {
    const next = volume.lookup(folder.id, name);
    if (next?.kind !== 'directory')
      throw new RefusedError('changed', `the folder ${path} changed while the restore was running`, { path });
    folder = next;
  }
  return folder;
}

/** What is copied out. */
export interface RestoreSource {
  readonly volume: Volume;
  /** False for a folder of the host, which needs no trust and cannot lie in itself. */
  readonly isImage: boolean;
}

export class RestoreRun {
  readonly #options: RestoreOptions;
  readonly #context: RunContext;
  readonly #backup: RestoreSource;
  readonly #source: RestoreView;
  readonly #target: WritableVolume | null;
  readonly #report: Report;
  readonly #content: ContentCopier;
  readonly #creator: Creator | null;
  /** Folders below which links wait, the deepest first. */
  readonly #waiting: WaitingFolder[] = [];
  /** Of a dry run. */
  #bytesToCopy = 0;
  /** Files with several names whose bytes it has. */
  readonly #counted = new Set<string>();
  /** Folders that the walk is in, the deepest last. */
  #entered: Frame[] = [];

  constructor(
    options: RestoreOptions,
    context: RunContext,
    backup: RestoreSource,
    target: Side | null,
    checksums: ContentChecksums | null = null,
  ) {
    this.#options = options;
    this.#context = context;
    this.#backup = backup;
    this.#report = new Report(context.emit, context.progress);
    const rights = rightsHere(backup, options.trust);
    this.#source = new RestoreView(backup.volume, { mayLoop: backup.isImage }, rights, this.#report);
    this.#target = target?.volume ?? null;
    this.#content = new ContentCopier(context.progress);
    this.#content.checksums = checksums;
    this.#creator =
      target &&
      new Creator({
        source: this.#source,
        target: target.volume,
        content: this.#content,
        links: new HardLinks(),
        idsLast: false,
        report: this.#report,
        largeFile: Number.POSITIVE_INFINITY,
        partial: () => target.volume.root.id,
        settle: () => this.#stopIfAsked(),
        random: context.random,
      });
  }

  /** True if it was interrupted. */
  perform(made: boolean): boolean {
    this.#context.emit({ type: 'phase', name: 'copy' });
    if (this.#backup.isImage && isWholeVolume(this.#options.path)) {
      const { items = 0, bytes = 0 } = lastTotals(this.#backup.volume) ?? {};
      this.#context.progress.set('totalItems', items);
      this.#context.progress.set('totalBytes', bytes);
    }
    const start = itemAt(this.#backup.volume, this.#options.path ?? '/');
    try {
      if (start.kind === 'directory') {
        this.#tree(start, made);
        this.#links(start);
      } else this.#folderItems(frameOf(start, this.#target?.root ?? null, '', made), this.#source.allowed([start]));
      return false;
    } catch (error) {
      despite(() => this.#finishFolders(start));
      if (error instanceof CancelledError) return true;
      throw error;
    } finally {
      this.#report.close();
    }
  }

  /** Compares all contents once more; what differs is a problem. */
  verify(context: RunContext): void {
    context.emit({ type: 'phase', name: 'verify' });
    const target = folderSide(this.#options.target, false);
    try {
      const start = itemAt(this.#backup.volume, this.#options.path ?? '/');
      const { root } = target.volume;
      const isFolder = start.kind === 'directory';
      const copy = isFolder ? root : target.volume.lookup(root.id, start.name);
      const rules = { contents: 'bytes', attributes: false } as const;
      const found = copy ? differences(this.#source, start, target.volume, copy, rules) : MISSING;
      for (const { path, difference } of found)
        if (difference !== 'only in b')
          this.#report.problem(
            isFolder ? path : `/${start.name}`,
            'verify',
            `differs after the restore: ${difference}`,
          );
    } finally {
      target.close();
    }
  }

  summary(started: number, interrupted: boolean): SummaryEvent {
    const { counts, bytesScanned, problems } = this.#report;
    return {
      type: 'summary',
      image: this.#options.image,
      target: this.#options.target,
      dryRun: this.#options.dryRun ?? false,
      items: { ...counts },
      bytes: { scanned: bytesScanned, copied: this.#content.bytes + this.#bytesToCopy },
      seconds: Math.round((this.#context.now() - started) * 1000) / 1000,
      interrupted,
      problems,
    };
  }

  #tree(start: Item, made: boolean): void {
    const stack: Frame[] = [frameOf(start, this.#target?.root ?? null, '', made)];
    this.#entered = stack;
    for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
      frame.rest ??= this.#folder(frame);
      const next = frame.rest.pop();
      if (next) stack.push(next);
      else {
        stack.pop();
        const above = stack.at(-1);
        if (frame.waits !== 'no' && above?.waits === 'no') above.waits = 'below';
        this.#leave(frame);
      }
    }
  }

  /** After a run that was cut: the folders it made get their attributes, since a later run takes them for the user's own. */
  #finishFolders(start: Item): void {
    const target = this.#target;
    if (!target) return;
    for (const { source, target: folder, path, fresh } of this.#entered.reverse())
      if (folder) this.#finish(source, folder, path, fresh);
    for (const { path, fresh } of this.#waiting)
      this.#finish(folderBelow(this.#source, start, path), folderBelow(target, target.root, path), path, fresh);
  }

  #folder(frame: Frame): Frame[] {
    try {
      this.#source.enter(frame.source.id, frame.path);
      const items = this.#source.list(frame.source.id);
      if (!this.#target) return this.#folderItems(frame, items);
      const first = items.filter((item) => item.kind !== 'symlink');
      if (first.length < items.length) frame.waits = 'here';
      return this.#folderItems(frame, first);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      this.#report.failed(frame.path || '/', error);
      return [];
    }
  }

  /** A folder gets its attributes when all below it is done, so that its times stay. */
  #leave({ source, target, path, fresh, waits }: Frame): void {
    if (waits !== 'no') this.#waiting.push({ path, fresh, waits });
    else if (target) this.#finish(source, target, path, fresh);
    this.#source.leave(source.id);
    if (this.#target && target && path !== '') this.#target.release(target.id);
  }

  #finish(source: Item, folder: Item, path: string, fresh: boolean): void {
    if (!this.#target || !this.#mayTouch(path, fresh)) return;
    if (path === '' && source.hasXattrs)
      copyXattrs(this.#source, source, this.#target, folder.id, this.#report.notKept);
    this.#target.setAttributes(folder.id, source);
  }

  #mayTouch(path: string, fresh: boolean): boolean {
    return fresh || this.#options.owned === true || (path !== '' && (this.#options.overwrite ?? 'never') !== 'never');
  }

  /** Symbolic links come last of all: while files are written, nothing that the backup brought leads elsewhere. */
  #links(start: Item): void {
    const target = this.#target;
    if (!target) return;
    for (const { path, fresh, waits } of this.#waiting) {
      try {
        const source = folderBelow(this.#source, start, path);
        const folder = folderBelow(target, target.root, path);
        if (waits === 'here') {
          const links = this.#source.list(source.id).filter((item) => item.kind === 'symlink');
          this.#folderItems(frameOf(source, folder, path, fresh), links);
        }
        this.#finish(source, folder, path, fresh);
      } catch (error) {
        if (!(error instanceof SourceError || error instanceof RefusedError)) throw error;
        this.#report.failed(path || '/', error);
      } finally {
        this.#source.release(start.id);
        target.release(target.root.id);
      }
    }
  }

  #folderItems(frame: Frame, sources: readonly Item[]): Frame[] {
    const { counts } = this.#report;
    for (const item of sources) this.#report.scanned(item.kind === 'file' ? item.size : 0);
    const target = this.#target ?? this.#backup.volume;
    const existing = frame.fresh || !frame.target || !this.#target ? [] : this.#target.list(frame.target.id);
    const pairs = pairItems(sources, existing, (name) => target.nameKey(name));
    const plan = planFolder(pairs, { traits: { ...target.traits, changeTimes: false }, checksum: false });
    const create = [...plan.create];
    const replaced = new Set<string>();
    for (const change of plan.replace)
      if (this.#makeRoom(change, frame)) {
        create.push(change.source);
        replaced.add(change.source.name);
      }
    for (const change of plan.update) this.#update(change);
    counts.unchanged += plan.keep.length;
    if (!this.#creator || !frame.target) {
      counts.created += create.length;
      for (const item of create) this.#wouldCopy(item);
      return this.#below(frame, plan.folders, create, null);
    }
    const made = this.#creator.createAll(frame.target.id, frame.path, create, 0, replaced);
    return this.#below(frame, plan.folders, create, made);
  }

  #below(frame: Frame, both: readonly Change[], create: readonly Item[], made: Map<string, ItemId> | null): Frame[] {
    const frames = both.map(({ source, target }) => frameOf(source, target, `${frame.path}/${source.name}`, false));
    for (const item of create) {
      if (item.kind !== 'directory') continue;
      const id = made?.get(item.name);
      if (made && id === undefined) continue;
      const target = id === undefined ? null : { ...item, id };
      frames.push(frameOf(item, target, `${frame.path}/${item.name}`, true));
    }
    return frames.reverse();
  }

  /** In a dry run: a file's contents come once, whatever names it has. */
  #wouldCopy({ kind, size, nlink, device, inode }: Item): void {
    if (kind !== 'file') return;
    const key = `${device}:${inode}`;
    if (nlink > 1 && this.#counted.has(key)) return;
    if (nlink > 1) this.#counted.add(key);
    this.#bytesToCopy += size;
  }

  /** Removes the target's item if the user allows it; else the conflict is a problem. */
  #makeRoom({ source, target }: Change, frame: Frame): boolean {
    const policy = this.#options.overwrite ?? 'never';
    const isAllowed = policy === 'always' || (policy === 'newer' && source.mtime > target.mtime);
    const path = `${frame.path}/${source.name}`;
    if (policy === 'newer' && !isAllowed && source.kind === target.kind) {
      this.#report.counts.unchanged += 1;
      return false;
    }
    const isFolderConflict = source.kind === 'directory' || target.kind === 'directory';
    if (!isAllowed || isFolderConflict) {
      const what = isFolderConflict
        ? `a ${target.kind} stands where the backup has a ${source.kind}`
        : 'another file is there already';
      this.#report.counts.failed += 1;
      this.#report.problem(path, 'conflict', what);
      return false;
    }
    if (this.#target && frame.target) removeTree(this.#target, frame.target.id, target, () => {});
    return true;
  }

  /** Same content, other attributes: set only if the user allowed to overwrite. */
  #update({ source, target }: Change): void {
    const volume = this.#target;
    const isSame =
      volume !== null &&
      compareItems({ ...source, hasXattrs: false }, { ...target, hasXattrs: false }, volume.traits) === 'none';
    if (!volume || source.kind === 'directory' || (this.#options.overwrite ?? 'never') === 'never') {
      this.#report.counts.unchanged += 1;
      return;
    }
    const changed = mirrorXattrs(this.#source, source, volume, target.id, this.#report);
    if (!isSame) volume.setAttributes(target.id, source);
    if (changed || !isSame) this.#report.counts.updated += 1;
    else this.#report.counts.unchanged += 1;
  }

  #stopIfAsked(): void {
    if (this.#context.progress.cancelled) throw new CancelledError();
  }
}
