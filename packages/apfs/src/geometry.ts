// How large the parts of a container are: all of it follows from the number of blocks. Checked on 28 containers of mkapfs and
// five of macOS; apfsck and macOS demand these counts and limits. See docs/formats/apfs.md.

import { MAPPINGS_PER_BLOCK } from './structs/checkpoint.js';
import { BLOCK_SIZE } from './structs/container.js';
import {
  BLOCKS_PER_CHUNK,
  CHUNKS_PER_CIB,
  CIBS_PER_CAB,
  IP_BM_TX_MULTIPLIER,
  SPACEMAN_SIZE,
} from './structs/spaceman.js';

const POOL_GENERATIONS = 3;
/** Bytes for each volume that a container may have. */
export const VOLUME_SHARE = 512 * 1024 * 1024;
const MAX_VOLUMES = 100;
const SMALL_CONTAINER = 128 * 1024 * 1024;
/** Ephemeral objects that a volume may have, and checkpoints that must fit the rings. */
const EPHEMERALS_PER_VOLUME = 4;
const CHECKPOINTS = 4;

export interface Geometry {
  readonly blocks: number;
  readonly chunks: number;
  readonly cibs: number;
  /** Never 1: a single one is not used. */
  readonly cabs: number;
  readonly poolBlocks: number;
  /** Blocks of one bitmap of the pool, and of the ring of them. */
  readonly poolBitmapBlocks: number;
  readonly poolRingBlocks: number;
  readonly poolQueueLimit: number;
  readonly mainQueueLimit: number;
  readonly maxVolumes: number;
  /** First part of nx_ephemeral_info[0]. */
  readonly minEphemerals: number;
  readonly descriptorBlocks: number;
  readonly dataBlocks: number;
}

export function geometry(blocks: number): Geometry {
  const chunks = Math.ceil(blocks / BLOCKS_PER_CHUNK);
  const cibs = Math.ceil(chunks / CHUNKS_PER_CIB);
  const allCabs = Math.ceil(cibs / CIBS_PER_CAB);
  const cabs = allCabs === 1 ? 0 : allCabs;
  const poolBlocks = POOL_GENERATIONS * (chunks + cibs + cabs);
  const poolBitmapBlocks = Math.ceil(poolBlocks / BLOCKS_PER_CHUNK);
  const poolQueueLimit = withoutTwo(Math.floor((3 * (chunks + 751)) / 1127) - 1);
  const mainQueueLimit = withoutTwo(mainLimit(blocks));
  const maxVolumes = Math.min(MAX_VOLUMES, Math.ceil((blocks * BLOCK_SIZE) / VOLUME_SHARE));
  const minEphemerals = blocks * BLOCK_SIZE < SMALL_CONTAINER ? mainQueueLimit : 8;
  // Blocks that one checkpoint may need: spaceman and reaper, both queues, the volumes' own.
  const most = 3 + poolQueueLimit + mainQueueLimit + 2 * EPHEMERALS_PER_VOLUME * minEphemerals * maxVolumes;
  return {
    blocks,
    chunks,
    cibs,
    cabs,
    poolBlocks,
    poolBitmapBlocks,
    poolRingBlocks: IP_BM_TX_MULTIPLIER * poolBitmapBlocks,
    poolQueueLimit,
    mainQueueLimit,
    maxVolumes,
    minEphemerals,
    descriptorBlocks: CHECKPOINTS * (Math.ceil(most / MAPPINGS_PER_BLOCK) + 1),
    dataBlocks: CHECKPOINTS * most,
  };
}

function mainLimit(blocks: number): number {
  if (blocks < 262_144) return 1 + Math.floor((blocks - 1) / 4544);
  return blocks < 1_048_576 ? 116 + Math.floor((blocks - 261_281) / 2272) : 512;
}
/** There is no limit of two nodes: splitting a root needs two new ones. */
function withoutTwo(limit: number): number {
  return limit === 2 ? 3 : limit;
}

/** Bytes from the start of the space manager to its arrays, and its length. */
export interface SpacemanLayout {
  readonly xids: number;
  readonly slots: number;
  readonly freeNext: number;
  readonly addresses: number;
  readonly tier2Addresses: number;
  /** Whole blocks. */
  readonly size: number;
}

export function spacemanLayout({ poolBitmapBlocks, poolRingBlocks, cibs, cabs }: Geometry): SpacemanLayout {
  const xids = SPACEMAN_SIZE;
  const slots = xids + 8 * poolBitmapBlocks;
  const freeNext = slots + 8 * Math.ceil((2 * poolBitmapBlocks) / 8);
  const addresses = freeNext + 2 * poolRingBlocks;
  const tier2Addresses = addresses + 8 * (cabs || cibs);
  return {
    xids,
    slots,
    freeNext,
    addresses,
    tier2Addresses,
    size: BLOCK_SIZE * Math.ceil(tier2Addresses / BLOCK_SIZE),
  };
}
