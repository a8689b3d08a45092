// Packing an ASIF file: the last chunks move into free ones, and the file is cut.
//
// Invariant: a batch of moves is one commit. Its copies lie in chunks that the commit before does not need, and what they
// were copied from is free only after it: a cut leaves the places of before or those of after.

import type { StoreFile } from '@tintype/core';
import { copyInside } from '../copied-range.js';
import { FreeChunks } from './chunks.js';
import type { AsifTables, UsedChunk } from './tables.js';

/** Bytes of a batch. */
const BATCH = 64 << 20;

export interface ChunkCompaction {
  readonly file: StoreFile;
  /** Committed. */
  readonly tables: AsifTables;
  readonly chunkSize: number;
  /** Called before anything is written, in each batch anew. */
  readonly check: () => void;
}

/** Answers the chunks that are free then. */
export function compactChunks({ file, tables, chunkSize, check }: ChunkCompaction): FreeChunks {
  check();
  const chunks = new FreeChunks(file, chunkSize, tables.used());
  // Packed, all lie below; a commit's new tables need places beside the old ones, so a few may end up above.
  const end = chunks.usedAtFirst;
  const length = Math.max(1, Math.floor(BATCH / chunkSize));
  // Tables come last: the commits of all other moves give them new places, too.
  for (const isTable of [false, true]) {
    const moves = [...above(tables, end, isTable)];
    for (let at = 0; at < moves.length; at += length) {
      check();
      moveBatch({ file, tables, chunkSize, chunks }, moves.slice(at, at + length));
    }
  }
  check();
  const packed = new FreeChunks(file, chunkSize, tables.used());
  packed.trim();
  file.sync();
  return packed;
}

function* above(tables: AsifTables, end: number, isTable: boolean): Generator<UsedChunk> {
  for (const use of tables.used()) if (use.chunk >= end && (use.kind === 'table') === isTable) yield use;
}

interface Packing extends Omit<ChunkCompaction, 'check'> {
  readonly chunks: FreeChunks;
}

function moveBatch({ file, tables, chunkSize, chunks }: Packing, moves: readonly UsedChunk[]): void {
  const left: number[] = [];
  for (const use of moves) {
    if (chunks.lowest >= use.chunk) continue;
    if (use.kind === 'table') {
      tables.move(use, 0);
      continue;
    }
    const to = chunks.allocate();
    copyInside(file, { from: use.chunk * chunkSize, to: to * chunkSize, length: chunkSize, isClear: true });
    tables.move(use, to);
    left.push(use.chunk);
  }
  if (!tables.isChanged) return;
  tables.commit(
    () => chunks.allocate(),
    (chunk) => left.push(chunk),
  );
  for (const chunk of left) chunks.release(chunk);
  chunks.committed();
}
