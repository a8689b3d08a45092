import { MemoryVolume } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { OwnFolders } from './own-folder.js';
import { actionsBackwards, lastTotals, readRunHeads, runFiles } from './run-log.js';
import { type RunHead, RunRecord } from './run-record.js';

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
  expect(readRunHeads(volume).map(({ run }) => run)).toEqual(['20260102T030405Z-1', '20260103T030405Z-1']);
});

test.each([
  ['{"commit":2,"items":-1,"bytes":2}', null],
  ['{"commit":2,"items":"9","bytes":2}', null],
  ['null', { items: 1, bytes: 1 }],
  ['{', { items: 1, bytes: 1 }],
  ['x'.repeat(300_000), { items: 1, bytes: 1 }],
])('behind the last commit stands %.40s', (line, totals) => {
  const { volume, folders } = setUp();
  new RunRecord(volume, folders, head('20260102T030405Z-1'), owner).commit(1, { items: 1, bytes: 1 });
  const [file] = volume.list(folders.find('.tintype', 'runs')?.id ?? 0);
  volume.write(file?.id ?? 0, file?.size ?? 0, Buffer.from(`${line}\n`));
  expect(lastTotals(volume)).toEqual(totals);
});

test('actions come last first, from the last commit on; those that lead elsewhere are passed over', () => {
  const { volume, folders } = setUp();
  const record = new RunRecord(volume, folders, head('20260102T030405Z-1'), owner);
  for (const path of ['/a', '/a/../b', '/_SafetyNet/x', 'relative', '/a//b', '/']) record.action('created', path);
  record.action('moved', '/m', '/_SafetyNet/2026/m');
  record.action('removed', '/n', '/elsewhere');
  record.commit(1, null);
  record.action('created', '/too-late');
  record.commit(2, null);
  const [file] = runFiles(volume);
  if (!file) throw new Error('there is a record');
  volume.truncate(file.item.id, file.item.size - '{"commit":2}\n'.length);
  const [cut] = runFiles(volume);
  expect(cut && [...actionsBackwards(volume, cut.item)]).toEqual([
    { action: 'moved', path: '/m', to: '/_SafetyNet/2026/m' },
    { action: 'created', path: '/a', to: null },
  ]);
});
