// What a driver makes of a device, and the driver itself.

import type { BlockDevice } from './block-device.js';
import type { Finding } from './finding.js';
import type { Range } from './ranges/range.js';
import type { ItemId, SnapshotEntry, WritableVolume } from './volume.js';

/** Sizes in bytes that a file system can be given by `resize`; to be read before the next change, and it is work only then. */
export interface SizeLimits {
  /** Smallest and largest size in bytes that `resize` accepts now. */
  readonly smallest: number;
  readonly largest: number;
  /**
   * Snapshots hold data before this byte for which there is no room further in front: less is possible once they are deleted.
   * 0: they are no reason.
   */
  readonly heldBySnapshots?: number;
  /** Names of the snapshots that hold what lies there, oldest first. */
  readonly holders?: readonly string[];
}

/** A mounted file system: one device, one or more volumes, one commit for all of them. */
export interface FileSystem {
  /** `hfs+`, `apfs`, `host`. */
  readonly kind: string;
  /** Of the container; as `Volume.uuid` where there is one volume. */
  readonly uuid: string;
  readonly blockSize: number;
  readonly writable: boolean;
  readonly volumes: readonly WritableVolume[];
  /** Bytes in all, and bytes that can still be written. */
  readonly capacity: number;
  readonly free: number;
  /** True when so much is pending that the caller should commit at its next sound moment (a full journal, memory). */
  readonly commitDue: boolean;
  /** Everything since the last commit becomes durable as one: after a cut there is all of it, or none. */
  commit(): void;
  /** Free ranges of the device in bytes, ascending; null where the question makes no sense (a host folder). */
  freeRanges(): Iterable<Range> | null;
  /**
   * Keeps one of `volumes` as it is now under a name; answers the snapshot's xid. This and the next three commit.
   * @throws UnsupportedError where volumes have no snapshots, and for a name that cannot be or is there already
   */
  createSnapshot(volume: WritableVolume, name: string): number;
  /** @throws UnsupportedError */
  renameSnapshot(volume: WritableVolume, xid: number, name: string): void;
  /** What only the snapshot held is free after the next commit. @throws UnsupportedError, VolumeFullError */
  deleteSnapshot(volume: WritableVolume, xid: number): void;
  /**
   * The volume becomes what the snapshot holds, in one commit. Newer snapshots are deleted first, the newest first, each with
   * a commit of its own; the snapshot stays. `finish` changes what has come back within that commit. `volumes` are others
   * afterwards. @throws UnsupportedError, VolumeFullError, and what `finish` throws; after that it can only be abandoned
   */
  revertToSnapshot(volume: WritableVolume, xid: number, finish?: (reverted: WritableVolume) => void): void;
  /** Null if the driver cannot resize. */
  sizeLimits(): SizeLimits | null;
  /** @throws UnsupportedError, VolumeFullError */
  resize(size: number): void;
  /** Commits, marks the file system clean, and closes. The device stays open. After a failed call: closes only. */
  close(): void;
  /** Closes without a commit: on the device stands what the last one left. */
  abandon(): void;
}

/** What a new file system gets. */
export interface FormatOptions {
  readonly volumeName: string;
  readonly caseSensitive: boolean;
  /** Seconds since 1970. */
  readonly now: number;
  /** Fills a buffer with random bytes (or derived ones, for reproducible images). */
  readonly random: (target: Uint8Array) => void;
  readonly uid: number;
  readonly gid: number;
}

/** How a driver opens a device. */
export interface MountOptions {
  readonly writable: boolean;
  /** Seconds since 1970, asked at every commit. */
  readonly now: () => number;
  readonly random: (target: Uint8Array) => void;
  /** Upper bound for cached metadata in bytes; the driver chooses if absent. */
  readonly cacheBytes?: number;
  /** Of encrypted volumes, UTF-8. Without it they are there, but whatever needs it throws a `PassphraseError`. */
  readonly passphrase?: Uint8Array | undefined;
  /** Told at opening what is no reason to refuse, such as that an older state is read. */
  readonly report?: ((finding: Finding) => void) | undefined;
}

/** How a driver checks a device. */
export interface CheckOptions {
  /** Of encrypted volumes, UTF-8: without it they are not looked into, which is a finding. */
  readonly passphrase?: Uint8Array | undefined;
  /** Called now and then with done and total parts of the work; may throw to cancel. */
  readonly progress?: (done: number, total: number) => void;
}

/** How a driver mends a device. */
export interface RepairOptions extends CheckOptions {
  /** Seconds since 1970: the date of what is made. */
  readonly now: number;
}

/** Why bytes of a salvaged file may not be what they were. */
export type LossReason =
  /** No record says where they lie. */
  | 'unmapped'
  /** The place where they should lie is stored nowhere; it reads as zeros. */
  | 'not-stored'
  /** Their place is a guess: nothing tells where the file system begins. */
  | 'unplaced'
  /** Their place belongs to a newer file. */
  | 'overwritten';

/** Bytes of a file's data that cannot be trusted. */
export interface LostRange extends Range {
  readonly reason: LossReason;
}

/** What is left of one volume. */
export interface SalvagedVolume {
  /** Kind of file system: as the driver's. */
  readonly kind: string;
  /** Only read. Items without a way to the root stand in a folder of the root, which `lostFolder` names. */
  readonly volume: WritableVolume;
  /** Name of that folder, or null if nothing is in it. */
  readonly lostFolder: string | null;
  /** Ascending ranges of a file's data; none: it is whole as far as the file system can tell. Reads no data. */
  lost(id: ItemId): readonly LostRange[];
  /** Paths that are known only as names: nothing says where their contents lie. */
  readonly namesOnly: readonly string[];
  /** What was damaged, and how it was got round. */
  readonly findings: readonly Finding[];
}

/** How a driver reads ruins. */
export interface SalvageOptions extends CheckOptions {
  /** Called with what is being done, in a word or two, at each step. */
  readonly step?: (what: string) => void;
}

/** What a driver found on a device, without mounting it. */
export interface Probe {
  readonly kind: string;
  readonly volumes: readonly {
    readonly name: string;
    readonly uuid: string;
    readonly caseSensitive: boolean;
    readonly capacity: number;
    readonly free: number;
    readonly files: number;
    readonly directories: number;
    /** Who wrote or formatted it last, as the volume says. */
    readonly writer: string;
    /** True if it was not closed cleanly. */
    readonly dirty: boolean;
    /** True if its contents need a passphrase. */
    readonly isEncrypted: boolean;
    /** Oldest first. */
    readonly snapshots: readonly SnapshotEntry[];
  }[];
}

/** What the snapshots of a volume hold, as far as data and the nodes of its tree go. */
export interface SnapshotSpace {
  /** Bytes that can be written now, as `FileSystem.free` of one that is open for writing. */
  readonly free: number;
  /** Bytes that would be free if just these were deleted, by transaction. */
  heldBy(xids: ReadonlySet<number>): number;
}

/** One file system driver: `engine` holds the list of these and names no file system anywhere else. */
export interface FileSystemDriver {
  readonly kind: string;
  /** Null if the device does not hold this file system. @throws CorruptError if it does, but cannot be read */
  probe(device: BlockDevice): Probe | null;
  /** Makes an empty file system over the whole device, which reads as zeros. @throws UnsupportedError for sizes */
  format(device: BlockDevice, options: FormatOptions): void;
  /** Read-only mounts change nothing on the device: a journal is replayed in memory. */
  open(device: BlockDevice, options: MountOptions): FileSystem;
  /** Every rule of the format, without changing the device. Never throws on bad bytes: it yields findings. */
  check(device: BlockDevice, options: CheckOptions): Iterable<Finding>;
  /**
   * Mends what `check` finds and what can be mended without guessing, writing to the device; answers what it did, a
   * sentence each. A call that fails may leave the device half mended: the engine runs it over an overlay, checks the
   * result, and only then writes. @throws UnsupportedError, VolumeFullError
   */
  repair(device: BlockDevice, options: RepairOptions): readonly string[];
  /**
   * What can still be found on a damaged device, without changing it: reads structures where they should lie, and where they
   * are missing, looks through all that is stored. Empty if nothing of this file system was found. Memory follows the
   * number of items. @throws PassphraseError
   */
  salvage(device: BlockDevice, options: SalvageOptions): readonly SalvagedVolume[];
  /** Finishes what a cut left behind (replays a journal); true if there was something to do. */
  recover(device: BlockDevice): boolean;
  /**
   * The space that snapshots of the volume with this UUID hold, as of the last commit, from metadata alone; null where volumes
   * have none. @throws CorruptError
   */
  snapshotSpace(device: BlockDevice, volume: string): SnapshotSpace | null;
  /** Field by field, what lies at a place such as `header`, `catalog:12`; without a place: the list of places. */
  inspect(device: BlockDevice, place: string | null): Iterable<string>;
}
