// What file systems of a Linux host can keep.

import type { ItemKind, StoreFacts, VolumeTraits } from '@tintype/core';

const allKinds: readonly ItemKind[] = ['file', 'directory', 'symlink', 'fifo', 'socket'];
const deviceKinds: readonly ItemKind[] = ['char', 'block'];

/** Seconds from 1980-01-01 to the end of 2107, which FAT's dates span. */
const fatTimes = { first: 315_532_800, last: 4_354_819_199 };
/** What ext4 keeps in inodes of 256 bytes (34 bits of seconds); others keep no less that matters. */
const extTimes = { first: -(2 ** 31), last: 2 ** 34 - 2 ** 31 - 1 };

/** `facts` of the folder's file system; `isRoot` if this process may give files away. */
export function hostTraits(facts: StoreFacts, isRoot: boolean): VolumeTraits {
  const isFat = facts.kind === 'vfat' || facts.kind === 'exfat';
  return {
    caseSensitive: !isFat,
    timeUnit: isFat ? (facts.kind === 'vfat' ? 2e9 : 1e7) : 1,
    timeRange: isFat ? fatTimes : extTimes,
    hardLinks: isFat ? 'none' : 'all',
    holes: !isFat,
    flags: 0,
    deviceNumbers: { major: 0xfff, minor: 0xf_ffff },
    kinds: isFat ? ['file', 'directory'] : isRoot ? [...allKinds, ...deviceKinds] : allKinds,
    xattrs: !isFat,
    // 255 bytes less `user.`, which the host puts before.
    xattrLimits: { value: 65_536, name: 250 },
    owners: isRoot && !isFat,
    birthTimes: false,
    changeTimes: false,
    clones: false,
  };
}
