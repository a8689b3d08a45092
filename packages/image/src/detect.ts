// What lies at a path, by content and never by extension.

import type { FileStore, StoreFile } from '@tintype/core';
import { ASIF_SIGNATURE } from './asif/structs.js';
import type { Detection } from './disk-image.js';
import { CDSAENCR, ENCRCDSA } from './encryption/structs.js';
import { BUNDLE_TYPE, parseFlatPlist, readSmallFile } from './sparsebundle/info-plist.js';
import { SPARSE_SIGNATURE } from './sparseimage/structs.js';
import { KOLY, Koly } from './udif/structs.js';

const TIME_MACHINE = 'com.apple.TimeMachine.MachineID.plist';

/** What lies at a path, by content; null if it is no image. @throws StoreError */
export function detect(store: FileStore, path: string): Detection | null {
  const kind = store.kind(path);
  if (kind === 'directory') return detectBundle(store, path);
  if (kind !== 'file' && kind !== 'device') return null;
  const file = store.open(path, 'read');
  try {
    return detectFile(file);
  } finally {
    file.close();
  }
}

function detectBundle(store: FileStore, path: string): Detection | null {
  const isBundle = ['Info.plist', 'Info.bckup'].some((name) => namesBundle(store, `${path}/${name}`));
  if (!isBundle) return null;
  const isEncrypted = store.kind(`${path}/token`) === 'file' && fileSize(store, `${path}/token`) > 0;
  return {
    kind: isEncrypted ? 'encrypted' : 'sparsebundle',
    writable: !isEncrypted,
    timeMachine: store.kind(`${path}/${TIME_MACHINE}`) !== null,
  };
}

function namesBundle(store: FileStore, path: string): boolean {
  if (store.kind(path) !== 'file' || fileSize(store, path) > 64 << 10) return false;
  const text = Buffer.from(readSmallFile(store, path)).toString('utf8');
  // A damaged list that still says what it is counts as a bundle: opening it then tells what is wrong.
  if (text.includes(BUNDLE_TYPE)) return true;
  try {
    return parseFlatPlist(text).get('diskimage-bundle-type') === BUNDLE_TYPE;
  } catch {
    return false;
  }
}

function fileSize(store: FileStore, path: string): number {
  const file = store.open(path, 'read');
  try {
    return file.size();
  } finally {
    file.close();
  }
}

/** What a file is, by its content. */
export function detectFile(file: StoreFile): Detection | null {
  const size = file.size();
  const head = new Uint8Array(64);
  const length = file.read(0, head);
  const plain = { timeMachine: false };
  if (startsWith(head, ENCRCDSA)) return { kind: 'encrypted', writable: false, ...plain };
  if (size >= 8) {
    const tail = new Uint8Array(8);
    file.read(size - 8, tail);
    if (startsWith(tail, CDSAENCR)) return { kind: 'encrypted', writable: false, ...plain };
  }
  const first = length >= 4 ? new DataView(head.buffer).getUint32(0) : 0;
  if (first === SPARSE_SIGNATURE) return { kind: 'sparseimage', writable: true, ...plain };
  if (first === ASIF_SIGNATURE) return { kind: 'asif', writable: true, ...plain };
  if (hasKoly(file, size)) return { kind: 'udif', writable: false, ...plain };
  return looksLikeDisk(file, size) ? { kind: 'raw', writable: true, ...plain } : null;
}

/** A trailer with a property list; an old raw image may end with one that has none. */
function hasKoly(file: StoreFile, size: number): boolean {
  if (size < Koly.size) return false;
  const bytes = new Uint8Array(Koly.size);
  file.read(size - Koly.size, bytes);
  const view = new DataView(bytes.buffer);
  return (
    view.getUint32(0) === KOLY &&
    (view.getUint32(Koly.at.xmlLength + 4) !== 0 || view.getUint32(Koly.at.resourceForkLength + 4) !== 0)
  );
}

/** True if a raw file begins with something that a disk begins with. */
function looksLikeDisk(file: StoreFile, size: number): boolean {
  const head = Buffer.alloc(Math.min(size, 4096 + 8));
  file.read(0, head);
  const at = (position: number, text: string) =>
    head.subarray(position, position + text.length).toString('latin1') === text;
  return (
    at(512, 'EFI PART') ||
    at(4096, 'EFI PART') ||
    at(512, 'PM') ||
    at(1024, 'H+') ||
    at(1024, 'HX') ||
    at(1024, 'BD') ||
    at(32, 'NXSB') ||
    (size >= 512 && head[510] === 0x55 && head[511] === 0xaa) ||
    endsLikeDisk(file, size)
  );
}

/** A disk whose first sectors are damaged is known by its last ones: the backup of a partition table, or of a volume header. */
function endsLikeDisk(file: StoreFile, size: number): boolean {
  if (size < 4096 || size % 512 !== 0) return false;
  const tail = Buffer.alloc(1024);
  file.read(size - 1024, tail);
  const signature = tail.toString('latin1', 0, 2);
  const version = tail.readUInt16BE(2);
  const isHfs = (signature === 'H+' && version === 4) || (signature === 'HX' && version === 5);
  const blockSize = tail.readUInt32BE(40);
  const isVolume = isHfs && blockSize >= 512 && tail.readUInt32BE(44) === Math.floor(size / blockSize);
  return isVolume || tail.toString('latin1', 512, 520) === 'EFI PART';
}

function startsWith(bytes: Uint8Array, text: Uint8Array): boolean {
  return Buffer.compare(bytes.subarray(0, text.length), text) === 0;
}
