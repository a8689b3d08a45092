// The journal: how a commit becomes durable as one, and how what a cut left behind is finished.
// Source: Apple's public vfs_journal.h and kernel; docs/formats/hfsplus.md. We write little endian and read both orders.
//
// Invariants: the header's `end` moves only after the lists before it are durable; the ring holds nothing that is not
// home when `start` moves. Replay trusts nothing: bounds and checksums first, whole transactions only.

import { assert, type BlockDevice, CorruptError, type RecordOf } from '@tintype/core';
import {
  BlockInfo,
  BlockListHeader,
  JOURNAL_ENDIAN,
  JOURNAL_INFO_FLAGS,
  JOURNAL_MAGIC,
  JournalHeader,
  JournalInfoBlock,
} from './structs/journal.js';
import type { VolumeHeader } from './structs/volume-header.js';
import { VOLUME_ATTRIBUTES } from './structs/volume-header.js';

/** A piece of metadata: whole sectors, at a byte of the volume. */
export interface JournalBlock {
  readonly position: number;
  readonly bytes: Uint8Array;
}

const SECTOR = 512;
const LIST_HEADER_SIZE = 8192;
const SMALLEST = 256 << 10;
const LARGEST = 1 << 30;
const FIRST_LIST = 2;
const CHECK_BLOCKS = 1;
const KILLED = 0xffff_ffff;

/** Apple's checksum of journal headers, lists and blocks. */
export function journalChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 1) sum = (sum << 8) ^ (sum + (bytes[i] as number));
  return ~sum >>> 0;
}

interface Header {
  start: number;
  end: number;
  size: number;
  listHeaderSize: number;
  sector: number;
  sequence: number;
  /** Byte order of the lists that are in the ring; what we write is always little endian. */
  little: boolean;
}

interface List {
  readonly length: number;
  readonly sequence: number;
  readonly isFirst: boolean;
  readonly blocks: readonly JournalBlock[];
}

export class Journal {
  readonly #device: BlockDevice;
  readonly #offset: number;
  readonly #header: Header;

  /** Byte of the info block while it still says that the journal was never used, else null. */
  #unused: number | null;

  private constructor(device: BlockDevice, offset: number, header: Header, unused: number | null) {
    this.#device = device;
    this.#offset = offset;
    this.#header = header;
    this.#unused = unused;
  }

  /** Null if the volume is not journaled. @throws CorruptError if the journal cannot be where the volume says */
  static open(device: BlockDevice, volume: RecordOf<typeof VolumeHeader.fields>): Journal | null {
    if ((volume.attributes & VOLUME_ATTRIBUTES.journaled) === 0) return null;
    const place = volume.journalInfoBlock * volume.blockSize;
    const bytes = new Uint8Array(SECTOR);
    if (volume.journalInfoBlock === 0 || place + SECTOR > device.size)
      throw new CorruptError('HFSPlusVolumeHeader', 'journalInfoBlock', place, 'lies outside the volume');
    device.read(place, bytes);
    const view = new DataView(bytes.buffer);
    const info = JournalInfoBlock.read(view, 0);
    if ((info.flags & JOURNAL_INFO_FLAGS.inVolume) === 0)
      throw JournalInfoBlock.corrupt(view, 0, 'flags', 'the journal is not on this volume');
    const { offset, size } = info;
    if (
      size < SMALLEST ||
      size > LARGEST ||
      size % SECTOR !== 0 ||
      offset % SECTOR !== 0 ||
      offset + size > device.size
    )
      throw JournalInfoBlock.corrupt(view, 0, 'size', 'no journal can have this place and size');
    const isUnused = (info.flags & JOURNAL_INFO_FLAGS.needsInit) !== 0;
    const header = isUnused ? emptyHeader(size) : readHeader(device, offset, size);
    return new Journal(device, offset, header, isUnused ? place : null);
  }

  get isEmpty(): boolean {
    return this.#header.start === this.#header.end;
  }

  /** Bytes of metadata that one transaction can hold for certain, when the journal is empty. */
  get capacity(): number {
    const { size, sector, listHeaderSize } = this.#header;
    const ring = size - sector;
    const lists = Math.ceil(ring / SMALLEST) + 1;
    return Math.floor((ring - lists * listHeaderSize) / 2);
  }

  /** Applies live transactions to `target`; true if there were any. The journal itself is not changed. */
  replay(target: BlockDevice): boolean {
    const blocks = this.#liveBlocks();
    for (const { position, bytes } of blocks) target.write(position, bytes);
    return blocks.length > 0;
  }

  /**
   * Makes the blocks durable as one transaction: lists, barrier, header, barrier. The caller then writes the blocks home,
   * flushes, and calls `retire`.
   */
  commit(blocks: readonly JournalBlock[]): void {
    assert(this.isEmpty, 'the transaction before is home');
    this.#initialise();
    const header = this.#header;
    header.sequence = (header.sequence + 1) >>> 0 || 1;
    let at = header.end;
    let rest = blocks;
    for (let isFirst = true; rest.length > 0; isFirst = false) {
      const room = Math.floor(header.listHeaderSize / 16) - 2;
      const part = rest.slice(0, room);
      rest = rest.slice(part.length);
      at = this.#write(at, listBytes(part, header, isFirst));
    }
    this.#device.flush();
    header.end = at;
    this.#putHeader();
    this.#device.flush();
  }

  /** All blocks are home: the transaction is not needed any more. Durable with the next barrier, or later. */
  retire(): void {
    this.#header.little = true;
    this.#header.start = this.#header.end;
    this.#putHeader();
  }

  /** The first use: a header, then the info block says that there is one. */
  #initialise(): void {
    if (this.#unused === null) return;
    this.#putHeader();
    this.#device.flush();
    const bytes = new Uint8Array(SECTOR);
    this.#device.read(this.#unused, bytes);
    new DataView(bytes.buffer).setUint32(JournalInfoBlock.at.flags, JOURNAL_INFO_FLAGS.inVolume);
    this.#device.write(this.#unused, bytes);
    this.#device.flush();
    this.#unused = null;
  }

  #write(at: number, bytes: Uint8Array): number {
    const { size, sector } = this.#header;
    let position = at >= size ? sector : at;
    for (let done = 0; done < bytes.length; ) {
      const length = Math.min(bytes.length - done, size - position);
      this.#device.write(this.#offset + position, bytes.subarray(done, done + length));
      done += length;
      position += length;
      if (position === size) position = sector;
    }
    return position;
  }

  #read(at: number, length: number): Uint8Array {
    const { size, sector } = this.#header;
    const bytes = new Uint8Array(length);
    let position = at >= size ? sector : at;
    for (let done = 0; done < length; ) {
      const part = Math.min(length - done, size - position);
      this.#device.read(this.#offset + position, bytes.subarray(done, done + part));
      done += part;
      position += part;
      if (position === size) position = sector;
    }
    return bytes;
  }

  #putHeader(): void {
    const { start, end, size, listHeaderSize, sector, sequence, little } = this.#header;
    const bytes = new Uint8Array(sector);
    const view = new DataView(bytes.buffer);
    JournalHeader.write(view, 0, {
      magic: JOURNAL_MAGIC,
      endian: JOURNAL_ENDIAN,
      start,
      end,
      size,
      blhdrSize: listHeaderSize,
      checksum: 0,
      jhdrSize: sector,
      sequenceNum: sequence,
    });
    assert(little, 'journals of the other byte order are emptied before they are written');
    view.setUint32(JournalHeader.at.checksum, journalChecksum(bytes.subarray(0, 44)), true);
    this.#device.write(this.#offset, bytes);
  }

  /** Blocks of all whole transactions from `start` on, in the order in which they are to be written. */
  #liveBlocks(): JournalBlock[] {
    const { start, end, size, sector, sequence } = this.#header;
    if (start === end) return [];
    const ring = size - sector;
    const transactions: JournalBlock[][] = [];
    let at = start;
    let used = 0;
    let last: number | null = null;
    let isPastEnd = false;
    while (used < ring) {
      if (at === end || (at === sector && end === size)) isPastEnd = true;
      const list = this.#list(at, ring - used);
      const follows: boolean =
        list !== null &&
        (last === null || list.sequence === 0 || list.sequence === last || list.sequence === (last + 1) >>> 0);
      if (!list || !follows || (isPastEnd && list.sequence === 0)) break;
      if (isPastEnd && last !== null && list.sequence !== (last + 1) >>> 0 && list.isFirst) break;
      if (list.isFirst || transactions.length === 0) transactions.push([]);
      transactions.at(-1)?.push(...list.blocks);
      last = list.sequence;
      used += list.length;
      at = sector + ((at - sector + list.length) % ring);
    }
    if (!isPastEnd) {
      // A bad list before the end: only the whole transactions before it count.
      transactions.pop();
      if (transactions.length === 0)
        throw new CorruptError(
          'journal',
          'block list',
          this.#offset + at,
          `no whole transaction before the end, sequence ${sequence}`,
        );
    }
    return transactions.flat();
  }

  /** A list that passes every test, or null. */
  #list(at: number, room: number): List | null {
    const { listHeaderSize, little, size, sector } = this.#header;
    const head = this.#read(at, listHeaderSize);
    const view = new DataView(head.buffer);
    const sum = view.getUint32(8, little);
    const maxBlocks = view.getUint16(0, little);
    const count = view.getUint16(2, little);
    const length = view.getUint32(4, little);
    const flags = view.getUint32(12, little);
    view.setUint32(8, 0, little);
    if (journalChecksum(head.subarray(0, 32)) !== sum) return null;
    if (count < 1 || count > maxBlocks || maxBlocks > size / sector || (count + 1) * 16 > listHeaderSize) return null;
    if (length < listHeaderSize || length > room) return null;
    const blocks: JournalBlock[] = [];
    let offset = listHeaderSize;
    for (let i = 1; i < count; i += 1) {
      const entry = 16 + i * 16;
      const high = view.getUint32(entry + (little ? 4 : 0), little);
      const low = view.getUint32(entry + (little ? 0 : 4), little);
      const bytes = view.getUint32(entry + 8, little);
      if (bytes === 0 || offset + bytes > length) return null;
      if (high !== KILLED || low !== KILLED) {
        const block = this.#block(
          at,
          offset,
          high * 0x1_0000_0000 + low,
          bytes,
          (flags & CHECK_BLOCKS) !== 0 ? view.getUint32(entry + 12, little) : 0,
        );
        if (!block) return null;
        blocks.push(block);
      }
      offset += bytes;
    }
    return offset === length
      ? { length, sequence: view.getUint32(16 + 12, little), isFirst: (flags & FIRST_LIST) !== 0, blocks }
      : null;
  }

  #block(listAt: number, offset: number, number: number, length: number, checksum: number): JournalBlock | null {
    const { size, sector } = this.#header;
    const position = number * sector;
    if (length % SECTOR !== 0 || !Number.isSafeInteger(position) || position + length > this.#device.size) return null;
    const bytes = this.#read(sector + ((listAt - sector + offset) % (size - sector)), length);
    return checksum !== 0 && journalChecksum(bytes) !== checksum ? null : { position, bytes };
  }
}

/** A journal that was never used: its header is written at the first commit. */
function emptyHeader(size: number): Header {
  return {
    start: SECTOR,
    end: SECTOR,
    size,
    listHeaderSize: LIST_HEADER_SIZE,
    sector: SECTOR,
    sequence: 1,
    little: true,
  };
}

function readHeader(device: BlockDevice, offset: number, journalSize: number): Header {
  const bytes = new Uint8Array(SECTOR);
  device.read(offset, bytes);
  const view = new DataView(bytes.buffer);
  const little = view.getUint32(4, true) === JOURNAL_ENDIAN;
  const corrupt = (field: keyof typeof JournalHeader.fields & string, problem: string) =>
    JournalHeader.corrupt(view, 0, field, problem);
  const magic = view.getUint32(0, little);
  if (magic !== JOURNAL_MAGIC && magic !== 0x4a484452) throw corrupt('magic', 'is no journal header');
  if (!little && view.getUint32(4, false) !== JOURNAL_ENDIAN) throw corrupt('endian', 'names no byte order');
  const read64 = (at: number) =>
    view.getUint32(at + (little ? 4 : 0), little) * 0x1_0000_0000 + view.getUint32(at + (little ? 0 : 4), little);
  const header: Header = {
    start: read64(8),
    end: read64(16),
    size: read64(24),
    listHeaderSize: view.getUint32(32, little),
    sector: view.getUint32(40, little),
    sequence: view.getUint32(44, little),
    little,
  };
  const sum = view.getUint32(36, little);
  view.setUint32(36, 0, little);
  if (magic === JOURNAL_MAGIC && journalChecksum(bytes.subarray(0, 44)) !== sum)
    throw corrupt('checksum', 'does not agree');
  const { start, end, size, sector, listHeaderSize } = header;
  if (size !== journalSize) throw corrupt('size', `the info block says ${journalSize}`);
  if (sector < SECTOR || sector > 65_536 || (sector & (sector - 1)) !== 0)
    throw corrupt('jhdrSize', 'is no sector size');
  for (const at of [start, end])
    if (at < sector || at > size || at % SECTOR !== 0) throw corrupt('start', 'start or end lies outside the journal');
  if (listHeaderSize < 48 || listHeaderSize % 16 !== 0 || listHeaderSize > size / 4)
    throw corrupt('blhdrSize', 'no list header has this size');
  return header;
}

function listBytes(blocks: readonly JournalBlock[], header: Header, isFirst: boolean): Uint8Array {
  const { listHeaderSize, sector, sequence } = header;
  let length = listHeaderSize;
  for (const { bytes } of blocks) length += bytes.length;
  const list = new Uint8Array(length);
  const view = new DataView(list.buffer);
  BlockListHeader.write(view, 0, {
    maxBlocks: listHeaderSize / 16 - 1,
    numBlocks: blocks.length + 1,
    bytesUsed: length,
    checksum: 0,
    flags: isFirst ? CHECK_BLOCKS | FIRST_LIST : CHECK_BLOCKS,
  });
  view.setUint32(16 + BlockInfo.at.next, sequence, true);
  let at = listHeaderSize;
  for (const [i, { position, bytes }] of blocks.entries()) {
    assert(
      position % sector === 0 && bytes.length % sector === 0 && bytes.length > 0,
      'metadata comes in whole sectors',
    );
    const entry = 32 + i * 16;
    const number = position / sector;
    view.setUint32(entry, number >>> 0, true);
    view.setUint32(entry + 4, Math.floor(number / 0x1_0000_0000), true);
    view.setUint32(entry + BlockInfo.at.bsize, bytes.length, true);
    view.setUint32(entry + BlockInfo.at.next, journalChecksum(bytes), true);
    list.set(bytes, at);
    at += bytes.length;
  }
  view.setUint32(BlockListHeader.at.checksum, journalChecksum(list.subarray(0, 32)), true);
  return list;
}

/** The first bytes of a journal info block, as `newfs` leaves it: the first mount writes the header. */
export function journalInfo(offset: number, size: number): Uint8Array {
  const bytes = new Uint8Array(SECTOR).fill(0xdb, JournalInfoBlock.size);
  JournalInfoBlock.write(new DataView(bytes.buffer), 0, {
    flags: JOURNAL_INFO_FLAGS.inVolume | JOURNAL_INFO_FLAGS.needsInit,
    deviceSignature: new Uint8Array(32),
    offset,
    size,
    externalUuid: new Uint8Array(37),
    machineSerial: new Uint8Array(48),
    reserved: new Uint8Array(43),
  });
  return bytes;
}
