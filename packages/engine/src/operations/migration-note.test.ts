import { CrashStore, MemoryStore } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { readNote, removeNote, writeNote } from './migration-note.js';

test('after a cut there is the old note, the new one, or none that counts', () => {
  const [old, next] = [
    { source: 'a', differed: false },
    { source: 'a', differed: true },
  ];
  const start = new MemoryStore();
  start.makeFolder('f');
  writeNote(start, 'f/out', old);
  const crash = new CrashStore(start);
  writeNote(crash, 'f/out', next);
  expect(readNote(crash, 'f/out')).toEqual(next);
  for (const { store } of [...crash.prefixes(), ...crash.randomStates({ seed: 1, count: 50 })])
    expect([old, next, null]).toContainEqual(readNote(store, 'f/out'));
  removeNote(crash, 'f/out');
  removeNote(crash, 'f/out');
  expect(crash.list('f')).toEqual([]);
});
