// Operations: plain data in, events out. Each is a synchronous function that runs in a worker thread; `engine.run` is
// the asynchronous face. Options are what crosses the thread, so they are plain values.

import type { FileStore, Lanes, Progress } from '@tintype/core';
import type { PathProbe } from '@tintype/host';
import type { Holder } from '@tintype/image';
import type { ContentHasher } from './checksums/hasher.js';
import type { EngineEvent, SummaryEvent } from './events.js';
import type { KeepRules } from './history/retention.js';
import type { CheckTask, RunningCheck } from './maintenance/check-task.js';
import type { SnapshotSetting, TaskSnapshots } from './rules/snapshot-policy.js';

export type { KeepRules } from './history/retention.js';
export type { SnapshotSetting, TaskSnapshots } from './rules/snapshot-policy.js';

/** Of this machine, standing still while it sleeps; in milliseconds. */
export interface Timer {
  now(): number;
  sleep(milliseconds: number): void;
}

/** What an operation is given beside its options. */
export interface RunContext {
  readonly progress: Progress;
  /** Where images lie: the host's files, or a test's. */
  readonly store: FileStore;
  /** Who we are to others that want the same image. */
  readonly holder: Holder;
  emit(event: EngineEvent): void;
  /** What opening an image told already in this run; if absent, each opening tells it again. */
  readonly told?: Set<string>;
  /** Seconds since 1970, with fraction. */
  now(): number;
  random(target: Uint8Array): void;
  /** New read-only images without encryption are to be the same bytes for the same input: what counts as now. */
  readonly sourceDateEpoch?: number | undefined;
  /** Where contents are hashed: in a thread of its own, or if absent, by the caller. */
  readonly newHasher?: () => ContentHasher;
  /** Where the structure of a file system is checked while its contents are read: in a thread of its own, or if absent, before. */
  readonly newCheck?: (task: CheckTask) => RunningCheck;
  /** Where chunks of archives are compressed and decompressed: in threads of their own, or if absent, by the caller. */
  readonly newLanes?: () => Lanes;
  /** Measures what a folder of the host can do (B2); without it nothing is measured. */
  readonly probe?: (folder: string) => PathProbe;
  /** By which a destination that went away is waited for; default: the host's. */
  readonly timer?: Timer;
}

/** How an image is chosen and opened. */
export interface ImageChoice {
  readonly volume?: string | undefined;
  readonly snapshot?: string | undefined;
  /** Milliseconds. */
  readonly waitLock?: number | undefined;
  /** Writers: breaks the lock of another host. */
  readonly breakLock?: boolean | undefined;
  readonly allowTimeMachine?: boolean | undefined;
  /** Of an encrypted image. Wiped when the operation ends. */
  readonly passphrase?: Uint8Array | undefined;
  /** Goes on though the container's checksums say that an image to be read is damaged. */
  readonly ignoreChecksums?: boolean | undefined;
}

/** Of an operation over two images: the second one's own passphrase. */
export interface SecondPassphrase {
  readonly newPassphrase?: Uint8Array | undefined;
}

/** Options of `create`. */
export interface CreateOptions extends Pick<ImageChoice, 'waitLock' | 'breakLock'> {
  readonly image: string;
  /** Bytes; default: free space of the host volume. */
  readonly size?: number | undefined;
  readonly format?: string | undefined;
  readonly fs?: string | undefined;
  readonly caseSensitive?: boolean | undefined;
  readonly volumeName?: string | undefined;
  readonly layout?: string | undefined;
  readonly bandSize?: number | undefined;
  readonly encryption?: string | undefined;
  readonly passphrase?: Uint8Array | undefined;
  /** Rounds of the key derivation. */
  readonly kdfRounds?: number | undefined;
  readonly preallocate?: boolean | undefined;
  readonly overwrite?: boolean | undefined;
}

/**
 * `passphrase` is the source's if that is an encrypted image, and `newPassphrase` then the destination's; `ignoreChecksums` is
 * for the source.
 */
export interface BackupOptions extends ImageChoice, SecondPassphrase {
  readonly source: string;
  readonly destination: string;
  readonly sourceVolume?: string | undefined;
  readonly format?: string | undefined;
  readonly fs?: string | undefined;
  readonly caseSensitive?: boolean | undefined;
  readonly volumeName?: string | undefined;
  readonly size?: number | undefined;
  readonly bandSize?: number | undefined;
  readonly encryption?: string | undefined;
  readonly kdfRounds?: number | undefined;
  /** A passphrase was given for the destination: a new one is encrypted, unless `encryption` says otherwise. */
  readonly mustEncrypt?: boolean | undefined;
  readonly safetyNet?: boolean | undefined;
  /** Seconds that a SafetyNet folder is kept; Infinity: forever; undefined: 1 day on images that we made. */
  readonly safetyNetKeep?: number | undefined;
  /** Filter rules in gitignore form, in order. */
  readonly filters?: readonly string[] | undefined;
  readonly excludeCaches?: boolean | undefined;
  readonly oneFileSystem?: boolean | undefined;
  readonly checksum?: boolean | undefined;
  readonly verify?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  readonly delete?: boolean | undefined;
  /** Percent of the items that a run may remove. */
  readonly maxDelete?: number | undefined;
  readonly allowEmpty?: boolean | undefined;
  readonly mustExist?: boolean | undefined;
  /** A read-only image that is there is made afresh; so many older ones stay beside it. */
  readonly replace?: boolean | undefined;
  readonly keep?: number | undefined;
  /** Of compressed formats: 1 to 9. */
  readonly level?: number | undefined;
  /** Makes a snapshot of this name at the end; `auto`: the time in UTC. */
  readonly makeSnapshot?: string | undefined;
  /** Whether SafetyNet is a snapshot on a volume that can have them; default `auto`: as the rule B30 says. */
  readonly snapshots?: SnapshotSetting | undefined;
  /** Of a saved task, for that rule; without one snapshots are off under `auto` (B28). */
  readonly snapshotTask?: TaskSnapshots | undefined;
  /** The run goes on with attempts that began at this time, in seconds since 1970: what they kept is what was there before. */
  readonly continues?: number | undefined;
  /** Which snapshots stay after a run; without it all do. */
  readonly keepRules?: KeepRules | undefined;
  /** `never`: a full image stays as large as it is. */
  readonly grow?: 'auto' | 'never' | undefined;
  /** Milliseconds that a destination which went away is waited for; default: 15 minutes. */
  readonly wait?: number | undefined;
  /** Compacts on a host's battery too. */
  readonly allowBattery?: boolean | undefined;
  /** Nobody watches this run: it does not fill the startup disk (B42). */
  readonly scheduled?: boolean | undefined;
  /** For that rule counts what is selected of the source, not all that it uses. */
  readonly selectionSize?: boolean | undefined;
  /** Seconds between commits; for tests. */
  readonly commitEvery?: number | undefined;
}

/** Options of `restore`. */
export interface RestoreOptions extends ImageChoice {
  readonly image: string;
  readonly target: string;
  readonly path?: string | undefined;
  readonly overwrite?: 'always' | 'newer' | 'never' | undefined;
  readonly trust?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  readonly verify?: boolean | undefined;
  /** All that is at the target is of an earlier restore that was cut: its root gets its attributes, too. */
  readonly owned?: boolean | undefined;
}

/** Options of `rescue`. */
export interface RescueOptions {
  readonly image: string;
  readonly target: string;
  /** By name, UUID or index of what was found; without it: all. */
  readonly volume?: string | undefined;
  readonly passphrase?: Uint8Array | undefined;
  readonly trust?: boolean | undefined;
}

/** Options of `snapshot`. */
export interface SnapshotOptions extends ImageChoice {
  readonly image: string;
  readonly action: 'create' | 'rename' | 'delete' | 'revert' | 'pin' | 'unpin';
  /** Of the snapshot; `create`: `auto` is the time in UTC. All others also take its xid. */
  readonly name: string;
  /** `rename`: the new name. */
  readonly to?: string | undefined;
  /** `revert`: snapshots made after it, without which it cannot be, are deleted; default: it is refused then. */
  readonly deleteNewer?: boolean | undefined;
}

/** Deletes what the rules do not keep; at least one must be given. */
export interface PruneOptions extends ImageChoice {
  readonly image: string;
  readonly keepRules: KeepRules;
  readonly dryRun?: boolean | undefined;
}

/** Options of `undo`. */
export interface UndoOptions extends ImageChoice {
  readonly image: string;
  /** Seconds between commits; for tests. */
  readonly commitEvery?: number | undefined;
}

/** `passphrase` is that of A, unless only B is encrypted. */
export interface DiffOptions extends SecondPassphrase, Pick<ImageChoice, 'waitLock' | 'ignoreChecksums'> {
  readonly passphrase?: Uint8Array | undefined;
  readonly a: string;
  readonly b: string;
  /** Of those of `a` and `b` that are images, in this order; absent: the first volume. */
  readonly volumes?: readonly string[] | undefined;
  /** As `volumes`; absent: what is there now. */
  readonly snapshots?: readonly string[] | undefined;
  readonly path?: string | undefined;
  readonly checksum?: boolean | undefined;
}

/** Options of `verify`. */
export interface VerifyOptions extends Pick<ImageChoice, 'waitLock'> {
  readonly image: string;
  readonly passphrase?: Uint8Array | undefined;
  /** `quick`: container and headers; `data`: every byte of every file too. */
  readonly level?: 'quick' | 'structure' | 'data' | undefined;
}

/** Options of `repair`. */
export interface RepairImageOptions extends Omit<ImageChoice, 'snapshot' | 'volume'> {
  readonly image: string;
  /** Says what would be mended. */
  readonly dryRun?: boolean | undefined;
}

/** Options of `raw`. */
export interface RawOptions extends Pick<ImageChoice, 'waitLock' | 'ignoreChecksums'> {
  readonly image: string;
  readonly passphrase?: Uint8Array | undefined;
  readonly out: string;
  readonly volume?: string | undefined;
  readonly asIs?: boolean | undefined;
  readonly overwrite?: boolean | undefined;
}

/** `passphrase` is the image's; that of the new one is `newPassphrase`, or the same. */
export interface ConvertOptions
  extends SecondPassphrase,
    Pick<ImageChoice, 'waitLock' | 'breakLock' | 'ignoreChecksums'> {
  readonly image: string;
  readonly out: string;
  readonly passphrase?: Uint8Array | undefined;
  readonly format?: string | undefined;
  readonly encryption?: string | undefined;
  /** `passphrase` is also meant for a clear image's copy. */
  readonly mustEncrypt?: boolean | undefined;
  readonly kdfRounds?: number | undefined;
  readonly bandSize?: number | undefined;
  /** 1 to 9. */
  readonly level?: number | undefined;
  /** Read-only formats: bytes of a file, at the most; the image goes on in others beside it. Absent: one file. */
  readonly segmentSize?: number | undefined;
  readonly overwrite?: boolean | undefined;
}

/**
 * To another image or a folder. `passphrase` is that of the old image, `newPassphrase` that of the new one, or if only that
 * is encrypted, `passphrase`.
 */
export interface MigrateOptions
  extends SecondPassphrase,
    Pick<ImageChoice, 'waitLock' | 'breakLock' | 'volume' | 'passphrase' | 'ignoreChecksums'>,
    Pick<
      CreateOptions,
      'format' | 'fs' | 'caseSensitive' | 'volumeName' | 'size' | 'bandSize' | 'encryption' | 'kdfRounds'
    >,
    Pick<BackupOptions, 'wait' | 'commitEvery' | 'mustEncrypt'> {
  readonly image: string;
  readonly out: string;
  /** A folder, as root: setuid, devices and security attributes too. */
  readonly trust?: boolean | undefined;
}

/** Options of `passwd`. */
export interface PasswdOptions extends SecondPassphrase, Pick<ImageChoice, 'waitLock' | 'breakLock'> {
  readonly image: string;
  readonly passphrase?: Uint8Array | undefined;
  readonly kdfRounds?: number | undefined;
}

/** Options of `compact`. */
export interface CompactOptions
  extends Pick<ImageChoice, 'waitLock' | 'breakLock' | 'allowTimeMachine' | 'passphrase'> {
  readonly images: readonly string[];
  /** Says what would be given back. */
  readonly dryRun?: boolean | undefined;
  /** Runs on a host's battery too. */
  readonly allowBattery?: boolean | undefined;
}

/** Options of `resize`. */
export interface ResizeOptions extends Omit<ImageChoice, 'snapshot'> {
  readonly image: string;
  /** Of the disk inside, in bytes; or the least that holds what is there, or the most that the host has room for. */
  readonly size: number | 'min' | 'max';
  /** Past what the host volume can hold. */
  readonly force?: boolean | undefined;
}

/** Name and options of every operation that `run` knows. */
export interface Operations {
  create: CreateOptions;
  backup: BackupOptions;
  restore: RestoreOptions;
  rescue: RescueOptions;
  undo: UndoOptions;
  snapshot: SnapshotOptions;
  prune: PruneOptions;
  diff: DiffOptions;
  verify: VerifyOptions;
  repair: RepairImageOptions;
  raw: RawOptions;
  passwd: PasswdOptions;
  migrate: MigrateOptions;
  convert: ConvertOptions;
  compact: CompactOptions;
  resize: ResizeOptions;
}
/** Names of all operations, for `run`. */
export type OperationName = keyof Operations;
/** One operation: synchronous, in the worker; answers its summary. */
export type Operation<N extends OperationName> = (options: Operations[N], context: RunContext) => SummaryEvent;
