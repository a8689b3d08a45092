// Numbers that bound what this package does.

/** Metadata kept in memory, by default. */
export const CACHE_BYTES = 32 << 20;
/** Longest value of an extended attribute that is taken: it passes through memory as one piece. */
export const XATTR_VALUE_LIMIT = 128 << 20;
/** Longest name of an extended attribute in UTF-16 units. */
export const XATTR_NAME_LIMIT = 127;
/** Longest target of a symlink in bytes, as macOS reads it: MAXPATHLEN. */
export const LINK_TARGET_LIMIT = 1024;
/** Longest target of a symlink that is read. */
export const SYMLINK_LIMIT = 65_536;
