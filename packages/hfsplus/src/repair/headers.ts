// The volume header and its alternate: one from the other, fork by fork where only a fork is ruined.

import type { BlockDevice } from '@tintype/core';
import { Report } from '../check/report.js';
import { readHeader, soundHeaderAt } from '../check/volume.js';
import { HEADER_RECORD_AT, HeaderRecord, NODE_KIND, NodeDescriptor } from '../structs/btree.js';
import { ExtentDescriptor, ForkData, VOLUME_ATTRIBUTES, VolumeHeader } from '../structs/volume-header.js';
import type { Acts } from './acts.js';

const HEADER_AT = 1024;
export const SPECIAL_FORKS = ['allocationFile', 'extentsFile', 'catalogFile', 'attributesFile', 'startupFile'] as const;
export type SpecialFork = (typeof SPECIAL_FORKS)[number];

export class Headers {
  /** As it is to be. */
  readonly view: DataView;
  readonly blockSize: number;
  readonly totalBlocks: number;
  readonly caseSensitiveAllowed: boolean;
  readonly #device: BlockDevice;
  readonly #primary: DataView | null;
  readonly #alternate: DataView | null;

  private constructor(device: BlockDevice, view: DataView, totalBlocks: number, caseSensitiveAllowed: boolean) {
    this.#device = device;
    this.#primary = soundHeaderAt(device, HEADER_AT);
    this.#alternate = soundHeaderAt(device, device.size - HEADER_AT);
    this.view = new DataView(new Uint8Array(VolumeHeader.size).buffer);
    for (let i = 0; i < VolumeHeader.size; i += 1) this.view.setUint8(i, view.getUint8(i));
    this.blockSize = view.getUint32(VolumeHeader.at.blockSize);
    this.totalBlocks = totalBlocks;
    this.caseSensitiveAllowed = caseSensitiveAllowed;
  }

  /** Null if neither header can be used. */
  static choose(device: BlockDevice, acts: Acts): Headers | null {
    const checked = readHeader(device, new Report());
    if (!checked) return null;
    const headers = new Headers(device, checked.view, checked.totalBlocks, checked.caseSensitiveAllowed);
    if (headers.#primary && headers.#alternate) headers.#takeForks(headers.#alternate, acts);
    const room = Math.floor(device.size / headers.blockSize);
    const { totalBlocks } = VolumeHeader.at;
    if (headers.get(totalBlocks) !== room && headers.totalBlocks === room) {
      headers.set(totalBlocks, room);
      acts.note('set the number of blocks of the volume to what both device and alternate header say');
    }
    return headers;
  }

  get(at: number): number {
    return this.view.getUint32(at);
  }
  set(at: number, value: number): void {
    this.view.setUint32(at, value);
  }
  get isJournaled(): boolean {
    return (this.get(VolumeHeader.at.attributes) & VOLUME_ATTRIBUTES.journaled) !== 0;
  }
  setAttributes(set: number, clear = 0): void {
    this.set(VolumeHeader.at.attributes, ((this.get(VolumeHeader.at.attributes) & ~clear) | set) >>> 0);
  }

  /** Writes what differs; the alternate only where it must be as the header is, for the rest of it may be old. */
  write(acts: Acts): void {
    const bytes = new Uint8Array(this.view.buffer);
    if (!this.#primary) acts.note('restored the volume header from the alternate one');
    if (!this.#primary || !isSame(this.#primary, this.view, 0, VolumeHeader.size)) this.#device.write(HEADER_AT, bytes);
    const alternate = this.#alternate;
    if (alternate && MUST_AGREE.every(([at, length]) => isSame(alternate, this.view, at, length))) return;
    this.#device.write(this.#device.size - HEADER_AT, bytes);
    acts.note('wrote the alternate volume header anew');
  }

  /** A fork whose place cannot be is taken from the alternate, if it can be there. */
  #takeForks(alternate: DataView, acts: Acts): void {
    for (const name of SPECIAL_FORKS) {
      const at = VolumeHeader.at[name];
      if (isSame(alternate, this.view, at, ForkData.size)) continue;
      if (this.#isPlausible(this.view, name) || !this.#isPlausible(alternate, name)) continue;
      for (let i = 0; i < ForkData.size; i += 1) this.view.setUint8(at + i, alternate.getUint8(at + i));
      acts.note(`took the place of the ${name} from the alternate header`);
    }
  }

  #isPlausible(view: DataView, name: SpecialFork): boolean {
    const at = VolumeHeader.at[name];
    const total = view.getUint32(at + ForkData.at.totalBlocks);
    let sum = 0;
    for (let i = 0; i < 8; i += 1) {
      const start = view.getUint32(at + ForkData.at.extents + i * ExtentDescriptor.size);
      const count = view.getUint32(at + ForkData.at.extents + i * ExtentDescriptor.size + 4);
      if (start === 0 && count === 0) continue;
      if (start === 0 || count === 0 || start + count > this.totalBlocks - 1) return false;
      sum += count;
    }
    if (total < sum || (name === 'extentsFile' && total !== sum)) return false;
    if (name === 'allocationFile') return sum * this.blockSize * 8 >= this.totalBlocks;
    if (name === 'startupFile' || sum === 0) return name === 'startupFile' || name === 'attributesFile';
    return this.#beginsWithTree(view.getUint32(at + ForkData.at.extents));
  }

  #beginsWithTree(block: number): boolean {
    const bytes = new Uint8Array(512);
    this.#device.read(block * this.blockSize, bytes);
    const { nodeSize } = HeaderRecord.read(new DataView(bytes.buffer), HEADER_RECORD_AT);
    const isPower = nodeSize >= 512 && nodeSize <= 32_768 && (nodeSize & (nodeSize - 1)) === 0;
    return bytes[NodeDescriptor.at.kind] === NODE_KIND.header && isPower;
  }
}

/** Start and length of what both headers must have in common (1.2). */
const MUST_AGREE: readonly (readonly [number, number])[] = [
  [VolumeHeader.at.signature, 4],
  [VolumeHeader.at.createDate, 4],
  [VolumeHeader.at.blockSize, 8],
  ...SPECIAL_FORKS.map((name) => [VolumeHeader.at[name], ForkData.size] as const),
];

function isSame(a: DataView, b: DataView, at: number, length: number): boolean {
  for (let i = at; i < at + length; i += 1) if (a.getUint8(i) !== b.getUint8(i)) return false;
  return true;
}
