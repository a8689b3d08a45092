// The internal pool: blocks for chunk bitmaps, chunk infos and their addresses. It has a bitmap of its own, written to another
// slot of a ring each time it changes. See docs/formats/apfs.md.

import { assert, type BlockDevice, CorruptError } from '@tintype/core';
import { get64, put64 } from '../object.js';
import { BLOCK_SIZE } from '../structs/container.js';
import { BLOCKS_PER_CHUNK, FreeQueue as FreeQueueHead, IP_BM_INDEX_INVALID, Spaceman } from '../structs/spaceman.js';
import { clearBits, findClear, isSet, setBits } from './bits.js';
import { FreeQueue, type ReadEphemeral } from './free-queue.js';

export class Pool {
  readonly base: number;
  readonly blocks: number;
  readonly queue: FreeQueue;
  readonly #device: BlockDevice;
  readonly #bitmap: Uint8Array;
  readonly #ringBase: number;
  readonly #xids: number[] = [];
  readonly #slots: number[] = [];
  readonly #freeNext: Uint16Array;
  #head: number;
  #tail: number;
  readonly #changed = new Set<number>();
  #next = 0;

  /** @throws CorruptError */
  constructor(device: BlockDevice, spaceman: DataView, read: ReadEphemeral) {
    const at = Spaceman.at;
    this.#device = device;
    this.base = get64(spaceman, at.sm_ip_base);
    this.blocks = get64(spaceman, at.sm_ip_block_count);
    this.#ringBase = get64(spaceman, at.sm_ip_bm_base);
    const size = spaceman.getUint32(at.sm_ip_bm_size_in_blocks, true);
    const ring = spaceman.getUint32(at.sm_ip_bm_block_count, true);
    const total = Math.floor(device.size / BLOCK_SIZE);
    if (size !== Math.ceil(this.blocks / BLOCKS_PER_CHUNK) || ring < 2 * size || ring > 0xfffe)
      throw new CorruptError(
        'spaceman_phys',
        'sm_ip_bm_size_in_blocks',
        at.sm_ip_bm_size_in_blocks,
        `${size} of ${ring}`,
      );
    if (this.base + this.blocks > total || this.#ringBase + ring > total)
      throw new CorruptError('spaceman_phys', 'sm_ip_base', at.sm_ip_base, 'lies outside the container');
    this.#head = spaceman.getUint16(at.sm_ip_bm_free_head, true);
    this.#tail = spaceman.getUint16(at.sm_ip_bm_free_tail, true);
    this.#freeNext = new Uint16Array(ring);
    const next = spaceman.getUint32(at.sm_ip_bm_free_next_offset, true);
    for (let slot = 0; slot < ring; slot += 1) this.#freeNext[slot] = spaceman.getUint16(next + 2 * slot, true);
    if (this.#head >= ring || this.#tail >= ring)
      throw new CorruptError('spaceman_phys', 'sm_ip_bm_free_head', at.sm_ip_bm_free_head, 'lies outside the ring');
    this.#bitmap = new Uint8Array(size * BLOCK_SIZE);
    for (let i = 0; i < size; i += 1) {
      this.#xids.push(get64(spaceman, spaceman.getUint32(at.sm_ip_bm_xid_offset, true) + 8 * i));
      const slot = spaceman.getUint16(spaceman.getUint32(at.sm_ip_bitmap_offset, true) + 2 * i, true);
      if (slot >= ring) throw new CorruptError('spaceman_phys', 'sm_ip_bitmap_offset', i, `slot ${slot} of ${ring}`);
      this.#slots.push(slot);
      device.read((this.#ringBase + slot) * BLOCK_SIZE, this.#bitmap.subarray(i * BLOCK_SIZE, (i + 1) * BLOCK_SIZE));
    }
    this.queue = new FreeQueue(spaceman, at.sm_fq, read);
  }

  contains(block: number): boolean {
    return block >= this.base && block < this.base + this.blocks;
  }

  /** The pool holds three generations of everything in it, so there is always room. */
  take(): number {
    let bit = findClear(this.#bitmap, this.#next, this.blocks, 1);
    if (bit < 0) bit = findClear(this.#bitmap, 0, this.#next, 1);
    assert(bit >= 0, 'the internal pool has a free block');
    setBits(this.#bitmap, bit, 1);
    this.#changed.add(Math.floor(bit / BLOCKS_PER_CHUNK));
    this.#next = bit + 1;
    return this.base + bit;
  }
  /** Free as soon as no checkpoint that is to be kept refers to it. */
  free(block: number, xid: number): void {
    if (!this.contains(block) || !isSet(this.#bitmap, block - this.base))
      throw new CorruptError('chunk_info', 'ci_bitmap_addr', block, 'no used block of the internal pool');
    this.queue.add(xid, block, 1);
  }
  /** Gives back what transactions up to `xid` freed. */
  release(xid: number): void {
    this.queue.release(xid, (start, count) => {
      if (!this.contains(start) || !this.contains(start + count - 1))
        throw new CorruptError('spaceman_free_queue', 'sfqk_paddr', start, 'lies outside the internal pool');
      clearBits(this.#bitmap, start - this.base, count);
      for (let bit = start - this.base; bit < start - this.base + count; bit += BLOCKS_PER_CHUNK)
        this.#changed.add(Math.floor(bit / BLOCKS_PER_CHUNK));
      this.#changed.add(Math.floor((start - this.base + count - 1) / BLOCKS_PER_CHUNK));
    });
  }

  /** Writes changed bitmap blocks to free slots of the ring, and puts the pool's fields into the space manager. */
  write(spaceman: DataView, xid: number): void {
    const at = Spaceman.at;
    for (const index of this.#changed) {
      const old = this.#slots[index] as number;
      this.#freeNext[this.#tail] = old;
      this.#freeNext[old] = IP_BM_INDEX_INVALID;
      this.#tail = old;
      const slot = this.#head;
      this.#head = this.#freeNext[slot] as number;
      this.#freeNext[slot] = IP_BM_INDEX_INVALID;
      if (slot >= this.#freeNext.length || this.#head >= this.#freeNext.length)
        throw new CorruptError('spaceman_phys', 'sm_ip_bm_free_next_offset', slot, 'the list of free slots is broken');
      this.#slots[index] = slot;
      this.#xids[index] = xid;
      const bytes = this.#bitmap.subarray(index * BLOCK_SIZE, (index + 1) * BLOCK_SIZE);
      this.#device.write((this.#ringBase + slot) * BLOCK_SIZE, bytes);
    }
    this.#changed.clear();
    spaceman.setUint16(at.sm_ip_bm_free_head, this.#head, true);
    spaceman.setUint16(at.sm_ip_bm_free_tail, this.#tail, true);
    const xids = spaceman.getUint32(at.sm_ip_bm_xid_offset, true);
    const slots = spaceman.getUint32(at.sm_ip_bitmap_offset, true);
    const next = spaceman.getUint32(at.sm_ip_bm_free_next_offset, true);
    for (const [i, slot] of this.#slots.entries()) {
      put64(spaceman, xids + 8 * i, this.#xids[i] as number);
      spaceman.setUint16(slots + 2 * i, slot, true);
    }
    for (let slot = 0; slot < this.#freeNext.length; slot += 1)
      spaceman.setUint16(next + 2 * slot, this.#freeNext[slot] as number, true);
  }
  /** Where the queue's head stands in the space manager. */
  get queueAt(): number {
    return Spaceman.at.sm_fq;
  }
}

export const MAIN_QUEUE_AT = Spaceman.at.sm_fq + FreeQueueHead.size;
