// A driver for firmware, as an installer of macOS would leave it, damaged in one field.

import { MemoryDevice } from '@tintype/core';
import { expect, test } from 'vitest';
import { put64, putHeader, seal, viewOf } from '../object.js';
import { Blocks } from '../reading/blocks.js';
import { EfiJumpstart } from '../structs/efi-jumpstart.js';
import { OBJECT_TYPE, STORAGE } from '../structs/object.js';
import { BlockMap } from './block-map.js';
import { checkJumpstart } from './efi-jumpstart.js';
import { Report } from './report.js';

const BLOCK = 4096;
const COUNT = 100;
const PLACE = 20;
const XID = 7;
const at = EfiJumpstart.at;

/** Five blocks in two pieces. */
function messagesAfter(change: (view: DataView) => void): string[] {
  const bytes = new Uint8Array(COUNT * BLOCK);
  const view = viewOf(bytes.subarray(PLACE * BLOCK, (PLACE + 1) * BLOCK));
  const type = (STORAGE.physical | OBJECT_TYPE.efiJumpstart) >>> 0;
  putHeader(view, { oid: PLACE, xid: 3, type, subtype: 0 });
  view.setUint32(at.nej_magic, 0x5244_534a, true);
  view.setUint32(at.nej_version, 1, true);
  view.setUint32(at.nej_efi_file_len, 5 * BLOCK - 10, true);
  view.setUint32(at.nej_num_extents, 2, true);
  for (const [i, number] of [30, 2, 40, 3].entries()) put64(view, EfiJumpstart.size + 8 * i, number);
  change(view);
  seal(view);
  const report = new Report();
  const used = new BlockMap(COUNT, BLOCK, report);
  const blocks = new Blocks(new MemoryDevice(bytes), BLOCK, COUNT);
  report.attempt('efi-jumpstart', 'EFI', () => checkJumpstart({ blocks, block: PLACE, xid: XID }, report, used));
  return report.take().map(({ kind, message }) => `${kind}: ${message}`);
}

test('a sound one', () => {
  expect(messagesAfter(() => {})).toEqual([]);
});
test.each<[string, string, (view: DataView) => void]>([
  ['magic', 'efi-jumpstart: nej_magic', (view) => view.setUint32(at.nej_magic, 1, true)],
  ['version', 'efi-jumpstart: nej_version', (view) => view.setUint32(at.nej_version, 2, true)],
  ['an empty driver', 'efi-jumpstart: nej_efi_file_len', (view) => view.setUint32(at.nej_efi_file_len, 0, true)],
  [
    'a longer driver',
    'efi-jumpstart: the driver has 5',
    (view) => view.setUint32(at.nej_efi_file_len, 9 * BLOCK, true),
  ],
  ['too many pieces', 'efi-jumpstart: nej_num_extents', (view) => view.setUint32(at.nej_num_extents, 246, true)],
  ['something reserved', 'efi-jumpstart: nej_reserved', (view) => view.setUint8(at.nej_reserved + 100, 1)],
  ['an empty piece', 'efi-jumpstart: a piece', (view) => put64(view, EfiJumpstart.size + 8, 0)],
  ['a piece outside', 'block-outside: ', (view) => put64(view, EfiJumpstart.size + 16, 99)],
  ['a piece in another', 'block-shared: ', (view) => put64(view, EfiJumpstart.size + 16, 31)],
  ['a subtype', 'object-header: ', (view) => view.setUint32(at.o_subtype, 1, true)],
  ['its transaction', 'efi-jumpstart: ', (view) => put64(view, at.o_xid, 8)],
])('%s', (_, wanted, change) => {
  expect(messagesAfter(change).some((message) => message.startsWith(wanted))).toBe(true);
});
