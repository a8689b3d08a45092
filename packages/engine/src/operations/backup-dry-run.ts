// A dry run: the same plans as a run makes, counted instead of carried out, and what a new image would take.

import { dirname } from 'node:path';
import { CancelledError, CorruptError, type Item, MemoryDevice, Progress, type WritableVolume } from '@tintype/core';
import { identityAt } from '@tintype/host';
import type { BackupEstimate, SummaryEvent } from '../events.js';
import { formatFor } from '../maintenance/create.js';
import type { BackupOptions, RunContext } from '../operation.js';
import { newVolume } from '../rules/new-volume.js';
import { oldestMacOS } from '../rules/oldest-macos.js';
import { drivers } from '../stack.js';
import { plainAttributesDiffer, sharedTraits } from '../tree/compare.js';
import { ContentCopier } from '../tree/content.js';
import { Filter } from '../tree/filter.js';
import { type Frame, planOf } from '../tree/folder-plans.js';
import { isFirst } from '../tree/measure.js';
import { OriginalNames } from '../tree/original-names.js';
import type { Change, FolderPlan } from '../tree/plan.js';
import { Removals } from '../tree/removals.js';
import { Report } from '../tree/report.js';
import { GuardedSource, SourceError } from '../tree/source-guard.js';
import { sameXattrs } from '../tree/xattrs.js';
import type { ArchivePlan } from './archive.js';
import { archiveSizes, ContentSampler } from './archive-sample.js';
import { type DestinationKind, requireItems } from './backup-destination.js';
import { folderSide, imageSide, openReadable, type Side, secondPassphrase } from './sides.js';
import { sourceForm } from './source-form.js';

const BLOCK = 4096;
/** Catalog records of one item, and half as much again for nodes that are not full. */
const METADATA_PER_ITEM = 450;
/** Journal, bitmap, and the empty trees' first nodes. */
const FIXED_METADATA = 16 << 20;

/** `archive`: what is to be made, where that is a read-only image. */
export function dryRun(
  options: BackupOptions,
  kind: DestinationKind,
  source: Side,
  context: RunContext,
  archive: ArchivePlan | null = null,
): SummaryEvent {
  const started = context.now();
  context.emit({ type: 'phase', name: 'scan' });
  const target = openTarget(options, kind, source, context);
  try {
    if (kind === 'image' || kind === 'folder') requireItems(source, target, options);
    const report = new Report(context.emit, context.progress);
    const sampler = archive && new ContentSampler(archive.format, options.level);
    const content = new ContentCopier(new Progress());
    const contents = scan(options, source, target, { report, context, sampler, content });
    report.close();
    return {
      type: 'summary',
      source: options.source,
      destination: options.destination,
      dryRun: true,
      items: { ...report.counts },
      bytes: { scanned: report.bytesScanned, copied: 0, written: 0 },
      seconds: Math.round((context.now() - started) * 1000) / 1000,
      commits: 0,
      problems: report.problems,
      ...(kind === 'new-image' || kind === 'new-folder'
        ? {
            estimate: estimate(options, context, report, {
              contents,
              archive,
              sampler,
              fileSystem: target.fileSystem.kind,
            }),
          }
        : {}),
    };
  } finally {
    target.close();
  }
}

/** The target to compare with; for a new one an empty volume in memory, which knows the names and times it would keep. */
function openTarget(options: BackupOptions, kind: DestinationKind, source: Side, context: RunContext): Side {
  if (kind === 'image') return imageSide(options.destination, false, options, context);
  if (kind === 'folder') return folderSide(options.destination, false);
  const { fs, caseSensitive } = newVolume(options, sourceForm(source));
  const driver = drivers.find((candidate) => candidate.kind === fs) ?? drivers[0];
  const device = new MemoryDevice(new Uint8Array(2 << 20));
  const { now, random } = context;
  driver?.format(device, {
    volumeName: 'new',
    caseSensitive,
    now: Math.floor(now()),
    random,
    uid: 0,
    gid: 0,
  });
  const fileSystem = driver?.open(device, { writable: false, now, random });
  const volume = fileSystem?.volumes[0];
  if (!fileSystem || !volume) throw new Error('a file system that was just made can be opened');
  return {
    path: options.destination,
    volume: new OriginalNames(volume),
    fileSystem,
    stack: null,
    close: () => fileSystem.close(),
    abandon: () => fileSystem.abandon(),
  };
}

/** What a run that would begin now would write to its image: contents in whole blocks, and records. */
export function bytesToWrite(options: BackupOptions, context: RunContext): number {
  const { sourceVolume: volume, passphrase, waitLock, ignoreChecksums } = options;
  const quiet = { ...context, progress: new Progress() };
  const source = openReadable(options.source, { volume, passphrase, waitLock, ignoreChecksums }, quiet);
  try {
    const choice = { ...options, snapshot: undefined, passphrase: secondPassphrase(options.source, options, quiet) };
    const target = imageSide(options.destination, false, choice, quiet);
    try {
      const report = new Report(() => {}, quiet.progress);
      const { blocks } = scan(options, source, target, { report, context, sampler: null });
      return blocks + (report.counts.created + report.counts.replaced) * METADATA_PER_ITEM;
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
}

/** Contents that a run without a backup before it would copy, in whole blocks. */
export function selectedBytes(options: BackupOptions, source: Side, context: RunContext): number {
  const target = openTarget(options, 'new-image', source, context);
  try {
    const report = new Report(() => {}, new Progress());
    return scan(options, source, target, { report, context, sampler: null }).blocks;
  } finally {
    target.close();
  }
}

interface ScanMeans {
  readonly report: Report;
  readonly context: RunContext;
  readonly sampler: ContentSampler | null;
  /** Compares what is in doubt; without it, that counts as unchanged. */
  readonly content?: ContentCopier;
}

/** Of new files, in bytes; of one with several names once. */
interface Contents {
  bytes: number;
  /** In whole blocks. */
  blocks: number;
}

/** Walks both sides. @throws CancelledError */
function scan(
  options: BackupOptions,
  side: Side,
  target: Side,
  { report, context, sampler, content }: ScanMeans,
): Contents {
  const source = new GuardedSource(side.volume, { mayLoop: side.stack !== null });
  const { filters, excludeCaches, oneFileSystem } = options;
  const rules = { rules: filters ?? [], excludeCaches: excludeCaches ?? false, oneFileSystem: oneFileSystem ?? false };
  const paths = target.stack?.image.ownPaths ?? [options.destination];
  const ownFiles = new Set(paths.flatMap((path) => identityAt(path) ?? []));
  const filter = new Filter({ ...rules, ownFiles }, source);
  const sides = {
    source,
    target: target.volume,
    filter,
    report,
    checksum: content !== undefined && options.checksum === true,
  };
  const removals = new Removals({ target: target.volume, report, maxDelete: options.maxDelete ?? null });
  const contents: Contents = { bytes: 0, blocks: 0 };
  const seen = new Set<string>();
  const stack: (Frame & { rest: Frame[] | null })[] = [
    { source: source.root, target: target.volume.root.id, path: '', rest: null },
  ];
  for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
    if (context.progress.cancelled) throw new CancelledError();
    if (!frame.rest) {
      const planned = planOf(frame, sides);
      const plan = planned?.plan;
      if (planned) removals.add(frame, planned);
      const replaced = [...(plan?.replace ?? [])];
      if (content && plan) countChanges(plan, frame.path, { ...sides, content }, replaced);
      const { counts } = report;
      counts.created += plan?.create.length ?? 0;
      counts.replaced += replaced.length;
      counts.unchanged += plan?.keep.length ?? 0;
      // A further name of what is there already.
      const isReplaced = new Set(replaced);
      for (const change of [...(plan?.keep ?? []), ...(plan?.update ?? []), ...(plan?.look ?? [])])
        if (!isReplaced.has(change)) isFirst(change.source, seen);
      for (const item of [...(plan?.create ?? []), ...replaced.map((change) => change.source)]) {
        if (item.kind !== 'file' || !isFirst(item, seen)) continue;
        contents.bytes += item.size;
        contents.blocks += Math.ceil(item.size / BLOCK) * BLOCK;
        sampler?.add(source, item);
      }
      frame.rest = foldersBelow(frame, plan);
    }
    const next = frame.rest.pop();
    if (next) stack.push({ ...next, rest: null });
    else {
      source.leave(frame.source.id);
      stack.pop();
    }
  }
  if (options.delete ?? true) report.counts.removed += removals.foreseen();
  return contents;
}

/** Counts what gets attributes; what has another content is added to `replaced`. */
function countChanges(plan: FolderPlan, folder: string, sides: DrySides, replaced: Change[]): void {
  const { counts } = sides.report;
  const count = (change: Change) => {
    if (attributesDiffer(change, folder, sides)) counts.updated += 1;
    else counts.unchanged += 1;
  };
  for (const change of plan.update) count(change);
  for (const change of plan.look)
    if (contentDiffers(change, folder, sides)) replaced.push(change);
    else count(change);
}

interface DrySides {
  readonly source: GuardedSource;
  readonly target: WritableVolume;
  readonly report: Report;
  readonly content: ContentCopier;
}

/** A change of nothing but the change time does not count. */
function attributesDiffer({ source, target }: Change, folder: string, sides: DrySides): boolean {
  try {
    if (plainAttributesDiffer(source, target, sharedTraits(sides.source.traits, sides.target.traits))) return true;
    if (!source.hasXattrs && !target.hasXattrs) return false;
    return !sameXattrs(sides.source, source, sides.target, target.id);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    sides.report.failed(`${folder}/${source.name}`, error);
    return false;
  } finally {
    if (source.kind !== 'directory') sides.source.release(source.id);
  }
}

/** As a run finds it: a copy that cannot be read differs; if it is the source that cannot be, the copy stays. */
function contentDiffers({ source, target }: Change, folder: string, sides: DrySides): boolean {
  try {
    return !sides.content.equal(sides.source, source, sides.target, target);
  } catch (error) {
    if (error instanceof CorruptError) return true;
    if (!(error instanceof SourceError)) throw error;
    sides.report.kept(`${folder}/${source.name}`, error);
    return false;
  } finally {
    sides.source.release(source.id);
  }
}

function foldersBelow(frame: Frame, plan: FolderPlan | undefined): Frame[] {
  if (!plan) return [];
  const at = (source: Item, target: number | null): Frame => ({ source, target, path: `${frame.path}/${source.name}` });
  const both = plan.folders.map(({ source, target }) => at(source, target.id));
  const fresh = plan.create.filter((item) => item.kind === 'directory').map((item) => at(item, null));
  return [...both, ...fresh].reverse();
}

function estimate(
  options: BackupOptions,
  context: RunContext,
  report: Report,
  found: {
    readonly contents: Contents;
    readonly archive: ArchivePlan | null;
    readonly sampler: ContentSampler | null;
    readonly fileSystem: string;
  },
): BackupEstimate {
  const { contents, archive, sampler, fileSystem } = found;
  const metadata = report.counts.scanned * METADATA_PER_ITEM;
  const content = { ...contents, metadata };
  const image = contents.blocks + metadata + FIXED_METADATA;
  const sizes = archive && sampler ? archiveSizes(archive, sampler, content) : { imageSize: image, peakSpace: image };
  return {
    items: report.counts.scanned,
    bytes: contents.bytes,
    ...sizes,
    freeSpace: context.store.facts(dirname(options.destination)).free,
    oldestMacOS: oldestMacOS(fileSystem, formatFor(options.destination, options.format, 'udzo')),
  };
}
