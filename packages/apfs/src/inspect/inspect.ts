// Structures of a container, field by field, as they lie on the device: what `tintype inspect` shows. Damaged ones are what
// one wants to look at, so nothing but the way to a structure must be sound.

import { type BlockDevice, CorruptError, UnsupportedError, u32le, u64le } from '@tintype/core';
import { isSealed, viewOf } from '../object.js';
import { readEphemeral } from '../reading/checkpoint-choice.js';
import { ContainerReader } from '../reading/container-reader.js';
import { VolumeHead } from '../reading/volume-head.js';
import { CheckpointMap, CheckpointMapping } from '../structs/checkpoint.js';
import { NxSuperblock } from '../structs/container.js';
import { OBJECT_TYPE, ObjectHeader, TYPE_MASK } from '../structs/object.js';
import { Omap } from '../structs/object-map.js';
import { NxReaper } from '../structs/reaper.js';
import { ChunkInfo, ChunkInfoBlock, CibAddrBlock, Spaceman } from '../structs/spaceman.js';
import { VolumeSuperblock } from '../structs/volume.js';
import { inspectNode } from './node.js';

const PLACES = [
  'superblock: the container superblock of the checkpoint that is read',
  'copy: the one in block 0',
  'checkpoint: its maps of ephemeral objects',
  'spaceman: the space manager',
  'omap: the object map of the container',
  'volume:N: the superblock of the volume in slot N',
  'omap:N, root:N: object map of that volume, and the root of its tree',
  'block:N: block N, as what its header says it is',
];
const BYTES_SHOWN = 4096;
const LINE = 32;

/**
 * Lines of text. `place`: see the list that `null` gives.
 * @throws UnsupportedError for a place that does not exist; CorruptError if the way there is damaged
 */
export function* inspect(device: BlockDevice, place: string | null): Generator<string> {
  if (place === null) {
    yield* PLACES;
    return;
  }
  const [, name = '', digits] = /^([a-z]+)(?::(\d{1,15}))?$/.exec(place) ?? [];
  const number = digits === undefined ? null : Number(digits);
  const container = new ContainerReader(device);
  const { blocks, superblock } = container;
  if (name === 'superblock' && number === null) yield NxSuperblock.dump(superblock, 0);
  else if (name === 'copy' && number === null) yield NxSuperblock.dump(firstBlock(device, blocks.size), 0);
  else if (name === 'checkpoint' && number === null) yield* checkpoint(container);
  else if (name === 'spaceman' && number === null) yield* spaceman(container);
  else if (name === 'omap' && number === null)
    yield* object(container, u64le(superblock, 0, NxSuperblock.at.nx_omap_oid));
  else if (name === 'volume' && number !== null) yield VolumeSuperblock.dump(volume(container, number).view, 0);
  else if (name === 'omap' && number !== null)
    yield* object(container, volume(container, number).number('apfs_omap_oid'));
  else if (name === 'root' && number !== null) yield* root(container, number);
  else if (name === 'block' && number !== null) yield* object(container, number);
  else throw new UnsupportedError(`there is no place ${JSON.stringify(place)}; ${PLACES.join('; ')}`, { place });
}

function firstBlock(device: BlockDevice, size: number): DataView {
  const bytes = new Uint8Array(size);
  device.read(0, bytes);
  return viewOf(bytes);
}

function volume(container: ContainerReader, slot: number): VolumeHead {
  const found = container.volumes().find((each) => each.slot === slot);
  if (!found) throw new UnsupportedError(`the container has no volume in slot ${slot}`, { slot });
  if (found.head instanceof VolumeHead) return found.head;
  throw found.head;
}

function* checkpoint(container: ContainerReader): Generator<string> {
  const { superblock, blocks } = container;
  const { at } = NxSuperblock;
  const count = u32le(superblock, 0, at.nx_xp_desc_blocks);
  const index = u32le(superblock, 0, at.nx_xp_desc_index);
  for (let i = 0; i < u32le(superblock, 0, at.nx_xp_desc_len) - 1; i += 1)
    yield* object(container, u64le(superblock, 0, at.nx_xp_desc_base) + ((index + i) % count));
  for (const place of container.checkpoint.ephemerals) {
    yield `object ${place.oid} at block ${place.block}, ${place.size} bytes`;
    yield ObjectHeader.dump(readEphemeral(blocks, superblock, place), 0);
  }
}

function* spaceman(container: ContainerReader): Generator<string> {
  const view = container.spaceman();
  if (!view) throw new UnsupportedError('the checkpoint has no space manager');
  yield Spaceman.dump(view, 0);
  yield `${container.freeBlocks} blocks are free`;
}

/** The root of a volume's tree, wherever its object map says it is. */
function* root(container: ContainerReader, slot: number): Generator<string> {
  const head = volume(container, slot);
  const oid = head.number('apfs_root_tree_oid');
  const { block } = container.mapOf(head).require(oid, container.xid);
  yield `object ${oid} at block ${block}`;
  if (head.isEncrypted) yield 'it is encrypted, and shown as it lies there';
  yield* object(container, block);
}

/** A block, as what its header says it is; without a header its first bytes. */
function* object({ blocks }: ContainerReader, number: number): Generator<string> {
  const bytes = number === 0 ? new Uint8Array(firstBlock(blocks.device, blocks.size).buffer) : blocks.read(number);
  const view = viewOf(bytes);
  if (!isSealed(view)) {
    yield 'its checksum does not hold, so it is no object, or a damaged one';
    for (let at = 0; at < Math.min(BYTES_SHOWN, bytes.length); at += LINE)
      yield `${(number * blocks.size + at).toString(16).padStart(12, '0')}  ${Buffer.from(bytes.buffer, at, LINE).toString('hex')}`;
    return;
  }
  try {
    yield* known(view);
  } catch (error) {
    if (!(error instanceof CorruptError || error instanceof RangeError)) throw error;
    yield `  it cannot be followed further: ${error.message}`;
  }
}

function* known(view: DataView): Generator<string> {
  const type = u32le(view, 0, ObjectHeader.at.o_type) & TYPE_MASK;
  if (type === OBJECT_TYPE.superblock) yield NxSuperblock.dump(view, 0);
  else if (type === OBJECT_TYPE.volume) yield VolumeSuperblock.dump(view, 0);
  else if (type === OBJECT_TYPE.omap) yield Omap.dump(view, 0);
  else if (type === OBJECT_TYPE.reaper) yield NxReaper.dump(view, 0);
  else if (type === OBJECT_TYPE.spaceman) yield Spaceman.dump(view, 0);
  else if (type === OBJECT_TYPE.cibAddresses) yield CibAddrBlock.dump(view, 0);
  else if (type === OBJECT_TYPE.checkpointMap)
    yield* listOf(view, CheckpointMap, CheckpointMapping, CheckpointMap.at.cpm_count);
  else if (type === OBJECT_TYPE.chunkInfo)
    yield* listOf(view, ChunkInfoBlock, ChunkInfo, ChunkInfoBlock.at.cib_chunk_info_count);
  else if (type === OBJECT_TYPE.btree || type === OBJECT_TYPE.btreeNode) yield* inspectNode(view);
  else yield ObjectHeader.dump(view, 0);
}

/** What `dump` is to a structure. */
interface Shown {
  readonly size: number;
  dump(view: DataView, at: number): string;
}

function* listOf(view: DataView, head: Shown, entry: Shown, countAt: number): Generator<string> {
  yield head.dump(view, 0);
  const count = view.getUint32(countAt, true);
  for (let i = 0; i < count && head.size + (i + 1) * entry.size <= view.byteLength; i += 1)
    yield entry.dump(view, head.size + i * entry.size);
}
