// The structure that leads firmware to its driver, field by field. See docs/formats/apfs.md.

import { u32le } from '@tintype/core';
import type { Blocks } from '../reading/blocks.js';
import { driverExtents, readJumpstart } from '../reading/efi-jumpstart.js';
import { EFI_JUMPSTART_MAGIC, EFI_JUMPSTART_VERSION, EfiJumpstart } from '../structs/efi-jumpstart.js';
import { Prange } from '../structs/keybag.js';
import type { BlockMap } from './block-map.js';
import { type FieldRules, judgeFields, oneOf, ZERO } from './fields.js';
import type { Report } from './report.js';

const PLACE = 'EFI jumpstart';
const at = EfiJumpstart.at;

/** The number is that of ranges that fit. */
const RULES: FieldRules<typeof EfiJumpstart.fields, number> = {
  nej_magic: oneOf(EFI_JUMPSTART_MAGIC),
  nej_version: oneOf(EFI_JUMPSTART_VERSION),
  nej_efi_file_len: { wants: 'anything but 0', holds: (value) => value > 0n },
  nej_num_extents: {
    wants: (most) => `at most ${most.toString(16)}`,
    holds: (value, most) => value <= BigInt(most),
  },
  nej_reserved: ZERO,
};

export interface JumpstartPlace {
  readonly blocks: Blocks;
  readonly block: number;
  readonly xid: number;
}

/** Marks its blocks and those of the driver. @throws CorruptError */
export function checkJumpstart({ blocks, block, xid }: JumpstartPlace, report: Report, used: BlockMap): void {
  const view = readJumpstart(blocks, block, xid);
  used.mark(block, 1, PLACE);
  report.header(PLACE, view);
  const tell = (message: string): void => report.add('efi-jumpstart', PLACE, message);
  const most = Math.floor((blocks.size - EfiJumpstart.size) / Prange.size);
  judgeFields(EfiJumpstart, RULES, { view, at: 0, facts: most }, tell);
  let total = 0;
  for (const { start, count } of driverExtents(blocks, block, xid)) {
    if (count === 0) tell(`a piece of the driver at ${start} has no blocks`);
    used.mark(start, count, 'EFI driver');
    total += count;
  }
  const wanted = Math.ceil(u32le(view, 0, at.nej_efi_file_len) / blocks.size);
  if (total !== wanted) tell(`the driver has ${total} blocks, not ${wanted}`);
}
