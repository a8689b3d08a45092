// Changes of a tree made on a folder of the host, with what Node and the usual commands can do.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { type AttributeChange, assert, nameToBytes } from '@tintype/core';
import { MemoryVolume } from './memory-volume.js';
import { bytesOf, type Content, type TreeChange } from './tree-change.js';

const isRoot = process.getuid?.() === 0;

/**
 * Makes the change below `root`. Owners change only for root, flags and birth times never; sockets and devices cannot be
 * made. Times are set where the change gives them; otherwise the host's clock does.
 */
export function changeFolder(root: string, change: TreeChange): void {
  const path = hostPath(root, change.path);
  switch (change.change) {
    case 'create':
      createItem(path, change.kind, change.content);
      setAttributes(path, change.attributes ?? {});
      break;
    case 'symlink':
      symlinkSync(Buffer.from(nameToBytes(change.target)), path);
      setAttributes(path, change.attributes ?? {});
      break;
    case 'link':
      linkSync(path, hostPath(root, change.to));
      break;
    case 'clone':
      copyFileSync(path, hostPath(root, change.to));
      break;
    case 'remove':
      rmSync(path, { recursive: true });
      break;
    case 'rename':
      renameSync(path, hostPath(root, change.to));
      break;
    case 'write':
      withFile(path, (file) => writeAll(file, bytesOf(change.content), change.position));
      break;
    case 'truncate':
      withFile(path, (file) => ftruncateSync(file, change.size));
      break;
    case 'attributes':
      setAttributes(path, change.attributes);
      break;
    case 'xattr':
      setXattr(`${root}/${change.path}`, change.name, change.content);
  }
}

/** A model for `RandomChanges` whose changes a folder of the host can follow. */
export function folderModel(): MemoryVolume {
  return new MemoryVolume({
    traits: {
      flags: 0,
      clones: false,
      birthTimes: false,
      changeTimes: false,
      kinds: ['file', 'directory', 'symlink', 'fifo'],
      hardLinks: 'all',
      xattrLimits: { value: 1500, name: 200 },
    },
    nameAsStored: (name) => (/^\.{0,2}$|[/\0]/.test(name) || nameToBytes(name).length > 255 ? null : name),
  });
}

function hostPath(root: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${root}/`), nameToBytes(path)]);
}

function createItem(path: Buffer, kind: string, content: Content | undefined): void {
  if (kind === 'directory') {
    mkdirSync(path);
  } else if (kind === 'fifo') {
    execFileSync('mkfifo', [path.toString()]);
  } else {
    assert(kind === 'file', 'a test can make files, folders and fifos on the host');
    const file = openSync(path, 'wx');
    if (content) writeAll(file, bytesOf(content), 0);
    closeSync(file);
  }
}

function setAttributes(path: Buffer, { uid, gid, mode, mtime, mtimeNanos = 0 }: AttributeChange): void {
  if (isRoot && uid !== undefined && gid !== undefined) lchownSync(path, uid, gid);
  if (mode !== undefined && !lstatSync(path).isSymbolicLink()) chmodSync(path, mode);
  if (mtime !== undefined) lutimesSync(path, mtime + mtimeNanos / 1e9, mtime + mtimeNanos / 1e9);
}

function setXattr(path: string, name: string, content: Content | null): void {
  const value = content ? ['-n', name, '-v', `0s${Buffer.from(bytesOf(content)).toString('base64')}`] : ['-x', name];
  execFileSync('setfattr', ['-h', ...value, '--', path], { stdio: 'pipe' });
}

function withFile(path: Buffer, act: (file: number) => void): void {
  const file = openSync(path, 'r+');
  try {
    act(file);
  } finally {
    closeSync(file);
  }
}

function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, position + at);
}
