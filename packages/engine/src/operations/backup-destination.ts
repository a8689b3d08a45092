// Opens what a backup writes to: an existing image or folder, or a new one, by the rules of "DEST exists".

import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, extname } from 'node:path';
import { type FileStore, hostPath, RefusedError, UnsupportedError } from '@tintype/core';
import { attempt } from '@tintype/host';
import { detect, imageFacts } from '@tintype/image';
import { createStack, formatFor, requireParent } from '../maintenance/create.js';
import type { BackupOptions, RunContext } from '../operation.js';
import { newEncryption } from '../rules/new-encryption.js';
import { newVolume } from '../rules/new-volume.js';
import { needsSnapshots } from '../rules/snapshot-policy.js';
import { isNeverTouched } from '../tree/filter.js';
import { UsageError } from '../usage-error.js';
import { folderSide, imageSide, type Side } from './sides.js';
import { sourceForm } from './source-form.js';

export interface Destination extends Side {
  /** True if this run made it. */
  readonly isNew: boolean;
  /** True if nothing of it is visible before it is closed: it is whole, or it is nothing. */
  readonly isDraft?: boolean;
}

export type DestinationKind = 'image' | 'folder' | 'new-image' | 'new-folder';

/** What DEST is or will be. Nothing is made or opened. */
export function destinationKind(options: BackupOptions, { store }: RunContext): DestinationKind {
  const { destination } = options;
  if (store.kind(destination) !== null) {
    requireApart(options);
    if (detect(store, destination) !== null) {
      requireSame(store, options);
      return 'image';
    }
    if (formatFor(destination, options.format, 'udzo') !== null && extname(destination) !== '')
      throw new RefusedError('not-an-image', `${destination} exists, but is no disk image`, { path: destination });
    if (options.volume !== undefined)
      throw new RefusedError('not-an-image', `${destination} is a folder: it holds no volume ${options.volume}`, {
        path: destination,
      });
    requireClear(options);
    return 'folder';
  }
  requireNew(options);
  requireParent(store, dirname(destination));
  if (formatFor(destination, options.format, 'udzo') !== null) return 'new-image';
  requireClear(options);
  return 'new-folder';
}

/** A folder is as clear as its files: whoever wants more must not take it for that. @throws UsageError */
function requireClear({ destination, encryption }: BackupOptions): void {
  if (encryption === undefined || encryption === 'none') return;
  throw new UsageError(
    `a folder cannot be encrypted (${encryption}): give ${destination} an extension such as .sparsebundle, or --format`,
  );
}

/** A mirror removes from its destination what the source lacks: a source that lies there would be next. @throws RefusedError */
function requireApart({ source, destination }: BackupOptions): void {
  const real = (path: string) =>
    existsSync(hostPath(path))
      ? attempt('realpath', path, () => realpathSync(hostPath(path), 'buffer').toString('latin1'))
      : null;
  const [from, to] = [real(source), real(destination)];
  if (from === null || to === null) return;
  if (from === to) throw new RefusedError('same-file', `${destination} is the source itself`, { path: destination });
  if (from.startsWith(to.endsWith('/') ? to : `${to}/`))
    throw new RefusedError('same-file', `${source} lies in ${destination}, from which a backup would remove it`, {
      path: destination,
    });
}

/** B9: what must be there is not made: neither under --must-exist, nor where a volume of it was named. */
export function requireNew({ destination, mustExist, volume }: BackupOptions): void {
  if (mustExist) throw new RefusedError('missing', `${destination} does not exist`, { path: destination });
  if (volume !== undefined)
    throw new RefusedError('missing', `${destination} does not exist, and so holds no volume ${volume}`, {
      path: destination,
    });
}

/** An existing image keeps its own format, file system and encryption; what would change it is wrong usage. */
function requireSame(store: FileStore, { destination, format, encryption, allowTimeMachine }: BackupOptions): void {
  const facts = imageFacts(store, destination);
  if (facts.timeMachine && !allowTimeMachine)
    throw new RefusedError(
      'time-machine',
      `${destination} belongs to Time Machine; to write to it all the same, say --allow-time-machine`,
      { path: destination },
    );
  if (format !== undefined && format !== facts.format)
    throw new UsageError(
      `${destination} is a ${facts.format} image, not ${format}: an existing image keeps its format`,
    );
  const has = facts.encryption === null ? 'none' : `aes-${facts.encryption.keyBits}`;
  if (encryption !== undefined && encryption !== has)
    throw new UsageError(`${destination} has encryption ${has}, not ${encryption}: an existing image keeps it`);
  if (!['sparsebundle', 'sparseimage', 'asif', 'udrw'].includes(facts.format))
    throw new RefusedError(
      'read-only-image',
      `${destination} is a read-only image (${facts.format}); nothing was changed`,
      { path: destination },
    );
}

export function openDestination(options: BackupOptions, source: Side, context: RunContext): Destination {
  const { destination } = options;
  switch (destinationKind(options, context)) {
    case 'image':
      return existing(options, context);
    case 'folder':
      return { ...folderSide(destination, true), isNew: false };
    case 'new-folder':
      context.store.makeFolder(destination);
      return { ...folderSide(destination, true), isNew: true };
    case 'new-image':
      return created(options, source, context);
  }
}

function existing(options: BackupOptions, context: RunContext): Destination {
  const side = imageSide(options.destination, true, options, context);
  const kind = side.fileSystem.kind;
  if (options.fs !== undefined && options.fs !== kind) {
    side.close();
    throw new UsageError(
      `${options.destination} holds ${kind}, not ${options.fs}: an existing image keeps its file system`,
    );
  }
  return { ...side, isNew: false };
}

function created(options: BackupOptions, source: Side, context: RunContext): Destination {
  const { destination, format, size, bandSize, passphrase, kdfRounds } = options;
  const chosen = newVolume(options, sourceForm(source));
  if (needsSnapshots(options) && chosen.fs !== 'apfs')
    throw new UnsupportedError(`${destination} cannot have snapshots: only APFS volumes can (--fs apfs)`);
  const stack = createStack(
    {
      image: destination,
      format: formatFor(destination, format, 'udzo') ?? undefined,
      ...chosen,
      volumeName:
        options.volumeName ?? (source.stack ? source.volume.name : basename(destination, extname(destination))),
      size,
      bandSize,
      encryption: newEncryption(options),
      passphrase,
      kdfRounds,
    },
    context,
  );
  return {
    path: destination,
    volume: stack.volume,
    fileSystem: stack.fileSystem,
    stack,
    isNew: true,
    close: stack.close,
    abandon: stack.abandon,
  };
}

/** An empty source is a suspicion, not an order: a disk that is not mounted looks just like it. @throws RefusedError */
export function requireItems(source: Side, destination: Side, { allowEmpty, source: path }: BackupOptions): void {
  if (allowEmpty) return;
  const items = ({ volume }: Side) =>
    volume.list(volume.root.id).filter((item) => !isNeverTouched(item.name, volume.traits));
  if (items(source).length === 0 && items(destination).length > 0)
    throw new RefusedError(
      'empty-source',
      `${path} is empty, but the backup is not; to empty it too, say --allow-empty`,
      { path },
    );
}
