// What file systems of a Linux host can keep.

import { statSync } from 'node:fs';
import { hostPath, type ItemKind, type StoreFacts, type VolumeTraits } from '@tintype/core';

const allKinds: readonly ItemKind[] = ['file', 'directory', 'symlink', 'fifo', 'socket'];
const deviceKinds: readonly ItemKind[] = ['char', 'block'];

/** Seconds from 1980-01-01 to the end of 2107, which FAT's dates span. */
const fatTimes = { first: 315_532_800, last: 4_354_819_199 };
/** What ext4 keeps in inodes of 256 bytes (34 bits of seconds); others keep no less that matters. */
const extTimes = { first: -(2 ** 31), last: 2 ** 34 - 2 ** 31 - 1 };

const appleKinds: readonly string[] = ['hfsplus', 'fuse.apfs', 'apfs', 'darwin'];
/** The journal and the folder of linked folders, which Linux shows, and what the root folder of a system has. */
const appleNames: readonly string[] = [
  '.journal',
  '.journal_info_block',
  '.HFS+ Private Directory Data\r',
  '.vol',
  '.file',
];

/** What the folder at `path` lists that is the file system's own: only where one of Apple's is mounted right there. */
export function ownRootNames(path: string, { kind }: StoreFacts): readonly string[] {
  return appleKinds.includes(kind) && isMountPoint(path) ? appleNames : [];
}

function isMountPoint(path: string): boolean {
  const [own, parent] = [path, `${path}/..`].map((place) => statSync(hostPath(place)));
  return own?.dev !== parent?.dev || own?.ino === parent?.ino;
}

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
    linkTarget: 4095,
    ownRootNames: [],
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
