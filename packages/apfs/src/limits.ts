// Numbers that bound what this package does with bytes it did not write.

/** Levels of a tree, the leaves included. */
export const TREE_DEPTH = 16;
/** Nodes of one tree kept in memory, in bytes. */
export const NODE_CACHE_BYTES = 16 << 20;
/** Blocks of a descriptor area that are looked at. */
export const DESCRIPTOR_LIMIT = 1 << 16;
/** Bytes of one metadata object. */
export const OBJECT_LIMIT = 1 << 20;
/** Longest value of an extended attribute that is taken: it passes through memory as one piece. */
export const XATTR_VALUE_LIMIT = 128 << 20;
/** Longest name of an extended attribute in bytes of UTF-8, as macOS limits it. */
export const XATTR_NAME_LIMIT = 127;
/** Longest target of a symlink in bytes. */
export const SYMLINK_LIMIT = 65_536;
/** Rounds of key derivation. */
export const KDF_ROUNDS_LIMIT = 50_000_000;
/** Blocks of a key bag. */
export const KEYBAG_BLOCKS_LIMIT = 64;
/** Inodes of a volume that does not change which are kept in memory. */
export const INODES_KNOWN = 4096;
/** Files whose extents are kept in memory, and extents of one file. */
export const OPEN_STREAMS = 64;
export const EXTENTS_LIMIT = 1 << 22;
