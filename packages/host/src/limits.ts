// Bounds of this package.

/** Folders of one walk that hold a handle at the same time; deeper walks close the least recently used. */
export const maxFolderHandles = 200;

/** Files under creation that stay open for their content before the oldest is finished and closed. */
export const maxOpenFiles = 64;

/** Bytes of directory entries that one call of the host may answer. */
export const directoryBufferSize = 256 * 1024;

/** Longest path, name or link target that is handed to the host (Linux: PATH_MAX is 4096). */
export const maxPathBytes = 16 * 1024;

/** Longest list or value of extended attributes that Linux has (XATTR_LIST_MAX, XATTR_SIZE_MAX). */
export const maxXattrBytes = 64 * 1024;

/** Stretches that are asked of one sparse file; beyond this the rest counts as data. */
export const maxExtents = 1 << 20;

/** Shorter writes are made at once: handing them over costs more than the call. */
export const behindFrom = 64 * 1024;

/** Bytes of long writes after which the thread for them is started: a run with fewer would wait for it only to end. */
export const behindAfter = 4 << 20;

/** Seconds after which a write that waited for its turn needs to be confirmed; well below a lease's heartbeat of 5 s. */
export const lateSeconds = 1;
