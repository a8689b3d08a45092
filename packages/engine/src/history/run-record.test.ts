import { MemoryVolume } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { OwnFolders } from './own-folder.js';
import { lastTotals, type RunHead, RunRecord, readRunHeads } from './run-record.js';

const owner = { uid: 0, gid: 0 };

function head(run: string): RunHead {
  return { version: 1, run, host: 'h', started: '2026-01-02T03:04:05.000Z', source: '/s', safetynet: null };
}

function setUp() {
  const volume = new MemoryVolume();
  return { volume, folders: new OwnFolders(volume, { mode: 0o755, ...owner, now: 0 }) };
}

test('a run that came to its end says what it found', () => {
  const { volume, folders } = setUp();
  expect(lastTotals(volume)).toBeNull();
  const record = new RunRecord(volume, folders, head('20260102T030405Z-1'), owner);
  record.action('created', '/a');
  record.commit(1, null);
  expect(lastTotals(volume)).toBeNull();
  record.action('created', '/b');
  record.commit(2, { items: 2, bytes: 30 });
  expect(lastTotals(volume)).toEqual({ items: 2, bytes: 30 });
});

test('only the newest run counts', () => {
  const { volume, folders } = setUp();
  new RunRecord(volume, folders, head('20260102T030405Z-1'), owner).commit(1, { items: 2, bytes: 30 });
  new RunRecord(volume, folders, head('20260103T030405Z-1'), owner).commit(1, null);
  expect(lastTotals(volume)).toBeNull();
  expect(readRunHeads(volume, folders).map(({ run }) => run)).toEqual(['20260102T030405Z-1', '20260103T030405Z-1']);
});

test('a last line that is not ours says nothing', () => {
  for (const line of [
    '{"commit":1,"items":-1,"bytes":2}',
    '{"commit":1,"items":"9","bytes":2}',
    'null',
    '{',
    'x'.repeat(900),
  ]) {
    const { volume, folders } = setUp();
    const record = new RunRecord(volume, folders, head('20260102T030405Z-1'), owner);
    record.commit(1, { items: 1, bytes: 1 });
    const folder = folders.find('.tintype', 'runs');
    const [file] = volume.list(folder?.id ?? 0);
    volume.write(file?.id ?? 0, file?.size ?? 0, Buffer.from(`${line}\n`));
    expect(lastTotals(volume)).toBeNull();
  }
});
