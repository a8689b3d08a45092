// The floor of the house: the files that an image is made of. Everything that a container does to the host goes through
// this interface, so that every cut and every failing call can be tried in a test.

/** How a file is opened: an existing one to read, an existing one to write, or a new one that must not exist yet. */
export type OpenMode = 'read' | 'write' | 'create';

/** What lies at a path: nothing is followed, a symbolic link is `other`. */
export type EntryKind = 'file' | 'directory' | 'device' | 'other';

/** An entry of a folder of the host. */
export interface StoreEntry {
  readonly name: string;
  readonly kind: EntryKind;
}

/** What is known of the file system below a store's folder. All sizes in bytes. */
export interface StoreFacts {
  /** Bytes that this process may still write. */
  readonly free: number;
  /** Bytes the file system has in all. */
  readonly capacity: number;
  /** Longest possible file, or null where no limit below 2^53 is known (FAT32: 2^32 - 1). */
  readonly fileSizeLimit: number | null;
  /** True if ranges of a file can be given back (hole punching). */
  readonly canPunch: boolean;
  /** True on NFS, SMB, sshfs and the like (B2). */
  readonly isNetwork: boolean;
  /** Name of the file system as the host calls it, such as `ext4`. */
  readonly kind: string;
}

/** As of whole-file locks: many may share, one may exclude all others. */
export type LockKind = 'shared' | 'exclusive';

/** One open file. After an error of `write`, `truncate`, `punch` or `sync` its content is unknown and it must be closed. */
export interface StoreFile {
  readonly path: string;
  /** Current length in bytes (of a block device: its capacity). */
  size(): number;
  /** Bytes really stored by the host within the range; never more than `length`. */
  allocated(position: number, length: number): number;
  /** Fills `target` from `position`; answers how many bytes there were (fewer only at the end of the file). */
  read(position: number, target: Uint8Array): number;
  /**
   * Writes all of `source`, lengthening the file where needed (a gap reads as zeros). A store may still be at it when
   * this returns: every other call sees it done, and an error comes with a later change, `sync` or `close` at the latest.
   */
  write(position: number, source: Uint8Array): void;
  /** Reserves real space for the range, lengthening the file where needed; content reads as before, or zeros. */
  allocate(position: number, length: number): void;
  truncate(length: number): void;
  /** Gives the range's space back; it then reads as zeros. The length stays. False if the host cannot. */
  punch(position: number, length: number): boolean;
  /** Takes a whole-file lock without waiting; false if another holder has it. Given up by `close`. */
  lock(kind: LockKind): boolean;
  /** Content and length are durable when this returns; the file's name is made so by `FileStore.syncFolder`. */
  sync(): void;
  close(): void;
}

/** Files and folders by path, `/` separated. Errors are `StoreError`s with the path and the host's code. */
export interface FileStore {
  /** @throws StoreError `ENOENT`, `EEXIST` (mode `create`), `ELOOP` for a link, `EISDIR`, … */
  open(path: string, mode: OpenMode): StoreFile;
  /** What is at the path, or null. Links are not followed below the path's last part. */
  kind(path: string): EntryKind | null;
  /** Entries of a folder, without `.` and `..`, in the host's order. */
  list(path: string): StoreEntry[];
  /** Replaces what is at `to`, atomically where the host can. */
  rename(from: string, to: string): void;
  /** Removes a file or an empty folder. */
  remove(path: string): void;
  makeFolder(path: string): void;
  /** Gives a file a second name. False if the host has no such names. @throws StoreError `ENOENT`, `EEXIST` */
  link(from: string, to: string): boolean;
  /** New, renamed and removed names in this folder are durable when this returns. */
  syncFolder(path: string): void;
  /** Of the file system that holds the folder `path`. */
  facts(path: string): StoreFacts;
}
