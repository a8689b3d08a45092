// What an HFS+ volume can hold.

import type { VolumeTraits } from '@tintype/core';
import { LINK_TARGET_LIMIT, XATTR_NAME_LIMIT, XATTR_VALUE_LIMIT } from './limits.js';

export interface TraitsOf {
  readonly caseSensitive: boolean;
  /** Seconds from the volume's first second, the beginning of 1904, to 1970. */
  readonly epoch: number;
  /** BSD flags that are kept. */
  readonly flags: number;
}

export function volumeTraits({ caseSensitive, epoch, flags }: TraitsOf): VolumeTraits {
  return {
    caseSensitive,
    timeUnit: 1e9,
    timeRange: { first: -epoch, last: 0xffff_ffff - epoch },
    hardLinks: 'files',
    holes: false,
    flags,
    deviceNumbers: { major: 0xff, minor: 0xff_ffff },
    linkTarget: LINK_TARGET_LIMIT,
    ownRootNames: [],
    kinds: ['file', 'directory', 'symlink', 'fifo', 'socket', 'char', 'block'],
    xattrs: true,
    xattrLimits: { value: XATTR_VALUE_LIMIT, name: XATTR_NAME_LIMIT },
    owners: true,
    birthTimes: true,
    changeTimes: true,
    clones: false,
  };
}
