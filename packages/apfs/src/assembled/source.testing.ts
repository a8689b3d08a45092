// A volume taken apart: the records of its tree, and the bytes of its streams. Only tests import this.

import type { BlockDevice } from '@tintype/core';
import { Cursor } from '../btree/cursor.js';
import { ContainerReader } from '../reading/container-reader.js';
import { VolumeHead } from '../reading/volume-head.js';
import { volumeParts } from '../reading/volume-parts.js';
import { bytesOf, put64 } from './objects.testing.js';
import type { TreeRecord } from './trees.testing.js';

/** FileRecord types of section 6.1. */
export const RECORD = {
  inode: 3,
  xattr: 4,
  siblingLink: 5,
  dstreamId: 6,
  fileExtent: 8,
  directory: 9,
  siblingMap: 0xc,
  fileInfo: 0xd,
} as const;

/** Where section 5 has what is taken over of the volume superblock: everything that follows its header. */
const SUPERBLOCK = 0x470;

export interface FileRecord extends TreeRecord {
  readonly id: bigint;
  readonly type: number;
  readonly value: Uint8Array;
}

export interface Stretch {
  readonly position: number;
  readonly length: number;
  /** Null: a hole. */
  readonly bytes: Uint8Array | null;
}

export interface SourceVolume {
  readonly superblock: Uint8Array;
  readonly xid: number;
  readonly records: readonly FileRecord[];
  /** What the extents of each stream cover. */
  readonly streams: ReadonlyMap<bigint, readonly Stretch[]>;
}

export interface Secret {
  readonly passphrase: Uint8Array;
  readonly clear: (bytes: Uint8Array, cryptoId: number) => Uint8Array;
}

const ID = 0x0fff_ffff_ffff_ffffn;

export function record(key: Uint8Array, value: Uint8Array): FileRecord {
  const word = viewOf(key).getBigUint64(0, true);
  return { key, value, id: word & ID, type: Number(word >> 60n) };
}
/** A record with this id, type and rest of the key. */
export function made(id: bigint, type: number, tail: readonly (number | bigint)[], value: Uint8Array): FileRecord {
  const key = new DataView(new ArrayBuffer(8 + 8 * tail.length));
  put64(key, 0, id | (BigInt(type) << 60n));
  for (const [i, word] of tail.entries()) put64(key, 8 + 8 * i, word);
  return record(bytesOf(key), value);
}
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The first volume of a container. `secret`: of an encrypted one the passphrase, and how its data is read. */
export function takenApart(device: BlockDevice, secret?: Secret): SourceVolume {
  const container = new ContainerReader(device);
  const head = container.volumes()[0]?.head;
  if (!(head instanceof VolumeHead)) throw new Error('there is a volume');
  const { blocks, xid } = container;
  const records: FileRecord[] = [];
  const streams = new Map<bigint, Stretch[]>();
  const cursor = new Cursor(volumeParts(container, head, secret?.passphrase).tree);
  for (let isThere = cursor.first(); isThere; isThere = cursor.next()) {
    const { bytes } = cursor.node;
    const part = (at: number, length: number): Uint8Array => bytes.slice(at, at + length);
    const each = record(part(cursor.keyAt, cursor.keyLength), part(cursor.valueAt, cursor.valueLength));
    records.push(each);
    if (each.type !== RECORD.fileExtent) continue;
    const value = viewOf(each.value);
    const position = Number(viewOf(each.key).getBigUint64(8, true));
    const length = Number(value.getBigUint64(0, true) & 0xff_ffff_ffff_ffffn);
    const block = Number(value.getBigUint64(8, true));
    const stored = block === 0 ? null : new Uint8Array(length);
    if (stored) device.read(block * blocks.size, stored);
    const content = stored && secret ? secret.clear(stored, Number(value.getBigUint64(16, true))) : stored;
    const stretches = streams.get(each.id) ?? [];
    stretches.push({ position, length, bytes: content });
    streams.set(each.id, stretches);
  }
  return { superblock: bytesOf(head.view).slice(0, SUPERBLOCK), xid, records, streams };
}
