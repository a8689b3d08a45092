// Constants of Linux's interface that Node does not export; equal on x86-64 and arm64 but for those computed here.

const arm = process.arch === 'arm64' || process.arch === 'arm';

export const openFlags = {
  read: 0,
  readWrite: 2,
  create: 0o100,
  exclusive: 0o200,
  nonBlocking: 0o4000,
  directory: arm ? 0o40000 : 0o200000,
  noFollow: arm ? 0o100000 : 0o400000,
  noAccessTime: 0o1000000,
  closeOnExec: 0o2000000,
  path: 0o10000000,
} as const;

/** For the `folder` of …at calls: relative to the working directory. */
export const currentFolder = -100;

export const atFlags = { noFollow: 0x100, removeFolder: 0x200, noAutomount: 0x800, emptyPath: 0x1000 } as const;

export const renameNoReplace = 1;

export const fallocateFlags = { keepSize: 1, punchHole: 2 } as const;

export const seekData = 3;
export const seekHole = 4;

export const flockFlags = { shared: 1, exclusive: 2, nonBlocking: 4, unlock: 8 } as const;

export const fileTypes = {
  mask: 0o170000,
  fifo: 0o010000,
  char: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
} as const;

/** Nanoseconds field of utimensat that leaves the time as it is. */
export const omitTime = 0x3ffffffe;

export const clockBoottime = 7;

/** SYNC_FILE_RANGE_WRITE: begins to write a range out, without waiting for it. */
export const startWriteback = 2;
