// What a repair overwrites, kept beside the image as `IMAGE.repair-undo` until the next repair.
//
// Form: a header of one sector, in clear; then entries: position, length, the CRC-32 of each new sector, the old bytes.
// Of an encrypted image the entries are encrypted with its own keys, as its data are.
//
// The header's state is one field of one sector, so a cut leaves it as it was or as it is to be.

import { createHash } from 'node:crypto';
import { bytes, CorruptError, crc32, type FileStore, type StoreFile, struct, u32, u64 } from '@tintype/core';

export const UndoHeader = struct(
  'tintype repair-undo',
  { order: 'big', size: 512, source: 'image/src/undo-file.ts' },
  {
    signature: bytes(24),
    version: u32('1'),
    state: u32('UNDO_STATE'),
    entriesSize: u64('bytes behind the header, before encryption'),
    diskSize: u64('bytes'),
    sha256: bytes(32, 'of the entries, before encryption'),
    reserved: bytes(432),
  },
);

const UndoEntry = struct(
  'tintype repair-undo entry',
  { order: 'big', size: 16, source: 'image/src/undo-file.ts' },
  {
    position: u64('bytes of the disk'),
    length: u32('bytes'),
    sums: u32('CRC-32s that follow, one for each sector of what is written'),
  },
);

export const UNDO_STATE = { pending: 1, done: 2 } as const;
const SIGNATURE = Buffer.alloc(24);
SIGNATURE.write('tintype repair-undo\n');
const SECTOR = 512;
/** No repair of what a check can hold in memory overwrites more. */
const SIZE_LIMIT = 4 * 2 ** 30;

/** One stretch of the disk: as it was, and how to know each of its sectors once it is written. */
export interface UndoStretch {
  readonly position: number;
  readonly old: Uint8Array;
  readonly sums: Uint32Array;
}

/** Encrypts and decrypts what lies behind the header, where the image is encrypted. */
export type Seal = (file: StoreFile, start: number, clearSize: number) => StoreFile;

/** Where what a repair overwrites is kept, beside the image. */
export function undoPath(path: string): string {
  return `${path.replace(/\/+$/, '')}.repair-undo`;
}

export function sectorSums(written: Uint8Array): Uint32Array {
  return Uint32Array.from({ length: Math.ceil(written.length / SECTOR) }, (_, i) =>
    crc32(written.subarray(i * SECTOR, (i + 1) * SECTOR)),
  );
}

/** Durable under its own name when it returns; what another repair left there is replaced. */
export function writeUndo(
  store: FileStore,
  path: string,
  diskSize: number,
  stretches: readonly UndoStretch[],
  seal: Seal | undefined,
): void {
  const entries = entriesOf(stretches);
  const target = undoPath(path);
  const draft = `${target}.tintype.new`;
  if (store.kind(draft) !== null) store.remove(draft);
  const file = store.open(draft, 'create');
  try {
    const header = new Uint8Array(UndoHeader.size);
    UndoHeader.write(new DataView(header.buffer), 0, {
      signature: SIGNATURE,
      version: 1,
      state: UNDO_STATE.pending,
      entriesSize: entries.length,
      diskSize,
      sha256: createHash('sha256').update(entries).digest(),
      reserved: new Uint8Array(432),
    });
    file.write(0, header);
    if (seal) seal(file, UndoHeader.size, 0).write(0, entries);
    else file.write(UndoHeader.size, entries);
    file.sync();
  } finally {
    file.close();
  }
  store.rename(draft, target);
  store.syncFolder(folderOf(target));
}

export function markUndoDone(store: FileStore, path: string): void {
  const file = store.open(undoPath(path), 'write');
  try {
    const state = Buffer.alloc(4);
    state.writeUInt32BE(UNDO_STATE.done);
    file.write(UndoHeader.at.state, state);
    file.sync();
  } finally {
    file.close();
  }
}

/** What lies under the undo's name: nothing, one of ours that is done with, something else, or one that waits. */
export type FoundUndo = 'none' | 'done' | 'foreign' | readonly UndoStretch[];

/** `diskSize`: an undo for another disk is none of ours. */
export function readUndo(store: FileStore, path: string, diskSize: number, seal: Seal | undefined): FoundUndo {
  const place = undoPath(path);
  const kind = store.kind(place);
  if (kind === null) return 'none';
  if (kind !== 'file') return 'foreign';
  const file = store.open(place, 'read');
  try {
    const head = new Uint8Array(UndoHeader.size);
    if (file.read(0, head) < head.length) return 'foreign';
    const header = UndoHeader.read(new DataView(head.buffer), 0);
    if (Buffer.compare(header.signature, SIGNATURE) !== 0 || header.version !== 1) return 'foreign';
    if (header.state === UNDO_STATE.done) return 'done';
    if (header.diskSize !== diskSize || header.entriesSize > SIZE_LIMIT) return 'foreign';
    if (header.entriesSize > file.size() - UndoHeader.size) return 'foreign';
    const entries = new Uint8Array(header.entriesSize);
    if (seal) seal(file, UndoHeader.size, entries.length).read(0, entries);
    else file.read(UndoHeader.size, entries);
    if (Buffer.compare(createHash('sha256').update(entries).digest(), header.sha256) !== 0) return 'foreign';
    return stretchesOf(entries, diskSize);
  } finally {
    file.close();
  }
}

function entriesOf(stretches: readonly UndoStretch[]): Uint8Array {
  const parts = stretches.flatMap(({ position, old, sums }) => {
    const head = new Uint8Array(UndoEntry.size + 4 * sums.length);
    const view = new DataView(head.buffer);
    UndoEntry.write(view, 0, { position, length: old.length, sums: sums.length });
    sums.forEach((sum, i) => {
      view.setUint32(UndoEntry.size + 4 * i, sum);
    });
    return [head, old];
  });
  return Buffer.concat(parts);
}

function stretchesOf(entries: Uint8Array, diskSize: number): UndoStretch[] {
  const view = new DataView(entries.buffer, entries.byteOffset, entries.length);
  const stretches: UndoStretch[] = [];
  for (let at = 0; at < entries.length; ) {
    if (at + UndoEntry.size > entries.length) throw tooShort(at);
    const { position, length, sums } = UndoEntry.read(view, at);
    const data = at + UndoEntry.size + 4 * sums;
    if (sums !== Math.ceil(length / SECTOR) || data + length > entries.length || position + length > diskSize)
      throw tooShort(at);
    const first = at + UndoEntry.size;
    stretches.push({
      position,
      old: entries.subarray(data, data + length),
      sums: Uint32Array.from({ length: sums }, (_, i) => view.getUint32(first + 4 * i)),
    });
    at = data + length;
  }
  return stretches;
}

const tooShort = (at: number) => new CorruptError('repair-undo', 'entries', at, 'an entry reaches past the end');

function folderOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '.' : path.slice(0, slash) || '/';
}
