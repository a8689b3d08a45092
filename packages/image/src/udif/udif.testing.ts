// UDIF images put together by hand, in every form that a reader must take.

import type { StoreFile } from '@tintype/core';
import { MemoryStore } from '@tintype/testkit';
import { Chunk, KOLY, Koly, MISH, Mish } from './structs.js';

export interface MadeChunk {
  readonly type: number;
  readonly firstSector: number;
  readonly sectorCount: number;
  readonly stored?: Uint8Array;
  /** In the data fork; default: appended. */
  readonly offset?: number;
}

export interface MadeTable {
  readonly name: string;
  readonly firstSector: number;
  readonly sectorCount: number;
  readonly chunks: readonly MadeChunk[];
  readonly checksum?: { readonly type: number; readonly bytes: Uint8Array };
  readonly dataOffset?: number;
}

export const END = { type: 0xffff_ffff, firstSector: 0, sectorCount: 0 } as const;

/** The data fork, and the tables as resources. */
export function forkAndTables(tables: readonly MadeTable[]): {
  fork: Buffer;
  resources: { name: string; data: Uint8Array }[];
} {
  const parts: Uint8Array[] = [];
  let length = 0;
  const resources = tables.map(({ name, firstSector, sectorCount, chunks, checksum, dataOffset = 0 }) => {
    const data = Buffer.alloc(Mish.size + chunks.length * Chunk.size);
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    const sum = Buffer.alloc(128);
    sum.set(checksum?.bytes ?? []);
    Mish.write(view, 0, {
      signature: MISH,
      version: 1,
      firstSector,
      sectorCount,
      dataOffset,
      buffersNeeded: 0,
      blockDescriptors: 0,
      reserved: new Uint8Array(24),
      checksumType: checksum?.type ?? 0,
      checksumSize: 32,
      checksum: sum,
      chunkCount: chunks.length,
    });
    for (const [i, chunk] of chunks.entries()) {
      const stored = chunk.stored ?? new Uint8Array(0);
      const offset = (chunk.offset ?? length) - dataOffset;
      if (chunk.offset === undefined) {
        parts.push(stored);
        length += stored.length;
      }
      const { type, firstSector: first, sectorCount: count } = chunk;
      const at = Mish.size + i * Chunk.size;
      const place = stored.length > 0 ? Math.max(0, offset) : 0;
      Chunk.write(view, at, {
        type,
        comment: 0,
        firstSector: first,
        sectorCount: count,
        offset: place,
        length: stored.length,
      });
    }
    return { name, data };
  });
  return { fork: Buffer.concat(parts), resources };
}

export function listOf(resources: readonly { readonly name: string; readonly data: Uint8Array }[]): Buffer {
  const entries = resources.map(
    ({ name, data }) =>
      `<dict><key>Name</key><string>${name}</string><key>Data</key><data>\n${Buffer.from(data).toString('base64')}\n</data></dict>`,
  );
  return Buffer.from(
    `<?xml version="1.0"?>\n<plist version="1.0"><dict><key>resource-fork</key><dict><key>blkx</key><array>${entries.join('')}</array></dict></dict></plist>\n`,
  );
}

export function kolyOf(fields: Partial<Parameters<typeof Koly.write>[2]>): Buffer {
  const bytes = Buffer.alloc(Koly.size);
  Koly.write(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, {
    signature: KOLY,
    version: 4,
    headerSize: 512,
    flags: 1,
    runningDataForkOffset: 0,
    dataForkOffset: 0,
    dataForkLength: 0,
    resourceForkOffset: 0,
    resourceForkLength: 0,
    segmentNumber: 1,
    segmentCount: 1,
    segmentId: new Uint8Array(16),
    dataChecksumType: 0,
    dataChecksumSize: 0,
    dataChecksum: new Uint8Array(128),
    xmlOffset: 0,
    xmlLength: 0,
    reserved1: new Uint8Array(120),
    masterChecksumType: 0,
    masterChecksumSize: 0,
    masterChecksum: new Uint8Array(128),
    imageVariant: 1,
    sectorCount: 0,
    reserved2: new Uint8Array(12),
    ...fields,
  });
  return bytes;
}

/** `start`: bytes before the data fork. */
export function image(tables: readonly MadeTable[], sectorCount: number, start = 0): Buffer {
  const { fork, resources } = forkAndTables(tables);
  const list = listOf(resources);
  const xmlOffset = start + fork.length;
  const places = { dataForkOffset: start, dataForkLength: fork.length, xmlOffset, xmlLength: list.length };
  return Buffer.concat([Buffer.alloc(start, 0xee), fork, list, kolyOf({ ...places, sectorCount })]);
}

export function stored(bytes: Uint8Array): StoreFile {
  const store = new MemoryStore();
  const file = store.open('image.dmg', 'create');
  file.write(0, bytes);
  return file;
}
