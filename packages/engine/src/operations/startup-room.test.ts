import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { showSize, VolumeFullError } from '@tintype/core';
import { MemoryStore, withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { EngineEvent } from '../events.js';
import { create } from '../maintenance/create.js';
import { memoryContext } from '../maintenance/waste.testing.js';
import type { BackupOptions } from '../operation.js';
import { STARTUP_RESERVE } from '../rules/startup-disk.js';
import { folderSide } from './sides.js';
import { HostReserve, startupRoom } from './startup-room.js';

const MIB = 1 << 20;

function asked(source: string, capacity: number, changes: Partial<BackupOptions> = {}, isThere = false) {
  const store = new MemoryStore({ limits: { capacity } });
  const events: EngineEvent[] = [];
  const context = memoryContext(store, events);
  const options = { source, destination: '/a.img', scheduled: true, ...changes };
  if (isThere) create({ image: '/a.img', size: 8 * MIB, preallocate: true }, context);
  const side = folderSide(source, false);
  const room = () => startupRoom(options, isThere ? 'image' : 'new-image', side, context, () => true);
  return { room, used: side.fileSystem.capacity - side.fileSystem.free, events };
}

test('B42: a scheduled run to an image on the startup disk wants room for all that the source uses, and 1 GB', () => {
  withFolder((source) => {
    const { used } = asked(source, 2 ** 40);
    // Other programs of this host use its disk meanwhile.
    const slack = 2 ** 32;
    const little = asked(source, used - slack);
    expect(little.room).toThrow(expect.objectContaining({ code: 'startup-disk' }));
    expect(little.room).toThrow(
      new RegExp(`has ${showSize(used - slack)} free: [\\d.]+ [GT]B are wanted .*and 1.00 GB that stay free`),
    );
    expect(little.events).toContainEqual({ type: 'phase', name: 'startup-disk' });
    expect(asked(source, used + STARTUP_RESERVE + slack).room()).not.toBeNull();
  });
});

test('B42: by the size of the selection; and never where nobody scheduled it, or the image cannot grow', () => {
  withFolder((source) => {
    mkdirSync(join(source, 'left out'));
    writeFileSync(join(source, 'left out', 'large'), Buffer.alloc(10 * MIB));
    writeFileSync(join(source, 'small'), Buffer.alloc(MIB));
    const capacity = STARTUP_RESERVE + MIB;
    const selected = { selectionSize: true, filters: ['left out'] };
    expect(asked(source, capacity, selected).room()).not.toBeNull();
    expect(asked(source, capacity - 1, selected).room).toThrow(`${showSize(MIB)} for what is selected of the source`);
    expect(asked(source, capacity, { selectionSize: true }).room).toThrow(`${showSize(11 * MIB)} for what is selected`);
    expect(asked(source, MIB, { scheduled: false }).room()).toBeNull();
    expect(asked(source, 64 * MIB, {}, true).room()).toBeNull();
  });
});

test('B43: the reserve is guarded while contents are written', () => {
  const store = new MemoryStore({ limits: { capacity: STARTUP_RESERVE + 100 * MIB } });
  const reserve = new HostReserve(store, '/a.sparseimage');
  const file = store.open('/a.sparseimage', 'create');
  let written = 0;
  const write = () => {
    reserve.require(MIB);
    file.write(written, Buffer.alloc(MIB, 1));
    written += MIB;
  };
  expect(() => {
    for (;;) write();
  }).toThrow(VolumeFullError);
  expect(written).toBe(100 * MIB);
  expect(write).toThrow(expect.objectContaining({ code: 'startup-disk' }));
});
