// What every container answers when it is opened: a disk of clear bytes, and what is known of its files.

import type { BlockDevice, Change, FileStore, Finding, Lanes, Range } from '@tintype/core';

/** As `--format` and `info --json` name them. `udrw` is any raw image. */
export type ImageFormat =
  | 'sparsebundle'
  | 'sparseimage'
  | 'asif'
  | 'udrw'
  | 'udro'
  | 'udco'
  | 'udzo'
  | 'udbz'
  | 'ulfo'
  | 'ulmo';

/** How an image is encrypted: what its header says without a passphrase. */
export interface EncryptionFacts {
  readonly algorithm: string;
  readonly keyBits: number;
  readonly iterations: number;
}

/** What `info` shows; needs no passphrase. All sizes in bytes. */
export interface ContainerFacts {
  readonly format: ImageFormat;
  /** Of the disk inside. */
  readonly size: number;
  readonly bandSize?: number;
  readonly bandsPresent?: number;
  readonly encryption: EncryptionFacts | null;
  /** What the image's files take on the host. */
  readonly hostBytes: number;
  /** True for a bundle that belongs to Time Machine (`com.apple.TimeMachine.MachineID.plist`). */
  readonly timeMachine: boolean;
}

/** An open image. Holds the lock until closed. */
export interface DiskImage {
  readonly path: string;
  readonly format: ImageFormat;
  /** Clear bytes of the whole disk. Its failures latch; its barriers check the lease first. */
  readonly device: BlockDevice;
  /** Paths of the image's own files and folder, with its lease: what a backup must leave out of its source. */
  readonly ownPaths: readonly string[];
  /** Counts what is stored now. */
  facts(): ContainerFacts;
  /** Bytes of the one file that becomes longer as the disk is written; null where none does: bundles, raw images. */
  fileLength(): number | null;
  /** Container checks only: lengths of bands, headers, tables, checksums. */
  verify(): Iterable<Finding>;
  /** A repair had been cut off: it was undone at opening, or is read as if it were. */
  readonly repairWasCut: boolean;
  /** What opening for writing mends in the container, a sentence each: done if it is open for writing. */
  readonly mendedAtOpen: readonly string[];
  /**
   * The disk for one who reads all of it in ascending order, where the container has checksums of it; null where it has none.
   * Nothing else is read through it: what is skipped is read, too, for the sums.
   */
  checked(): CheckedDisk | null;
  /** What is wrong with the container as can be told without reading contents: part of what `verify` finds. */
  glance(): readonly Finding[];
  /**
   * For one who reads all of it in any order: reads it once before, and compares the checksums; `check` is called between and
   * may throw. Null where the container has none. @throws RefusedError `checksum`, CorruptError
   */
  readonly requireChecksums: ((check: () => void) => void) | null;
  /**
   * Writes the changes as one, after keeping what they overwrite as `IMAGE.repair-undo`: after a cut the next opening finds
   * all of them or none. Flushes first; durable when it returns.
   * @throws UnsupportedError for a device, RefusedError if that name is taken
   */
  overwrite(changes: Iterable<Change>): void;
  /**
   * Gives the disk another size in bytes, a multiple of the device's blocks (of 512 if it is encrypted): new room reads as zeros, what lies behind a new end is gone.
   * Flushes first; durable when it returns. File system and partition map are the caller's affair, before shrinking and
   * after growing. @throws UnsupportedError where the size is fixed
   */
  resize(size: number): void;
  /**
   * Packs the file itself where the format needs that (sparse image, ASIF), after free ranges were discarded. Answers by
   * how many bytes it became shorter; 0 where discarding alone gives everything back.
   */
  compact(): number;
  /** Flushes and closes. Does not throw after the device has latched a failure. */
  close(): void;
}

/** A disk whose checksums are summed up as it is read. */
export interface CheckedDisk extends BlockDevice {
  /** Reads, and answers the CRC-32 of what was read: that it needs by itself. */
  readSummed(position: number, target: Uint8Array): number;
  /**
   * Compares the sums of what was read, after reading what is missing of it; `check` is called between and may throw.
   * @throws RefusedError `checksum`
   */
  settle(check: () => void): void;
}

/** How an image is opened. */
export interface OpenImageOptions {
  readonly writable: boolean;
  /** How long to wait for a lock that someone else holds, in milliseconds; 0: not at all. */
  readonly waitLock: number;
  /** Who we are, for the lease: shown to others as the holder. */
  readonly holder: Holder;
  readonly allowTimeMachine: boolean;
  /** Of an encrypted image; stays the caller's, who wipes it. */
  readonly passphrase?: Uint8Array | undefined;
  /** Breaks the lease of another host, even one that still beats; told whose it was. Absent: such a lease is respected. */
  readonly breakLock?: ((holder: string) => void) | undefined;
  /** Decompress ahead of who reads a UDIF in order; stay the caller's. */
  readonly lanes?: Lanes | undefined;
  /** Opens an image though `glance` finds something. */
  readonly ignoreChecksums?: boolean | undefined;
}

/** Identifies this process to others that want the image. */
export interface Holder {
  readonly host: string;
  readonly pid: number;
  /** Of this boot of the host; the same id and a dead process mean a stale lease. Empty if unknown. */
  readonly boot: string;
  /** True if that process runs on this host and boot. */
  readonly alive: (pid: number) => boolean;
  /** Seconds by a clock that runs on through sleep. */
  readonly clock: () => number;
  readonly random: (target: Uint8Array) => void;
  /**
   * Milliseconds between heartbeats of the lease, the same for all who want the image; 0: no thread (where files are not
   * the host's). Default 5000.
   */
  readonly heartbeat?: number;
  /** Leases taken and not given up, for a store that writes late: it asks each before it goes on after a wait. */
  readonly leases?: Set<{ requireHeld(): void }>;
  /** Nonces of leases that this process gave up after a failure, when the host may not have heard of it. */
  readonly givenUp?: Set<string>;
}

/** How a new image is made. */
export interface CreateImageOptions extends Omit<OpenImageOptions, 'writable' | 'allowTimeMachine'> {
  /** `asif` is experimental: no macOS has judged what is written. */
  readonly format: 'sparsebundle' | 'sparseimage' | 'asif' | 'udrw';
  /** Of the disk in bytes, a multiple of 512. */
  readonly size: number;
  /** Sparse bundle: bytes of a band; default by the rule of `bandSizeFor`. Sparse image: bytes of a band, default 1 MiB. */
  readonly bandSize?: number;
  /** Raw: really allocate every block. */
  readonly preallocate?: boolean;
  /** By `passphrase`, which may not be empty. To macOS an encrypted raw image is noise where
   * nothing was written. */
  readonly encryption?: 'aes-128' | 'aes-256' | undefined;
  /** Rounds of the key derivation. */
  readonly kdfRounds?: number | undefined;
}

/** How a read-only image is made. */
export interface ArchiveForm extends Pick<CreateImageOptions, 'holder' | 'encryption' | 'passphrase' | 'kdfRounds'> {
  readonly format: 'udro' | 'udco' | 'udzo' | 'udbz' | 'ulfo' | 'ulmo';
  /** 1 to 9; default: the codec's own. */
  readonly level?: number | undefined;
  /** Compress chunks; stay the caller's. Absent: the caller does. */
  readonly lanes?: Lanes | undefined;
}

/** Of a disk that is there, in one pass. */
export interface ArchiveOptions extends ArchiveForm {
  /** For the archive's own id. */
  readonly random: (target: Uint8Array) => void;
  /** What the file systems do not use, ascending: left out. */
  readonly free: readonly Range[];
  /** Bytes of a file, at the most: what does not fit goes on in `NAME.002.dmgpart` and so on. Absent: one file. */
  readonly segmentSize?: number | undefined;
  /** Told of each stretch of the disk that is done; may throw to stop. */
  readonly progress?: ((bytes: number) => void) | undefined;
}

/** Of a disk that is yet to be written, through the archive's device. */
export interface DraftOptions extends ArchiveForm {
  /** Of the disk in bytes, a multiple of 512. */
  readonly size: number;
  /** The map that the disk gets, with one partition. */
  readonly scheme: 'gpt' | 'apm' | 'none';
  readonly type: 'Apple_HFS' | 'Apple_APFS';
  /** Paths of the image that this one will replace, and of older ones: as `ownPaths` has them. */
  readonly replaces?: readonly string[];
  /** For the map and the archive's own id; the keys of an encrypted one never come from it. */
  readonly random: (target: Uint8Array) => void;
}

/** A read-only image that is being written. Closing it unfinished leaves a file that is no image: the caller removes it. */
export interface DraftImage extends DiskImage {
  readonly partition: Partition;
  /** Bytes of the file so far (of an encrypted one: without its header), and the most there ever were. */
  readonly fileBytes: number;
  readonly peakBytes: number;
  /** Of the finished file: bytes that stand for nothing, since what was there was written again later. */
  readonly supersededBytes: number;
  /**
   * Stores all but what is `free` (ascending), and makes the file an image; durable when this returns. From then on
   * `verify` reads it.
   */
  finish(free: Iterable<Range>): void;
  /** The disk as the finished image has it, to be read. */
  finished(): BlockDevice;
}

/** The old passphrase and the new one. */
export interface PasswdOptions extends Pick<OpenImageOptions, 'holder' | 'waitLock' | 'breakLock'> {
  readonly current: Uint8Array;
  readonly next: Uint8Array;
  readonly kdfRounds?: number | undefined;
}

/** What the first and last bytes of a file, or the entries of a folder, say that it is. */
export type DetectedKind = 'sparsebundle' | 'sparseimage' | 'asif' | 'udif' | 'raw' | 'encrypted';

/** What lies at a path, by content: null if nothing is there or it is no image (a plain folder). */
export interface Detection {
  readonly kind: DetectedKind;
  readonly writable: boolean;
  readonly timeMachine: boolean;
}

/** One partition of a disk. `start` and `size` in bytes. */
export interface Partition {
  readonly index: number;
  /** `Apple_HFS`, `Apple_APFS`, `EFI`, `Apple_Free`, … or the GUID as text. */
  readonly type: string;
  readonly name: string;
  readonly start: number;
  readonly size: number;
}

/** A partition map and what is wrong with it. Positions and lengths in bytes. */
export interface PartitionMap {
  readonly scheme: 'gpt' | 'apm' | 'mbr' | 'none';
  /** Bytes of a block in the map's own counting. */
  readonly blockSize: number;
  /** In the map's order. With scheme `none`: one entry, the whole disk, type empty. */
  readonly partitions: readonly Partition[];
  /** What is wrong with the map though it could be read (a bad backup header …). */
  readonly findings: readonly Finding[];
}

/** The functions of this package, as `index.ts` exports them. */
export interface ImageFunctions {
  /** By content, never by extension. @throws StoreError */
  detect(store: FileStore, path: string): Detection | null;
  /** @throws CorruptError, LockedError, PassphraseError, RefusedError, UnsupportedError, StoreError */
  openImage(store: FileStore, path: string, options: OpenImageOptions): DiskImage;
  /** A new image that reads as zeros; opened for writing. Nothing may be at `path`. */
  createImage(store: FileStore, path: string, options: CreateImageOptions): DiskImage;
  /** A new read-only image of a disk; closed and durable when this returns. */
  createArchive(store: FileStore, path: string, disk: BlockDevice, options: ArchiveOptions): void;
  /** A new read-only image that is written as a disk, with its partition map; locked. Nothing may be at `path`. */
  createDraft(store: FileStore, path: string, options: DraftOptions): DraftImage;
  /** `info` on an image that may be locked by others or encrypted. */
  imageFacts(store: FileStore, path: string): ContainerFacts;
  /** Changes the passphrase and no byte of data; answers how many other keys still open the image. */
  passwd(store: FileStore, path: string, options: PasswdOptions): number;
  /** Takes lock and lease without opening the image. @throws LockedError */
  claimImage(
    store: FileStore,
    path: string,
    options: Pick<OpenImageOptions, 'holder' | 'waitLock' | 'breakLock'>,
  ): { release(): void };
  /** Who holds the image now, or null: for `info` and messages. */
  lockHolder(store: FileStore, path: string): string | null;
  /** The smallest power of two, 8 MiB or more, with which the bundle stays at or below 65,536 bands (B14). */
  bandSizeFor(size: number): number;
  partitionMap(device: BlockDevice): PartitionMap;
  /** Writes a map with one partition of the type over nearly the whole disk, as macOS does; answers that partition. */
  writePartitionMap(
    device: BlockDevice,
    options: { scheme: 'gpt' | 'apm' | 'none'; type: 'Apple_HFS' | 'Apple_APFS'; random: (target: Uint8Array) => void },
  ): Partition;
  /** Field by field: a place such as `plist`, `header`, `band:1f4`, `gpt`; null: the list of places. */
  inspectImage(store: FileStore, path: string, place: string | null): Iterable<string>;
}
