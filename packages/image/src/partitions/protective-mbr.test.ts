import { MemoryDevice } from '@tintype/core';
import { expect, test } from 'vitest';
import { protectiveMbr, protectiveMbrFindings, repairProtectiveMbr } from './protective-mbr.js';

test('one entry of type ee stands for all blocks but the first, as many as it can count', () => {
  const counted = (blocks: number) => new DataView(protectiveMbr(blocks).buffer).getUint32(446 + 12, true);
  expect([protectiveMbr(100)[450], counted(100), counted(2 ** 33)]).toEqual([0xee, 99, 0xffff_ffff]);
});

test('of a disk in blocks of 4096 bytes these are counted', () => {
  const device = new MemoryDevice(new Uint8Array(1 << 20));
  expect(protectiveMbrFindings(device)).toMatchObject([{ kind: 'mbr-protective' }]);
  expect(repairProtectiveMbr(device, 4096)).toHaveLength(1);
  const sector = new Uint8Array(512);
  device.read(0, sector);
  expect(Buffer.compare(sector, protectiveMbr(256))).toBe(0);
  expect(protectiveMbrFindings(device)).toEqual([]);
});
