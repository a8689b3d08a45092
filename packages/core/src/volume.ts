// A tree as POSIX sees it, with what Apple adds. Backup, restore, diff and verify are written once, for any pair of these.

/** Names an item of one volume until it is removed, released, or its file system closed; it stays good across commits. */
export type ItemId = number;

/** What an item is, in the words of `ls --json`. */
export type ItemKind = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'char' | 'block';

/**
 * What an item has beside its name and bytes. Times are whole seconds since 1970 (negative before) and nanoseconds
 * 0 … 999,999,999, as two numbers, because objects cost too much in listings.
 */
export interface Attributes {
  /** Permission bits only: 0 … 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** BSD flags as chflags(2) counts them (UF_… in the low half, SF_… in the high half); 0 where there are none. */
  readonly flags: number;
  readonly mtime: number;
  readonly mtimeNanos: number;
  readonly ctime: number;
  readonly ctimeNanos: number;
  /** Birth time; equal to mtime where unknown. */
  readonly btime: number;
  readonly btimeNanos: number;
}

/** An item of a volume with all its attributes, as `list` and `lookup` answer it. */
export interface Item extends Attributes {
  readonly id: ItemId;
  readonly name: string;
  readonly kind: ItemKind;
  /** Equal for all hard links of one file, different for all others on the same `device`. */
  readonly inode: number;
  /** The host's device number; 0 in images. With `inode` it names a file. */
  readonly device: number;
  readonly nlink: number;
  /** Bytes of the data fork as read; symlink: bytes of the target; directory and special: 0. */
  readonly size: number;
  /** Bytes stored for the data; less than `size` hints at holes. */
  readonly allocated: number;
  /** Device numbers of `char` and `block` items, else 0. */
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  /** False only if the item certainly has no extended attribute. */
  readonly hasXattrs: boolean;
}

/** An extended attribute in a listing: its name, and how many bytes its value has. */
export interface XattrEntry {
  readonly name: string;
  readonly size: number;
}

/** A stretch of a file's data. Stretches are ascending, touch, and cover `[0, size)`. */
export interface FileExtent {
  readonly position: number;
  readonly length: number;
  readonly kind: 'data' | 'hole';
}

/** What a volume can keep, as data: the engine decides by these and names no file system. */
export interface VolumeTraits {
  readonly caseSensitive: boolean;
  /** Unit of times in nanoseconds: 1 (APFS, ext4) or 1e9 (HFS+). */
  readonly timeUnit: number;
  /** First and last second since 1970 that can be kept. */
  readonly timeRange: { readonly first: number; readonly last: number };
  /** Which kinds can have several names: `none`, `files` (regular only), `all` but directories. */
  readonly hardLinks: 'none' | 'files' | 'all';
  /** True if a file can have ranges that take no space. */
  readonly holes: boolean;
  /** BSD flags that are kept. */
  readonly flags: number;
  /** Largest numbers that a `char` or `block` item can have. */
  readonly deviceNumbers: { readonly major: number; readonly minor: number };
  /** Longest target of a symlink, in bytes. */
  readonly linkTarget: number;
  /** Names in the root folder that are not its user's, though they are listed. */
  readonly ownRootNames: readonly string[];
  /** Kinds that can be created. */
  readonly kinds: readonly ItemKind[];
  readonly xattrs: boolean;
  /** Longest value of an extended attribute in bytes; longest name in bytes of UTF-8. */
  readonly xattrLimits: { readonly value: number; readonly name: number };
  /** False where owners are not kept (a host folder without root). */
  readonly owners: boolean;
  /** True if birth times can be set. */
  readonly birthTimes: boolean;
  /** True if ctime can be set (in images); then it is the source's, and tells a later run what did not change. */
  readonly changeTimes: boolean;
  /** True if `clone` works. */
  readonly clones: boolean;
}

/**
 * A tree to read. A name is a JavaScript string: host bytes that are not UTF-8 appear as U+DC80 + (byte - 0x80).
 * The file system's own items (journal files, private folders) never appear.
 */
export interface Volume {
  readonly name: string;
  /** As macOS prints it: upper-case hex with hyphens; empty for a host folder. */
  readonly uuid: string;
  readonly traits: VolumeTraits;
  /** The root folder; its `name` is empty. */
  readonly root: Item;
  /** Equal keys are the same name here; `<` on keys is the order of every walk. */
  nameKey(name: string): string;
  /** The name that `list` shows for an item created as `name`, or null if the volume cannot hold that name. */
  nameAsStored(name: string): string | null;
  /** All items of a folder with their attributes, in the driver's own order. */
  list(folder: ItemId): Item[];
  lookup(folder: ItemId, name: string): Item | null;
  /** The item's attributes as they are now. `name` is the name by which it was reached last, or empty. */
  stat(id: ItemId): Item;
  /** Reads from the data fork; answers how many bytes there were (fewer only at the end). */
  read(id: ItemId, position: number, target: Uint8Array): number;
  extents(id: ItemId): FileExtent[];
  /** A symlink's target. Bytes that are not UTF-8 as in names. */
  readlink(id: ItemId): string;
  xattrs(id: ItemId): XattrEntry[];
  /** The whole value, or null if there is none of that name. */
  xattr(id: ItemId, name: string): Uint8Array | null;
  /**
   * The value that `xattr` answers of an item of this kind once the attribute was set to `value`; null if the volume has no
   * place for it. What a host refuses for other reasons is known only when it was tried.
   */
  xattrAsStored(kind: ItemKind, name: string, value: Uint8Array): Uint8Array | null;
  /** What is known of snapshots; null where the file system has none. */
  readonly snapshots: readonly SnapshotEntry[] | null;
  /** The volume as it was, by transaction: every call that changes something refuses. @throws UnsupportedError */
  openSnapshot(xid: number): WritableVolume;
  /** Gives up what is held for this id (host: handles). Of a folder: also the ids of its items. */
  release(id: ItemId): void;
}

/** A snapshot of a volume, by name and number. */
export interface SnapshotEntry {
  readonly name: string;
  readonly xid: number;
  /** Nanoseconds since 1970. */
  readonly created: bigint;
}

/** An item to create. Hard links are made by `link`. */
export interface NewItem extends Attributes {
  readonly name: string;
  readonly kind: ItemKind;
  /** Of a file: the bytes that will be written, so that the driver can lay them out in one piece. */
  readonly size: number;
  /** Target of a symlink, else empty. */
  readonly target: string;
  readonly rdevMajor: number;
  readonly rdevMinor: number;
}

/** Fields of `Attributes` to change; what is absent stays. */
export type AttributeChange = Partial<Attributes>;

/**
 * A tree to change. Times are the caller's: no call sets or moves a time by itself, so that content can be written
 * after the final times were given. Nothing is durable before `FileSystem.commit`.
 * Every call may throw `VolumeFullError`; nothing is half-done then.
 */
export interface WritableVolume extends Volume {
  /** Creates a folder's new items at once; answers their ids in the order given. Names must be free and storable. */
  create(folder: ItemId, items: readonly NewItem[]): ItemId[];
  /** One more name for an item that is no folder. */
  link(folder: ItemId, name: string, id: ItemId): void;
  /** Removes a name, and with the last name the item. A folder must be empty. */
  remove(folder: ItemId, name: string): void;
  /** The new name must be free, but for a change of case or form of the same name. */
  rename(folder: ItemId, name: string, toFolder: ItemId, toName: string): void;
  setAttributes(id: ItemId, change: AttributeChange): void;
  /** Writes into the data fork, lengthening the file where needed; a gap reads as zeros. */
  write(id: ItemId, position: number, source: Uint8Array): void;
  /** Sets the length; new bytes read as zeros. */
  truncate(id: ItemId, size: number): void;
  /** Sets the value, or removes the attribute if null. */
  setXattr(id: ItemId, name: string, value: Uint8Array | null): void;
  /** A new file of this name that shares the content of `id`. Only if `traits.clones`. */
  clone(folder: ItemId, name: string, id: ItemId): ItemId;
}
