// Migrate: moves a backup to a folder or to another image (B3). Copies all, compares both sides, goes on where a cut left
// it, and says what of the old image is nowhere else. The old image is only read.
//
// Invariant: nothing at the target is touched that no migration of this volume began.

import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { CancelledError, hostPath, LinkLostError, RefusedError } from '@tintype/core';
import { attempt } from '@tintype/host';
import { detect, imageFacts, noImage } from '@tintype/image';
import type { Problem, SummaryEvent } from '../events.js';
import { convert } from '../maintenance/convert.js';
import { formatFor, requireParent } from '../maintenance/create.js';
import type { ImageChoice, MigrateOptions, Operation, RunContext } from '../operation.js';
import { copyEncryption } from '../rules/new-encryption.js';
import { probeVolumes } from '../stack.js';
import { SAFETYNET_FOLDER } from '../tree/filter.js';
import { Report } from '../tree/report.js';
import { UsageError } from '../usage-error.js';
import { backup } from './backup.js';
import { differences } from './diff.js';
import { readNote, removeNote, writeNote } from './migration-note.js';
import { restore } from './restore.js';
import { RestoreView, rightsHere } from './restore-view.js';
import { folderSide, openReadable, openWhole, type Side, secondPassphrase } from './sides.js';

/** How it is made: a folder by restoring, a writable image by a backup, a read-only one by converting. */
type Way = 'folder' | 'writable' | 'archive';

const WRITABLE = ['sparsebundle', 'sparseimage', 'asif', 'udrw'];

/** What lies in the old image only. */
export interface LeftBehind {
  readonly snapshots: number;
  /** Folders of versions that were replaced or removed. */
  readonly safetyNets: number;
  readonly otherVolumes: number;
}

interface Original {
  readonly uuid: string;
  readonly left: LeftBehind;
}

export const migrate: Operation<'migrate'> = (given, context): SummaryEvent => {
  const { store } = context;
  const started = context.now();
  context.emit({ type: 'phase', name: 'open' });
  const way = wayOf(given);
  if (store.kind(given.image) === null || detect(store, given.image) === null) throw noImage(store, given.image);
  requireParent(store, dirname(given.out));
  const options = withEncryption(given, way, context);
  const original = lookAt(options, way, context);
  const resumed = begin(options, way, original, context);
  try {
    const copied = copy(options, way, context);
    const problems = [...copied.problems];
    const differs = copied.interrupted ? null : compare(options, way, context, problems);
    const proved = differs === 0 && problems.length === 0;
    if (proved) removeNote(store, options.out);
    else if (differs !== null && differs > 0) writeNote(store, options.out, { source: original.uuid, differed: true });
    return {
      type: 'summary',
      image: options.image,
      out: options.out,
      kind: way,
      resumed,
      ...copied.counts,
      seconds: Math.round((context.now() - started) * 1000) / 1000,
      interrupted: differs === null,
      proved,
      ...(differs === null ? {} : { differences: differs }),
      removable: proved ? [options.image] : [],
      onlyInImage: original.left,
      problems,
    };
  } catch (error) {
    if (store.kind(options.out) === null && !(error instanceof LinkLostError)) removeNote(store, options.out);
    throw error;
  }
};

function wayOf({ out, format, ...rest }: MigrateOptions): Way {
  const chosen = formatFor(out, format, 'udzo');
  if (chosen === null) return 'folder';
  if (WRITABLE.includes(chosen)) return 'writable';
  for (const name of ['fs', 'caseSensitive', 'volumeName', 'size', 'bandSize'] as const)
    if (rest[name] !== undefined)
      throw new UsageError(`a read-only image (${chosen}) is a copy of the whole disk: it keeps file system and size`);
  return 'archive';
}

/** The new image is encrypted as the old one is, by the same passphrase, unless something else is said. */
function withEncryption(given: MigrateOptions, way: Way, { store }: RunContext): MigrateOptions {
  if (way === 'folder') return given;
  const { encryption: has } = imageFacts(store, given.image);
  const encryption = copyEncryption(given, has?.keyBits ?? null);
  return { ...given, encryption, newPassphrase: given.newPassphrase ?? given.passphrase };
}

function choiceOf({ volume, passphrase, waitLock, ignoreChecksums }: MigrateOptions): ImageChoice {
  return { volume, passphrase, waitLock, ignoreChecksums, allowTimeMachine: true };
}

function lookAt(options: MigrateOptions, way: Way, context: RunContext): Original {
  // Converting compares its checksums on the way.
  const open = way === 'archive' ? openReadable : openWhole;
  const side = open(options.image, choiceOf(options), context);
  try {
    const { volume, stack } = side;
    // A read-only image is a copy of the whole disk.
    if (way === 'archive' || !stack)
      return { uuid: volume.uuid, left: { snapshots: 0, safetyNets: 0, otherVolumes: 0 } };
    const net = volume.lookup(volume.root.id, SAFETYNET_FOLDER);
    const nets = net?.kind === 'directory' ? volume.list(net.id).filter(({ name }) => name !== '.tintype') : [];
    const left = {
      snapshots: stack.live.snapshots?.length ?? 0,
      safetyNets: nets.length,
      otherVolumes: probeVolumes(stack.image.device, stack.map).length - 1,
    };
    return { uuid: volume.uuid, left };
  } finally {
    side.abandon();
  }
}

/** True if a run that was cut goes on. @throws RefusedError if something else lies at the target */
function begin({ image, out }: MigrateOptions, way: Way, { uuid }: Original, { store }: RunContext): boolean {
  const note = readNote(store, out);
  const isOurs = note?.source === uuid;
  const isThere = store.kind(out) !== null;
  const isEmpty =
    way === 'folder' &&
    store.kind(out) === 'directory' &&
    attempt('list', out, () => readdirSync(hostPath(out))).length === 0;
  if (isThere && !isOurs && !isEmpty)
    throw new RefusedError('exists', `${out} exists already, and is no unfinished copy of ${image}`, { path: out });
  if (!isOurs) writeNote(store, out, { source: uuid, differed: false });
  return isOurs && isThere;
}

interface Copied {
  readonly problems: readonly Problem[];
  readonly interrupted: boolean;
  /** Items and bytes, as the copying operation counted them. */
  readonly counts: Readonly<Record<string, unknown>>;
}

function copy(options: MigrateOptions, way: Way, context: RunContext): Copied {
  const { image, out, trust } = options;
  // They were compared before.
  const compared = { ignoreChecksums: true };
  switch (way) {
    case 'folder': {
      const choice = { ...choiceOf(options), ...compared };
      return copiedBy(restore({ image, target: out, overwrite: 'always', owned: true, trust, ...choice }, context));
    }
    case 'writable': {
      const { image: source, out: destination, volume: sourceVolume, trust: _trust, ...making } = options;
      const checksum = readNote(context.store, out)?.differed ?? false;
      const rules = { safetyNet: false, allowEmpty: true, checksum, ...compared };
      return copiedBy(backup({ ...making, ...rules, source, destination, sourceVolume }, context));
    }
    case 'archive':
      // It has its name only when it is whole.
      if (context.store.kind(out) !== null) return { problems: [], interrupted: false, counts: {} };
      return copiedBy(convert(options, context));
  }
}

function copiedBy(summary: SummaryEvent): Copied {
  const { items, bytes, problems, interrupted } = summary;
  const counts = { ...(items ? { items } : {}), ...(bytes ? { bytes } : {}) };
  return { problems, interrupted: interrupted === true, counts };
}

/** Both sides in full: all items of either, all bytes and attributes. Null if it was asked to stop. */
function compare(options: MigrateOptions, way: Way, context: RunContext, problems: Problem[]): number | null {
  context.emit({ type: 'phase', name: 'verify' });
  const original = openReadable(options.image, choiceOf(options), context);
  try {
    const { out, waitLock } = options;
    const passphrase = secondPassphrase(options.image, options, context);
    // A copy of the whole disk has what was told of the old image.
    const here = way === 'archive' ? { ...context, emit: () => {} } : context;
    const target = way === 'folder' ? folderSide(out, false) : openReadable(out, { passphrase, waitLock }, here);
    try {
      return compareSides(original, target, { way, options, context, problems });
    } finally {
      target.abandon();
    }
  } finally {
    original.abandon();
  }
}

interface Comparison {
  readonly way: Way;
  readonly options: MigrateOptions;
  readonly context: RunContext;
  readonly problems: Problem[];
}

function compareSides(original: Side, target: Side, { way, options, context, problems }: Comparison): number | null {
  // What may not be kept in a folder was told while it was copied.
  const rights = rightsHere({ volume: original.volume, isImage: true }, options.trust);
  const silent = new Report(() => {}, context.progress);
  const source =
    way === 'folder' ? new RestoreView(original.volume, { mayLoop: true }, rights, silent) : original.volume;
  const told = new Set(problems.map(({ path }) => path));
  const report = new Report(context.emit, context.progress);
  const rules = {
    contents: 'bytes' as const,
    attributes: true,
    owners: way !== 'folder' || rights.isRoot,
    between: () => {
      if (context.progress.cancelled) throw new CancelledError();
    },
  };
  let count = 0;
  try {
    for (const { path, difference } of differences(source, source.root, target.volume, target.volume.root, rules)) {
      count += 1;
      if (!told.has(path)) report.problem(path, 'differs', DIFFERS[difference]);
    }
  } catch (error) {
    if (error instanceof CancelledError) return null;
    throw error;
  }
  problems.push(...report.problems);
  return count;
}

const DIFFERS = {
  'only in a': 'is in the old image only',
  'only in b': 'is in the copy only',
  kind: 'is of another kind in the copy',
  content: 'has another content in the copy',
  attributes: 'has other attributes in the copy',
  unreadable: 'cannot be read on both sides',
} as const;
