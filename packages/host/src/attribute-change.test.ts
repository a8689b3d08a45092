import { expect, test } from 'vitest';
import { keptChange } from './attribute-change.js';

const all = { mode: 0o6755, uid: 12_345, gid: 12_345, flags: 1, mtime: 5, mtimeNanos: 6, btime: 7 };

test('with owners all goes on but what the host has not', () => {
  expect(keptChange(all, { keepsOwners: true })).toEqual({
    mode: 0o6755,
    uid: 12_345,
    gid: 12_345,
    mtime: 5,
    mtimeNanos: 6,
  });
});

test('without owners nobody else’s setuid becomes ours', () => {
  expect(keptChange(all, { keepsOwners: false })).toEqual({ mode: 0o755, mtime: 5, mtimeNanos: 6 });
  const ours = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, mode: 0o4755 };
  expect(keptChange(ours, { keepsOwners: false })).toEqual({ mode: 0o4755 });
});
