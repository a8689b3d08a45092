import { MemoryVolume } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { findItem } from '../tree/find-item.js';
import { OwnFolders } from './own-folder.js';
import { readPins, writePins } from './pins.js';

const place = () => {
  const volume = new MemoryVolume({ uuid: 'U' });
  return { volume, folders: new OwnFolders(volume, { mode: 0o755, uid: 1, gid: 2, now: 1000 }) };
};
const entry = (xid: number) => ({ xid, name: `s${xid}`, created: 0n });

test('pins are kept in a file of ours, and only those that were written last', () => {
  const { volume, folders } = place();
  expect(readPins(volume, 'U')).toEqual(new Set());
  writePins(volume, folders, { uuid: 'U', pinned: [1, 2, 3].map(entry) });
  expect(readPins(volume, 'U')).toEqual(new Set([1, 2, 3]));
  writePins(volume, folders, { uuid: 'U', pinned: [entry(2)] });
  expect(readPins(volume, 'U')).toEqual(new Set([2]));
  expect(readPins(volume, 'another')).toEqual(new Set());
});

test('lines that are no pins say nothing', () => {
  const { volume, folders } = place();
  writePins(volume, folders, { uuid: 'U', pinned: [] });
  const file = findItem(volume, '_SafetyNet/.tintype/pins.jsonl');
  volume.write(
    file?.id ?? -1,
    0,
    Buffer.from('null\n{"xid":1.5,"volume":"U"}\n{"xid":7,"volume":"U"}\n{"xid":"8"}\n{'),
  );
  expect(readPins(volume, 'U')).toEqual(new Set([7]));
});
