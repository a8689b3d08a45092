// Foreign programs that judge what we wrote: Apple's own checker, 7-Zip, the kernel's driver in a small guest.

import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { withFolder } from './fixtures.js';
import { isCi, shared } from './repository.js';

/** The foreign programs that are known. */
export type OracleName =
  | 'fsck.hfsplus'
  | 'mkfs.hfsplus'
  | 'apfsck'
  | 'mkapfs'
  | 'fls'
  | 'icat'
  | 'pstat'
  | 'fsapfsinfo'
  | '7zz'
  | 'unzip'
  | 'xz'
  | 'strace'
  | 'qemu-img'
  | 'modi-read'
  | 'kernel-read'
  | 'kernel-write'
  | 'setfattr'
  | 'rsync';

/** A foreign program that judges, or why its tests are skipped. */
export interface Oracle {
  readonly path: string;
  readonly present: boolean;
  /** True where the test is to be skipped: `test.skipIf(withOracle('7zz').skip)`. On a build server it fails instead. */
  readonly skip: boolean;
  readonly reason: string;
}

/** What a program said. `ok`: its exit status was 0 (and nothing else it says shows a failure). */
export interface Verdict {
  readonly ok: boolean;
  readonly output: string;
  readonly exit: number;
}

const OUTPUT_LIMIT = 1 << 30;
const built = path.join(
  process.env.ORACLES_DIR ?? path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'tintype-oracles'),
  'bin',
);
const searched = [built, path.join(shared, 'oracles'), ...(process.env.PATH ?? '').split(':'), '/sbin', '/usr/sbin'];

/** For `test.skipIf`: whether a foreign program is missing. */
export function withOracle(name: OracleName): Oracle {
  const found = searched.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
  return {
    path: found ?? name,
    present: found !== undefined,
    skip: found === undefined && !isCi,
    reason: found ? '' : `${name} is not installed`,
  };
}

/** Apple's checker on a raw volume, all rules, nothing changed. `ok` also wants "appears to be OK". */
export function fsckHfsplus(file: string): Verdict {
  const verdict = run('fsck.hfsplus', ['-fdn', file]);
  return { ...verdict, ok: verdict.ok && verdict.output.includes('appears to be OK') };
}
/** All that apfsck knows; without `c` a container that was not closed is no finding. */
export function apfsck(file: string, options: '-cuw' | '-uw' = '-cuw'): Verdict {
  return run('apfsck', [options, file]);
}
/** A volume by `mkfs.hfsplus`. */
export function mkfsHfsplus(file: string, options: readonly string[] = []): Verdict {
  return run('mkfs.hfsplus', [...options, file]);
}
/** An image by `qemu-img convert`. */
export function qemuConvert(from: string, to: string, format = 'dmg'): Verdict {
  return run('qemu-img', ['convert', '-f', format, '-O', 'raw', from, to]);
}

/** 7-Zip's check of all chunk checksums of a UDIF; `ok` also wants no warning. */
export function sevenZipTest(file: string): Verdict {
  const verdict = run('7zz', ['t', '-tdmg', file]);
  return { ...verdict, ok: verdict.ok && !/warning|error/i.test(verdict.output) };
}
/** The clear disk of a UDIF as libmodi reads it; not xz, nothing encrypted. */
export function modiRead(from: string, to: string): Verdict {
  return run('modi-read', [from, to]);
}

/** What 7-Zip found in an image, by path: files only, forks and the file system's own files left out. */
export function sevenZipHashes(file: string): Map<string, string> {
  return withFolder((folder) => {
    const verdict = run('7zz', ['x', '-y', '-snld', `-o${folder}`, file]);
    const tooLong = namesTooLong(verdict.output, folder);
    if (!verdict.ok && tooLong.length === 0) throw new Error(verdict.output);
    const hashes = new Map<string, string>();
    for (const name of tooLong) hashes.set(name, sha256(oneFile(file, name)));
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const full = path.join(entry.parentPath, entry.name);
      hashes.set(path.relative(folder, full), sha256(readFileSync(full)));
    }
    return hashes;
  });
}

/** Files that 7-Zip has, but the host cannot hold: HFS+ counts a name's length in other units. */
function namesTooLong(output: string, folder: string): string[] {
  const prefix = 'ERROR: Cannot open output file : errno=36 : File name too long : ';
  const lines = output.split('\n').filter((line) => line.startsWith('ERROR'));
  if (lines.some((line) => !line.startsWith(prefix))) throw new Error(output);
  return lines.map((line) => path.relative(folder, line.slice(prefix.length)));
}

/** One file of an image, through a pipe; without `-sns-` its extended attributes would come behind its content. */
function oneFile(image: string, name: string): Uint8Array {
  return execFileSync(withOracle('7zz').path, ['x', '-so', '-spd', '-sns-', image, name], { maxBuffer: OUTPUT_LIMIT });
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Paths that 7-Zip lists, with their sizes. */
export function sevenZipList(file: string): { readonly path: string; readonly size: number }[] {
  const verdict = run('7zz', ['l', '-slt', file]);
  if (!verdict.ok) throw new Error(verdict.output);
  const listing = verdict.output.split('----------\n').slice(1).join('');
  return listing.split('\n\n').flatMap((block) => {
    const name = /^Path = (.*)$/s.exec(block.split('\n', 1)[0] ?? '')?.[1];
    return name === undefined ? [] : [{ path: name, size: Number(/^Size = (\d*)$/m.exec(block)?.[1] ?? 0) }];
  });
}

/** An item as the kernel's driver shows it; fields as `kernel-read` documents them. */
export interface KernelItem {
  readonly path: string;
  readonly type: string;
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly size?: number;
  readonly nlink?: number;
  readonly ino?: number;
  readonly mtime?: string;
  readonly target?: string;
  readonly sha256?: string;
  readonly xattrs?: Readonly<Record<string, string>>;
  readonly unsupported?: readonly unknown[];
  readonly errors?: readonly unknown[];
}

const GUEST_DIED_EARLY = /virtio-ports\/\S+: No such file|IO-APIC \+ timer doesn't work/;

/** What the kernel's driver shows of a volume, and whether it was content. */
export interface KernelListing {
  readonly items: KernelItem[];
  readonly verdict: Verdict;
}

/** Mounts a raw image's volume with the kernel's driver in a guest (2 s and more) and lists it. */
export function kernelRead(file: string, options: readonly string[] = []): KernelListing {
  const result = inGuest('kernel-read', [...options, file]);
  return { items: kernelItems(result.stdout), verdict: guestVerdict(result) };
}

/** Changes a raw image's APFS volume with the kernel's driver, by a shell script in a guest, and lists it afterwards. */
export function kernelWrite(script: string, file: string): KernelListing {
  return withFolder((folder) => {
    const [source, listing] = [path.join(folder, 'script'), path.join(folder, 'listing')];
    writeFileSync(source, script);
    const result = inGuest('kernel-write', [source, file, '--fs', 'apfs', '--json', listing]);
    const shown = existsSync(listing) ? readFileSync(listing, 'utf8') : '';
    const { ok, output, exit } = guestVerdict(result);
    return { items: kernelItems(shown), verdict: { ok, output: result.stdout + output, exit } };
  });
}

/** On a machine with much other work the guest may look for its ports before they are there: it has mounted nothing then. */
function inGuest(name: OracleName, args: readonly string[]): SpawnSyncReturns<string> {
  let result = spawn(name, args);
  for (let again = 0; again < 4 && GUEST_DIED_EARLY.test(result.stderr); again += 1) result = spawn(name, args);
  return result;
}
function guestVerdict({ status, stderr }: SpawnSyncReturns<string>): Verdict {
  return { ok: status === 0, output: stderr, exit: status ?? -1 };
}
function kernelItems(listing: string): KernelItem[] {
  const items: KernelItem[] = [];
  for (const line of listing.split('\n')) {
    const value: unknown = line.startsWith('{') ? JSON.parse(line) : null;
    if (isKernelItem(value)) items.push(value);
  }
  return items;
}

/** A line of a body file, as sleuthkit and libfsapfs write them. */
export interface BodyLine {
  /** Absolute. */
  readonly path: string;
  readonly inode: number;
  /** As `ls` shows it. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly target: string;
}

function bodyLines(text: string): BodyLine[] {
  return text.split('\n').flatMap((line) => {
    const [, name = '', inode, mode = '', uid, gid, size, , mtime] = line.split('|');
    if (!name.startsWith('/')) return [];
    const [path = '', target = ''] = name.split(' -> ');
    const short = mode.replace(/^.\//, '');
    return {
      path,
      inode: Number(inode),
      mode: short.replace(/^r(?=[r-]........$)/, '-'),
      uid: Number(uid),
      gid: Number(gid),
      size: Number(size),
      mtime: Math.trunc(Number(mtime)),
      target,
    };
  });
}

/** All items of the first volume of an APFS container, or of its snapshot `xid`, as sleuthkit lists them, and how it reads a file. */
export function sleuthkit(file: string, xid?: number): { items: BodyLine[]; read(inode: number): Uint8Array } {
  const block = /APSB Block Number: (\d+)/.exec(run('pstat', [file]).output)?.[1] ?? '0';
  const volume = ['-P', 'apfs', '-B', block, ...(xid === undefined ? [] : ['-S', String(xid)])];
  const { ok, output } = run('fls', ['-r', '-p', '-m', '/', ...volume, file]);
  if (!ok) throw new Error(output);
  const read = (inode: number): Uint8Array =>
    execFileSync(withOracle('icat').path, [...volume, file, String(inode)], { maxBuffer: OUTPUT_LIMIT });
  return { items: bodyLines(output), read };
}
/** What libfsapfs tells of one item. */
export function fsapfsinfo(file: string, path: string): Verdict {
  return run('fsapfsinfo', ['-F', path, file]);
}
/** Formats a file that is there as an APFS container, with the foreign program. */
export function mkapfs(file: string, options: readonly string[] = []): Verdict {
  return run('mkapfs', [...options, file]);
}

/** The disk inside a `.dmg`, as 7-Zip and failing that QEMU expand it. */
export function expand(dmg: string): Uint8Array {
  return withFolder((folder) => {
    const raw = path.join(folder, 'raw');
    const pieces = path.join(folder, 'pieces');
    mkdirSync(pieces);
    if (run('7zz', ['x', '-y', '-tdmg', `-o${pieces}`, dmg]).ok) {
      const names = readdirSync(pieces).sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
      writeFileSync(raw, Buffer.concat(names.map((name) => readFileSync(path.join(pieces, name)))));
    } else {
      const verdict = qemuConvert(dmg, raw);
      if (!verdict.ok) throw new Error(verdict.output);
    }
    return readFileSync(raw);
  });
}

function isKernelItem(value: unknown): value is KernelItem {
  return typeof value === 'object' && value !== null && 'path' in value && 'type' in value;
}

function spawn(name: OracleName, args: readonly string[]): SpawnSyncReturns<string> {
  const env = { ...process.env, PATH: `${built}:${process.env.PATH ?? ''}` };
  const result = spawnSync(withOracle(name).path, args, { encoding: 'utf8', maxBuffer: OUTPUT_LIMIT, env });
  if (result.error) throw result.error;
  return result;
}

function run(name: OracleName, args: readonly string[]): Verdict {
  const { status, stdout, stderr } = spawn(name, args);
  return { ok: status === 0, output: stdout + stderr, exit: status ?? -1 };
}
