import { MemoryVolume } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { folderAt, OwnFolders } from './own-folder.js';
import { freeSafetyNetName, safetyNetName } from './safetynet-name.js';

const MOMENT = Date.UTC(2027, 0, 15, 8, 0, 7) / 1000;
const template = { mode: 0o700, uid: 0, gid: 0, now: MOMENT };

test('a run is named by its time in UTC', () => {
  expect(safetyNetName(MOMENT)).toBe('2027-01-15 08-00-07');
});

test('a second run of the same second gets a number', () => {
  const volume = new MemoryVolume();
  const folders = new OwnFolders(volume, template);
  expect(freeSafetyNetName(volume, folders, MOMENT)).toBe('2027-01-15 08-00-07');
  const net = folderAt(volume, volume.root.id, '_SafetyNet', template);
  folderAt(volume, net, '2027-01-15 08-00-07', template);
  folderAt(volume, net, '2027-01-15 08-00-07 2', template);
  expect(freeSafetyNetName(volume, folders, MOMENT)).toBe('2027-01-15 08-00-07 3');
});
