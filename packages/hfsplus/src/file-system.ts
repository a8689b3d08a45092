// An HFS+ volume, mounted: who owns the device, and how a commit is made.
//
// Order of a commit: file data and new nodes into blocks that the last commit does not hold → flush → all other metadata
// into the journal → flush, header, flush: the commit counts → the same metadata home → flush → journal empty → blocks
// that were freed go back to the host. A cut anywhere leaves the commit before, or this one.

import {
  assert,
  type BlockDevice,
  type FileSystem,
  type MountOptions,
  OverlayDevice,
  type Range,
  type SizeLimits,
  UnsupportedError,
  type WritableVolume,
} from '@tintype/core';
import { blocksOf, extentRecords, type ForkRecord } from './extent.js';
import { Journal, type JournalBlock, type JournalPlace } from './journal.js';
import { growJournal } from './journal-growth.js';
import { CACHE_BYTES } from './limits.js';
import { Mounted, readVolumeHeader, type TreeFile } from './mounted.js';
import { putForkExtents } from './records/extent-records.js';
import { resizeVolume, sizeLimits } from './resize.js';
import { FORK_TYPE } from './structs/extents.js';
import { CNID, EPOCH_OFFSET, VOLUME_ATTRIBUTES, VolumeHeader } from './structs/volume-header.js';
import { HfsVolume } from './volume.js';

/** `HFSJ`: what macOS writes for a journaled volume; anything else makes it distrust the journal. */
const LAST_MOUNTED = 0x4846_534a;
/** New nodes in memory beyond this make a commit due. */
const PENDING_NODES = 96 << 20;
/** Of a draft, which has more in memory besides, and no journal to care for. */
const PENDING_DRAFT_NODES = 48 << 20;
const HEADER_AT = 1024;
const SECTOR = 512;
/** Below it two records of the greatest length would not fit a node. */
const LEAST_NODE_SIZE: Readonly<Record<number, number>> = { [CNID.catalogFile]: 2048, [CNID.attributesFile]: 1024 };

/** @throws CorruptError, UnsupportedError (writing a volume without a journal) */
export function openFileSystem(device: BlockDevice, options: MountOptions): HfsFileSystem {
  const journal = Journal.open(device, readVolumeHeader(device));
  if (options.writable) {
    if (!journal)
      throw new UnsupportedError('the volume has no journal: writing it would not be safe, so it is only read');
    if (journal.replay(device)) {
      device.flush();
      journal.retire();
      device.flush();
    }
    return new HfsFileSystem(device, journal, options);
  }
  if (!journal || journal.isEmpty) return new HfsFileSystem(device, journal, options);
  const overlay = new OverlayDevice(device);
  journal.replay(overlay);
  return new HfsFileSystem(overlay, journal, options);
}

export class HfsFileSystem implements FileSystem {
  readonly kind = 'hfs+';
  readonly writable: boolean;
  readonly #device: BlockDevice;
  readonly #journal: Journal | null;
  readonly #options: MountOptions;
  readonly #mounted: Mounted;
  readonly #volume: HfsVolume;
  /** The device says that the volume is in use. */
  #isMarked = false;
  /** Bytes of the device behind which alternate headers lie. */
  #ends: readonly number[];
  /** Where the journal goes with the next commit. */
  #moved: JournalPlace | null = null;
  /** A commit failed: what is in memory does not go with the device any more. */
  #hasFailed = false;

  constructor(device: BlockDevice, journal: Journal | null, options: MountOptions) {
    this.#device = device;
    this.#ends = [device.size];
    this.#journal = journal;
    this.#options = options;
    this.writable = options.writable;
    this.#mounted = new Mounted(device, options.cacheBytes ?? CACHE_BYTES);
    this.#volume = new HfsVolume(this.#mounted);
    for (const { id, file } of this.#mounted.treeFiles) {
      if (options.writable && file.nodeSize < (LEAST_NODE_SIZE[id] ?? 0))
        throw new UnsupportedError(`nodes of ${file.nodeSize} bytes are too small to be written`);
      file.journaledLimit = Math.max(file.journaledLimit, Math.floor((journal?.capacity ?? 0) / 4 / file.nodeSize));
    }
  }
  get uuid(): string {
    return this.#volume.uuid;
  }
  get blockSize(): number {
    return this.#mounted.blockSize;
  }
  get volume(): HfsVolume {
    return this.#volume;
  }
  get volumes(): readonly WritableVolume[] {
    return [this.#volume];
  }
  get capacity(): number {
    return this.#mounted.header.totalBlocks * this.blockSize;
  }
  get free(): number {
    return this.#mounted.allocation.available * this.blockSize;
  }
  get commitDue(): boolean {
    let fresh = 0;
    for (const { file } of this.#mounted.treeFiles) fresh += file.freshBytes;
    if (this.#device.draft) return fresh + this.#journaledBytes > PENDING_DRAFT_NODES;
    return this.#journaledBytes > (this.#journal?.capacity ?? 0) / 2 || fresh > PENDING_NODES;
  }

  commit(): void {
    const journal = this.#journal;
    assert(this.writable && journal !== null, 'only a volume that is open for writing is committed');
    assert(!this.#hasFailed, 'after a commit that failed there is no other');
    this.#hasFailed = true;
    this.#commit(journal);
    this.#hasFailed = false;
  }

  #commit(journal: Journal): void {
    this.#volume.flush();
    const mounted = this.#mounted;
    mounted.writer.flush();
    if (!this.#hasChanges()) return;
    this.#putForks();
    for (const { file, tree } of mounted.treeFiles) {
      tree.putHeader();
      file.putMap();
    }
    if (this.#device.draft) this.#writeHome();
    else this.#writeThroughJournal(journal);
    for (const { file, fork } of mounted.treeFiles) {
      file.settle();
      fork.changed = false;
    }
    mounted.headerChanged = false;
    for (const { start, count } of mounted.allocation.settle())
      this.#device.discard(start * this.blockSize, count * this.blockSize);
  }

  /** Nobody sees a draft before it is closed: nothing of it needs a journal. */
  #writeHome(): void {
    this.#mounted.allocation.prepare();
    this.#writeFreshNodes();
    for (const { position, bytes } of this.#journaledBlocks()) this.#device.write(position, bytes);
  }

  #writeThroughJournal(journal: Journal): void {
    const { allocation } = this.#mounted;
    const moved = this.#moved ?? growJournal(this.#mounted, journal, this.#journaledBytes);
    this.#moved = null;
    allocation.prepare();
    this.#writeFreshNodes();
    this.#device.flush();
    const blocks = this.#journaledBlocks();
    if (moved === null && !journal.fits(blocks)) throw allocation.full(this.#journaledBytes);
    journal.commit(blocks, moved);
    for (const { position, bytes } of blocks) this.#device.write(position, bytes);
    this.#device.flush();
    journal.retire();
  }

  freeRanges(): Iterable<Range> {
    return this.#mounted.allocation.freeRanges();
  }
  createSnapshot(): never {
    throw new UnsupportedError('HFS+ has no snapshots');
  }
  renameSnapshot(): never {
    throw new UnsupportedError('HFS+ has no snapshots');
  }
  deleteSnapshot(): never {
    throw new UnsupportedError('HFS+ has no snapshots');
  }
  revertToSnapshot(): never {
    throw new UnsupportedError('HFS+ has no snapshots');
  }
  sizeLimits(): SizeLimits | null {
    return this.writable && this.#journal ? sizeLimits(this.#mounted, this.#device.size) : null;
  }
  /**
   * The device has room for the larger of both sizes. Afterwards alternate headers lie at the end of both.
   * Commits. @throws VolumeFullError, with the volume as it was in size
   */
  resize(size: number): void {
    const journal = this.#journal;
    assert(journal !== null && this.writable, 'only a volume that is open for writing is resized');
    assert(size <= this.#device.size && size % SECTOR === 0, 'the device has room for the volume');
    this.commit();
    resizeVolume({
      mounted: this.#mounted,
      volume: this.#volume,
      journal,
      size,
      commit: () => this.commit(),
      commitIfDue: () => this.commitDue && this.commit(),
      commitMoved: (place) => {
        this.#moved = place;
        this.commit();
      },
      commitEnds: (ends) => {
        this.#ends = [...new Set([...ends, this.#device.size])];
        this.#isMarked = false;
        this.#mounted.headerChanged = true;
        this.commit();
      },
    });
  }

  close(): void {
    if (!this.writable || this.#hasFailed) return;
    this.commit();
    if (!this.#isMarked) return;
    this.#device.flush();
    const header = this.#headerBytes(true);
    for (const end of this.#ends) this.#device.write(end - HEADER_AT, header);
    this.#device.write(HEADER_AT, header);
    this.#device.flush();
    this.#isMarked = false;
  }
  abandon(): void {}

  /** What the next commit puts into the journal, as of now. */
  get #journaledBytes(): number {
    let bytes = this.#mounted.allocation.dirtyBytes;
    for (const { file } of this.#mounted.treeFiles) bytes += file.journaledBytes;
    return bytes;
  }

  #hasChanges(): boolean {
    const { headerChanged, treeFiles, allocation } = this.#mounted;
    return (
      headerChanged || allocation.dirtyBytes > 0 || treeFiles.some(({ file, fork }) => fork.changed || file.hasChanges)
    );
  }

  /** Extents of the trees' files into header and overflow tree. */
  #putForks(): void {
    const { header, extents, catalog, attributes } = this.#mounted;
    let overflowing = 0;
    for (const { fork } of [catalog, attributes].filter((tree) => tree !== null))
      if (fork.changed) overflowing += Math.ceil(Math.max(0, fork.extents.length - 8) / 8);
    if (overflowing > 0) extents.tree.reserve(overflowing);
    const record = (tree: TreeFile, old: ForkRecord): ForkRecord => {
      if (!tree.fork.changed) return old;
      const first =
        tree.id === CNID.extentsFile
          ? extentRecords(tree.fork.extents)
          : putForkExtents(
              extents.tree,
              { id: tree.id, forkType: FORK_TYPE.data },
              tree.fork.extents,
              tree.fork.extents,
            );
      return { ...old, logicalSize: tree.fork.size, totalBlocks: blocksOf(tree.fork.extents), extents: first };
    };
    header.catalogFile = record(catalog, header.catalogFile);
    if (attributes) header.attributesFile = record(attributes, header.attributesFile);
    header.extentsFile = record(extents, header.extentsFile);
  }

  /** Nodes in blocks that no fork of the last commit holds, neighbours joined into long writes. */
  #writeFreshNodes(): void {
    const { writer } = this.#mounted;
    for (const { file } of this.#mounted.treeFiles)
      for (const node of file.dirtyNodes())
        if (node.number >= file.committedNodes) writer.write(file.position(node), node.bytes);
    writer.flush();
  }

  #journaledBlocks(): JournalBlock[] {
    const blocks: JournalBlock[] = [];
    for (const { file } of this.#mounted.treeFiles)
      for (const node of file.dirtyNodes())
        if (node.number < file.committedNodes) blocks.push({ position: file.position(node), bytes: node.bytes });
    blocks.push(...this.#mounted.allocation.dirtyPieces(Math.max(512, Math.min(this.blockSize, 4096))));
    const header = this.#headerBytes(false);
    if (!this.#isMarked || this.#mounted.treeFiles.some(({ fork }) => fork.changed))
      for (const end of this.#ends) blocks.push({ position: end - HEADER_AT, bytes: header });
    blocks.push({ position: HEADER_AT, bytes: header });
    this.#isMarked = true;
    return blocks;
  }

  #headerBytes(isClean: boolean): Uint8Array {
    const { header, allocation } = this.#mounted;
    header.freeBlocks = allocation.freeBlocks;
    header.nextAllocation = Math.min(allocation.next, header.totalBlocks - 1);
    header.lastMountedVersion = LAST_MOUNTED;
    header.modifyDate = Math.floor(this.#options.now()) + EPOCH_OFFSET;
    header.writeCount = (header.writeCount + 1) >>> 0;
    const { unmounted, bootVolumeInconsistent } = VOLUME_ATTRIBUTES;
    const attributes = header.attributes & ~bootVolumeInconsistent;
    header.attributes = (isClean ? attributes | unmounted : attributes & ~unmounted) >>> 0;
    const bytes = new Uint8Array(VolumeHeader.size);
    VolumeHeader.write(new DataView(bytes.buffer), 0, header);
    return bytes;
  }
}
