// What is known of a file system: its kind, room and limits.

import { readFileSync, statfsSync, statSync } from 'node:fs';
import { hostPath, type StoreFacts } from '@tintype/core';
import { attempt } from './errno.js';
import { nativeLibrary } from './native.js';

interface KindTraits {
  readonly kind: string;
  readonly isNetwork?: boolean;
  readonly canPunch?: boolean;
  readonly fileSizeLimit?: number;
}

const fat: Pick<KindTraits, 'fileSizeLimit'> = { fileSizeLimit: 2 ** 32 - 1 };

/** By the magic number that statfs(2) answers (its manual page lists them). */
const kindsByMagic = new Map<number, KindTraits>([
  [0xef53, { kind: 'ext4', canPunch: true }],
  [0x9123683e, { kind: 'btrfs', canPunch: true }],
  [0x58465342, { kind: 'xfs', canPunch: true }],
  [0xf2f52010, { kind: 'f2fs', canPunch: true }],
  [0x2fc12fc1, { kind: 'zfs', canPunch: true }],
  [0xca451a4e, { kind: 'bcachefs', canPunch: true }],
  [0x01021994, { kind: 'tmpfs', canPunch: true }],
  [0x794c7630, { kind: 'overlay', canPunch: true }],
  [0x6969, { kind: 'nfs', isNetwork: true, canPunch: true }],
  [0xff534d42, { kind: 'cifs', isNetwork: true }],
  [0xfe534d42, { kind: 'smb2', isNetwork: true }],
  [0x517b, { kind: 'smb', isNetwork: true }],
  [0x01021997, { kind: '9p', isNetwork: true }],
  [0x00c36400, { kind: 'ceph', isNetwork: true, canPunch: true }],
  [0x5346414f, { kind: 'afs', isNetwork: true }],
  [0x4d44, { kind: 'vfat', ...fat }],
  [0x2011bab0, { kind: 'exfat' }],
  [0x5346544e, { kind: 'ntfs' }],
  [0x7366746e, { kind: 'ntfs3', canPunch: true }],
  [0x482b, { kind: 'hfsplus' }],
]);

const fuseMagic = 0x65735546;
const localFuseKinds = new Set(['fuseblk', 'fuse.ntfs-3g', 'fuse.exfat', 'fuse.bindfs', 'fuse.mergerfs', 'fuse.apfs']);

/** Of the file system that holds `path`. @throws StoreError */
export function spaceAt(path: string): StoreFacts {
  const facts = attempt('statfs', path, () => statfsSync(hostPath(path)));
  // On Windows and macOS the number says nothing that is stable; there the kind stays unknown.
  const known = process.platform === 'linux' ? kindOf(facts.type >>> 0, path) : { kind: process.platform };
  const isRoot = process.getuid?.() === 0;
  return {
    free: (isRoot ? facts.bfree : facts.bavail) * facts.bsize,
    capacity: facts.blocks * facts.bsize,
    fileSizeLimit: smallest(known.fileSizeLimit ?? null, processLimit()),
    canPunch: known.canPunch === true && nativeLibrary() !== null,
    isNetwork: known.isNetwork ?? false,
    kind: known.kind,
  };
}

const smallest = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b);

/** Bytes that this process may give to one file (proc(5): limits, RLIMIT_FSIZE), or null. */
function processLimit(): number | null {
  if (process.platform !== 'linux') return null;
  const limits = attempt('read', '/proc/self/limits', () => readFileSync('/proc/self/limits', 'latin1'));
  const soft = /^Max file size +(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? null : Number(soft);
}

function kindOf(magic: number, path: string): KindTraits {
  if (magic !== fuseMagic) return kindsByMagic.get(magic) ?? { kind: mountedKind(path) ?? `0x${magic.toString(16)}` };
  const kind = mountedKind(path) ?? 'fuse';
  return { kind, isNetwork: !localFuseKinds.has(kind) };
}

/** The type as mounted, such as `fuse.sshfs`, by the device number of `path` (proc(5): mountinfo). */
function mountedKind(path: string): string | null {
  const device = attempt('stat', path, () => statSync(hostPath(path), { bigint: true })).dev;
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
  const table = attempt('read', '/proc/self/mountinfo', () => readFileSync('/proc/self/mountinfo', 'latin1'));
  for (const line of table.split('\n')) {
    if (line.split(' ')[2] !== `${major}:${minor}`) continue;
    return line.split(' - ')[1]?.split(' ')[0] ?? null;
  }
  return null;
}

/** True if `path` lies on the file system that the host started from (B42). @throws StoreError */
export function isOnStartupDisk(path: string): boolean {
  const root = process.platform === 'win32' ? `${process.env.SystemDrive ?? 'C:'}\\` : '/';
  const deviceOf = (place: string): number => attempt('stat', place, () => statSync(hostPath(place))).dev;
  return deviceOf(path) === deviceOf(root);
}
