// A backup to a read-only image: made afresh beside the old one, in one pass, with no image between; it shows under its
// name when it is whole (B8, B35).

import { basename, dirname, extname } from 'node:path';
import {
  type FileStore,
  type FileSystemDriver,
  RefusedError,
  UnsupportedError,
  VolumeFullError,
  WindowDevice,
} from '@tintype/core';
import {
  ARCHIVE_LIMIT,
  createDraft,
  type DraftImage,
  detect,
  imageFacts,
  openImage,
  partitionMap,
  requireArchiveSize,
  segmentsBeside,
} from '@tintype/image';
import type { SummaryEvent } from '../events.js';
import { withinFileSize } from '../file-size-limit.js';
import { freeRangesOf } from '../free-ranges.js';
import { type Locking, locking } from '../locking.js';
import {
  type ArchiveFormat,
  archiveFormat,
  encryptionOf,
  formatFor,
  requireParent,
  requirePassphrase,
} from '../maintenance/create.js';
import { keptPath, setAside, settleAside } from '../maintenance/kept-archives.js';
import { finishReplacement, prepareDraft, removeDraft, replaceImage } from '../maintenance/replace-image.js';
import type { BackupOptions, RunContext } from '../operation.js';
import { reproducible } from '../reproducible.js';
import { archiveCapacity, requireDiskSize } from '../rules/capacity.js';
import { newEncryption } from '../rules/new-encryption.js';
import { type NewVolume, newVolume } from '../rules/new-volume.js';
import { needsSnapshots } from '../rules/snapshot-policy.js';
import { drivers, mount, PARTITION_TYPES, probeVolumes } from '../stack.js';
import { Filter } from '../tree/filter.js';
import { measureTree } from '../tree/measure.js';
import { GuardedSource } from '../tree/source-guard.js';
import { UsageError } from '../usage-error.js';
import { type Destination, requireNew } from './backup-destination.js';
import type { Side } from './sides.js';
import { sourceForm } from './source-form.js';

/** How often a volume that turns out too small is made larger: the source has more than its sizes said. */
const ATTEMPTS = 4;
const GROWTH = 1.5;

/** What kind of archive a backup makes; null if its destination is not to be one. */
export interface ArchivePlan {
  readonly format: ArchiveFormat;
  readonly encryption: 'aes-128' | 'aes-256' | undefined;
  /** True if there is one already. */
  readonly replaces: boolean;
}

/** @throws RefusedError, UsageError, PassphraseError */
export function archivePlan(options: BackupOptions, context: RunContext): ArchivePlan | null {
  const { store } = context;
  const { destination, format } = options;
  finishReplacement(store, destination);
  if (options.keep !== undefined && !options.replace)
    throw new UsageError('--keep says how many old archives stay when one is replaced: say also --replace');
  const isThere = store.kind(destination) !== null;
  if (isThere && detect(store, destination) !== null) return existingPlan(options, context);
  const wanted = archiveFormat(formatFor(destination, format, 'udzo'));
  if (!wanted || isThere) {
    if (options.replace) throw new UsageError(`--replace is for read-only images, and ${destination} is none`);
    return null;
  }
  requireNew(options);
  requireParent(store, dirname(destination));
  return { format: wanted, encryption: encryptionOf({ encryption: newEncryption(options) }), replaces: false };
}

function existingPlan(options: BackupOptions, context: RunContext): ArchivePlan | null {
  const { destination } = options;
  const found = existingFormat(options, context);
  const format = archiveFormat(found.format);
  if (!format) {
    if (options.replace)
      throw new UsageError(`--replace is for read-only images; ${destination} is brought up to date`);
    return null;
  }
  if (!options.replace)
    throw new RefusedError(
      'read-only-image',
      `${destination} is a read-only image (${format}); nothing was changed. To make it afresh, say --replace`,
      { path: destination },
    );
  if ((options.keep ?? 0) > 0 && segmentsBeside(context.store, destination).length > 0)
    throw new RefusedError(
      'segmented',
      `${destination} is in several files, of which --keep can keep none; join them with 'tintype convert' first, or say --keep 0`,
      { path: destination },
    );
  const wanted = options.format === undefined ? format : archiveFormat(options.format);
  if (!wanted) throw new UsageError(`${destination} is a read-only image, and cannot become ${options.format}`);
  // What was secret stays so, unless something else is said.
  const encryption = options.encryption === undefined ? found.encryption : encryptionOf(options);
  return { format: wanted, encryption, replaces: true };
}

/** What is encrypted shows its format only to those who may open it: then it is asked for only if it is to be replaced. */
function existingFormat(
  { destination, replace, passphrase, waitLock = 0 }: BackupOptions,
  { store, holder }: RunContext,
): Pick<ArchivePlan, 'encryption'> & { readonly format: string } {
  const facts = imageFacts(store, destination);
  if (!facts.encryption || !replace) return { format: facts.format, encryption: undefined };
  const image = openImage(store, destination, {
    writable: false,
    waitLock,
    holder,
    allowTimeMachine: true,
    passphrase,
    // A damaged one is replaced as well.
    ignoreChecksums: true,
  });
  const { format } = image;
  image.close();
  return { format, encryption: facts.encryption.keyBits === 128 ? 'aes-128' : 'aes-256' };
}

/** `context`: of the run, which may have a clock and numbers of its own. */
export type PerformRun = (destination: Destination, context: RunContext) => SummaryEvent;

/** Measures the source, makes the archive, and lets it take its place. Whatever fails leaves what was there before. */
export function makeArchive(
  plan: ArchivePlan,
  {
    options,
    source,
    perform,
  }: { readonly options: BackupOptions; readonly source: Side; readonly perform: PerformRun },
  context: RunContext,
): SummaryEvent {
  requireSecret(plan, options);
  const chosen = newVolume(options, sourceForm(source));
  const driver = drivers.find(({ kind }) => kind === chosen.fs);
  if (!driver) throw new UnsupportedError(`volumes of the file system ${chosen.fs} cannot be written yet`);
  if (needsSnapshots(options) && chosen.fs !== 'apfs')
    throw new UnsupportedError(`${options.destination} cannot have snapshots: only APFS volumes can (--fs apfs)`);
  if (options.size !== undefined) requireDiskSize(options.size);
  context.emit({ type: 'phase', name: 'scan' });
  const content =
    options.size !== undefined && options.size <= ARCHIVE_LIMIT ? null : measured(options, source, context);
  if (content) requireArchiveSize(content.blocks, options.destination);
  let size = options.size ?? archiveCapacity(content ?? { items: 0, blocks: 0 });
  for (let attempt = 1; ; attempt += 1) {
    const archive = new Archive({ plan, options, source, chosen, driver, size, context });
    try {
      return withinFileSize(options.destination, context, () => archive.make(perform));
    } catch (error) {
      if (!(error instanceof VolumeFullError) || options.size !== undefined || attempt === ATTEMPTS) throw error;
      size = Math.ceil((size * GROWTH + error.needed) / 4096) * 4096;
    }
  }
}

function requireSecret({ encryption }: ArchivePlan, options: BackupOptions): void {
  const { destination, passphrase, mustEncrypt } = options;
  if (mustEncrypt && passphrase && encryption === undefined && options.encryption === undefined)
    throw new UsageError(
      `a passphrase is given, but ${destination} would be clear: say also --encryption aes-128 or aes-256 (or none)`,
    );
  requirePassphrase({ encryption, passphrase, image: destination });
}

function measured(options: BackupOptions, { volume, stack }: Side, { progress }: RunContext) {
  const source = new GuardedSource(volume, { mayLoop: stack !== null });
  const { filters, excludeCaches, oneFileSystem } = options;
  const rules = { rules: filters ?? [], excludeCaches: excludeCaches ?? false, oneFileSystem: oneFileSystem ?? false };
  return measureTree(source, new Filter({ ...rules, ownFiles: new Set() }, source), () => progress.check());
}

interface ArchiveParts {
  readonly plan: ArchivePlan;
  readonly options: BackupOptions;
  readonly source: Side;
  readonly chosen: NewVolume;
  readonly driver: FileSystemDriver;
  readonly size: number;
  readonly context: RunContext;
}

class Archive {
  readonly #parts: ArchiveParts;
  readonly #store: FileStore;
  readonly #locks: Locking;
  readonly #lanes;
  readonly #volumeName: string;
  /** Of what is written. */
  readonly #inner: RunContext;

  constructor(parts: ArchiveParts) {
    this.#parts = parts;
    const { plan, options, source, size, context } = parts;
    const { destination, volumeName } = options;
    const ownName = basename(destination, extname(destination));
    this.#volumeName = volumeName ?? (source.stack ? source.volume.name : ownName);
    const epoch = plan.encryption === undefined ? context.sourceDateEpoch : undefined;
    const same = { epoch: epoch ?? 0, volumeName: this.#volumeName, capacity: size };
    this.#inner = epoch === undefined ? { ...context, sourceDateEpoch: undefined } : reproducible(context, same);
    this.#store = context.store;
    this.#locks = locking(options.destination, options, context);
    this.#lanes = context.newLanes?.();
  }

  make(perform: PerformRun): SummaryEvent {
    const { options, context } = this.#parts;
    try {
      const path = prepareDraft(this.#store, options.destination, this.#locks, options.keep);
      context.emit({ type: 'phase', name: 'open' });
      const draft = this.#draft(path);
      try {
        const summary = perform(this.#mounted(draft), this.#inner);
        if (summary.interrupted) return summary;
        this.#finish(draft);
        const { fileBytes: bytes, peakBytes: peak, supersededBytes: superseded } = draft;
        const archive = { bytes, peak, superseded };
        return { ...summary, archive };
      } finally {
        this.#close(draft, path);
      }
    } finally {
      this.#lanes?.close();
    }
  }

  #draft(path: string): DraftImage {
    const { plan, options, chosen, size, context } = this.#parts;
    const { destination, passphrase, kdfRounds, level, keep = 0 } = options;
    const kept = Array.from({ length: keep }, (_, i) => keptPath(destination, i + 1));
    return createDraft(this.#store, path, {
      ...plan,
      size,
      level,
      passphrase,
      kdfRounds,
      lanes: this.#lanes,
      holder: context.holder,
      random: this.#inner.random,
      scheme: 'gpt',
      type: PARTITION_TYPES[chosen.fs] ?? 'Apple_HFS',
      replaces: [destination, ...kept],
    });
  }

  #mounted(draft: DraftImage): Destination {
    const { options, chosen, driver } = this.#parts;
    const { store, now, random } = this.#inner;
    const { destination } = options;
    const { start, size } = draft.partition;
    driver.format(new WindowDevice(draft.device, start, size), {
      volumeName: this.#volumeName,
      caseSensitive: chosen.caseSensitive,
      now: Math.floor(now()),
      random,
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
    });
    const stack = mount(destination, draft, { store, ...this.#locks, writable: true, now, random });
    // The image stays open: it is finished, or thrown away, when the run is over.
    return {
      path: destination,
      volume: stack.volume,
      fileSystem: stack.fileSystem,
      stack,
      isNew: true,
      isDraft: true,
      close: () => stack.fileSystem.close(),
      abandon: () => stack.fileSystem.abandon(),
    };
  }

  /** From the mounted volume to an image under its own name. */
  #finish(draft: DraftImage): void {
    const { plan, options, context } = this.#parts;
    const { destination, keep = 0 } = options;
    const volumes = probeVolumes(draft.device, partitionMap(draft.device));
    draft.finish([...freeRangesOf(draft.device, volumes, context)]);
    if (plan.replaces) this.#prove(draft);
    const isKept = plan.replaces && keep > 0 && this.#store.kind(destination) !== null;
    if (isKept) this.#setAside(destination);
    replaceImage(this.#store, destination, this.#locks);
    if (isKept) settleAside(this.#store, destination, { isReplaced: true, count: keep });
  }

  /** @throws CancelledError; RefusedError if the new archive does not read as it was written */
  #prove(draft: DraftImage): void {
    const { driver, options, context } = this.#parts;
    context.emit({ type: 'phase', name: 'verify' });
    const { start, size } = draft.partition;
    const between = () => context.progress.check();
    for (const found of [
      draft.verify(),
      driver.check(new WindowDevice(draft.finished(), start, size), { progress: between }),
    ])
      for (const finding of found) {
        between();
        if (finding.severity !== 'error') continue;
        const { destination } = options;
        throw new RefusedError(
          'archive-unsound',
          `the new archive does not read as it was written (${finding.place}: ${finding.message}); ${destination} is as it was`,
          { path: destination },
        );
      }
  }

  #setAside(path: string): void {
    if (setAside(this.#store, path)) return;
    throw new RefusedError(
      'no-links',
      `the file system of ${dirname(path)} cannot give a file two names, so the old archive cannot be kept beside the new one; say --keep 0, or rename it`,
      { path },
    );
  }

  /** Nothing is left of what is not finished. */
  #close(draft: DraftImage, path: string): void {
    try {
      draft.close();
    } finally {
      removeDraft(this.#store, path, this.#parts.options.destination);
    }
  }
}
